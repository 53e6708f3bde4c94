// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../../lib/run-command.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { findSource, knownVersions } from './source.ts';

const makefile = 'VERSION = 6\nPATCHLEVEL = 12\nmrproper:\n\t@rm -f built.o\n';

async function tree(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'kernel'));
  await writeFile(join(folder, 'Makefile'), makefile);
  await writeFile(join(folder, 'kernel/fork.c'), 'int fork;\n');
  return folder;
}

test('a tree is copied, and its identity is its content', async () => {
  const folder = await tree();
  const source = await findSource('6.12', folder);
  const copy = await temporaryFolder();

  await source.unpack(copy, {});

  expect(await readFile(join(copy, 'kernel/fork.c'), 'utf8')).toBe('int fork;\n');
  await writeFile(join(folder, 'kernel/fork.c'), 'int changed;\n');
  expect((await findSource('6.12', folder)).identity).not.toBe(source.identity);
});

test('of a git work tree, what git ignores and .git are left out; edits and new files are not', async () => {
  const folder = await tree();
  await runCommand(['git', '-C', folder, 'init', '-q']);
  await runCommand(['git', '-C', folder, 'add', 'Makefile', 'kernel']);
  await writeFile(join(folder, '.gitignore'), '*.o\n');
  await writeFile(join(folder, 'kernel/fork.o'), 'object');
  await writeFile(join(folder, 'kernel/new.c'), 'int fresh;\n');
  await writeFile(join(folder, 'kernel/fork.c'), 'int edited;\n');
  const copy = await temporaryFolder();

  await (await findSource('6.12', folder)).unpack(copy, {});

  expect((await readdir(copy)).sort()).toEqual(['.gitignore', 'Makefile', 'kernel']);
  expect((await readdir(join(copy, 'kernel'))).sort()).toEqual(['fork.c', 'new.c']);
  expect(await readFile(join(copy, 'kernel/fork.c'), 'utf8')).toBe('int edited;\n');
});

test('a source that changes while it is copied is refused', async () => {
  const folder = await tree();
  const source = await findSource('6.12', folder);
  await writeFile(join(folder, 'kernel/fork.c'), 'int changed;\n');

  await expect(source.unpack(await temporaryFolder(), {})).rejects.toThrow('changed while it was copied');
});

test('a tarball is unpacked without its top folder', async () => {
  const folder = await tree();
  const tarball = join(await temporaryFolder(), 'linux-6.12.1.tar.xz');
  await runCommand(['tar', '--xz', '-cf', tarball, '-C', folder, '--transform=s,^\\.,linux-6.12.1,', '.']);
  const copy = await temporaryFolder();

  const source = await findSource('6.12', tarball);
  await source.unpack(copy, {});

  expect(source.name).toMatch(/^linux-6\.12\.1\.tar\.xz sha256:[0-9a-f]{12}$/);
  expect(await readFile(join(copy, 'kernel/fork.c'), 'utf8')).toBe('int fork;\n');
});

test('a file that is no tarball is an error', async () => {
  const file = join(await temporaryFolder(), 'notes.txt');
  await writeFile(file, 'text');

  const source = await findSource('6.12', file);

  await expect(source.unpack(await temporaryFolder(), {})).rejects.toThrow('the tarball cannot be unpacked');
});

test('what is not there is an error', async () => {
  await expect(findSource('6.12', '/no/such/tree')).rejects.toThrow('no such kernel source');
});

test('a version that Debian has no package of is an error with what to do', async () => {
  await expect(findSource('1.0')).rejects.toMatchObject({
    message: 'the source of Linux 1.0 is not installed',
    details: { hint: expect.stringContaining('apt-get install linux-source-1.0') },
  });
});

test('versions are ordered as versions', async () => {
  const folder = await temporaryFolder();
  for (const name of ['6.1', '6.12', '5.10', 'notes']) await mkdir(join(folder, name));

  expect(await knownVersions(folder)).toEqual(['6.12', '6.1', '5.10']);
});
