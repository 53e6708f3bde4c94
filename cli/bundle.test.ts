// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../lib/paths.ts';
import { temporaryFolder } from '../lib/testing/temporary-folder.ts';

interface Project {
  readonly root: string;
  readonly write: (file: string, text: string) => Promise<void>;
  /** What the command prints; `temporary` is its TMPDIR. */
  readonly run: () => Promise<string>;
  readonly temporary: string;
}

/** A small project with the real aemcert.js and bundle.js. */
async function project(): Promise<Project> {
  const root = await temporaryFolder();
  const temporary = await temporaryFolder();
  for (const file of ['cli/aemcert.js', 'cli/bundle.js', 'lib/paths.ts']) await cp(join(projectRoot, file), join(root, file));
  const write = (file: string, text: string): Promise<void> => writeFile(join(root, file), text);
  await write('package.json', '{ "type": "module" }');
  await write('package-lock.json', '{}');
  await write('cli/main.ts', `import { word } from '../lib/word.ts';
    import { projectRoot } from '../lib/paths.ts';
    process.stdout.write(word + ' ' + projectRoot);`);
  await write('lib/word.ts', `export const word: string = 'first';`);
  await mkdir(join(root, 'node_modules'));
  await symlink(join(projectRoot, 'node_modules/esbuild'), join(root, 'node_modules/esbuild'));
  const run = async (): Promise<string> =>
    (await promisify(execFile)('node', [join(root, 'cli/aemcert.js')], { env: { ...process.env, TMPDIR: temporary } })).stdout;
  return { root, write, run, temporary };
}

test('what runs is the sources as they are, and knows where it is', async () => {
  const { root, write, run } = await project();
  expect(await run()).toBe(`first ${root}`);
  const kept = await readdir(join(root, 'node_modules/.cache/aemcert'));
  expect(kept).toHaveLength(2);
  expect(await run()).toBe(`first ${root}`);
  expect(await readdir(join(root, 'node_modules/.cache/aemcert'))).toEqual(kept);

  await write('lib/word.ts', `export const word = 'second';`);

  expect(await run()).toBe(`second ${root}`);
}, 60_000);

test('a copy of a checkout runs its own files', async () => {
  const { root, run, temporary } = await project();
  await run();
  const copy = join(temporary, 'copy');

  await cp(root, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });

  const { stdout } = await promisify(execFile)('node', [join(copy, 'cli/aemcert.js')]);
  expect(stdout).toBe(`first ${copy}`);
}, 60_000);

test('sources that cannot be bundled end with 3, not with the status of a kernel that fails', async () => {
  const { write, run } = await project();
  await write('lib/word.ts', 'no TypeScript');

  await expect(run()).rejects.toMatchObject({ code: 3, stderr: expect.stringContaining('lib/word.ts') as string });
}, 60_000);

test('a checkout that cannot be written to runs as well, and nothing is left of it', async () => {
  const { root, write, run, temporary } = await project();
  await write('node_modules/.cache', 'no folder');

  expect(await run()).toBe(`first ${root}`);

  expect(await readdir(temporary)).toEqual([]);
}, 60_000);
