// SPDX-License-Identifier: GPL-2.0-only
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestFile, digestFiles, digestText, digestValue, listFiles } from './digest.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

test('a text and a file with the same content have the same digest', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, 'abc');

  expect(await digestFile(file)).toBe(digestText('abc'));
  expect(digestText('abc')).toMatch(/^ba7816bf/);
});

test('the order of keys does not matter, that of a list does', () => {
  expect(digestValue({ a: 1, b: { c: 2, d: 3 } })).toBe(digestValue({ b: { d: 3, c: 2 }, a: 1 }));
  expect(digestValue(['a', 'b'])).not.toBe(digestValue(['b', 'a']));
});

test('names, contents, execute bits and links of files count', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'sub/a'), 'a');
  await symlink('a', join(folder, 'sub/link'));
  const files = await listFiles(folder);
  expect(files).toEqual(['sub/a', 'sub/link']);
  const first = await digestFiles(folder, files);
  expect(await digestFiles(folder, [...files].reverse())).toBe(first);

  await chmod(join(folder, 'sub/a'), 0o755);
  const executable = await digestFiles(folder, files);
  await writeFile(join(folder, 'sub/a'), 'b');
  const changed = await digestFiles(folder, files);

  expect(new Set([first, executable, changed]).size).toBe(3);
});
