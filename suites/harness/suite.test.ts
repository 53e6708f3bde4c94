// SPDX-License-Identifier: GPL-2.0-only
import { appendFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { describeSuite } from './suite.ts';

/** A checkout of a little suite. */
async function checkout(): Promise<string> {
  const root = await temporaryFolder();
  for (const folder of ['cli', 'kernel', 'lib', 'modules', 'reporters', 'specs', 'suites']) {
    await mkdir(join(root, folder));
    await writeFile(join(root, folder, 'one.ts'), folder);
  }
  await writeFile(join(root, 'package.json'), '{"version":"1.2.3"}');
  for (const file of ['package-lock.json', 'vitest.config.ts']) await writeFile(join(root, file), '');
  const git = (...args: readonly string[]): Promise<unknown> => execa('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args]);
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'x');
  return root;
}

test('what lies beside the suite does not change it', async () => {
  const root = await checkout();
  const before = await describeSuite(root);
  expect(before).toMatchObject({ version: '1.2.3', dirty: false, revision: expect.stringMatching(/^[0-9a-f]{40}$/) as string });

  await mkdir(join(root, 'certification'));
  await writeFile(join(root, 'certification/results.json'), '');
  await writeFile(join(root, 'vendor.key'), '');

  expect(await describeSuite(root)).toEqual(before);
});

test('a test that git ignores changes it, as an edit does', async () => {
  const root = await checkout();
  const before = await describeSuite(root);
  await appendFile(join(root, '.git/info/exclude'), 'extra.suite.ts\n');

  await writeFile(join(root, 'suites/extra.suite.ts'), '');

  const after = await describeSuite(root);
  expect(after).toMatchObject({ dirty: true, revision: before.revision });
  expect(after.files).not.toEqual(before.files);
});

test('without git the revision is unknown, and the files are the same', async () => {
  const root = await checkout();
  const before = await describeSuite(root);
  const copy = join(await temporaryFolder(), 'copy');
  await cp(root, copy, { recursive: true });
  await rm(join(copy, '.git'), { recursive: true });

  const { revision, files } = await describeSuite(copy);

  expect(files).toEqual(before.files);
  expect(revision).toMatch(/^[0-9a-f]{64}$/);
});
