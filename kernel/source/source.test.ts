// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
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

test('of a git work tree, links that lead nowhere and repositories inside are copied too', async () => {
  const folder = await tree();
  await runCommand(['git', '-C', folder, 'init', '-q']);
  await symlink('not/made/yet', join(folder, 'kernel/link'));
  await mkdir(join(folder, 'drivers/own'), { recursive: true });
  await writeFile(join(folder, 'drivers/own/own.c'), 'int own;\n');
  await runCommand(['git', '-C', join(folder, 'drivers/own'), 'init', '-q']);
  const copy = await temporaryFolder();

  await (await findSource('6.12', folder)).unpack(copy, {});

  expect(await readlink(join(copy, 'kernel/link'))).toBe('not/made/yet');
  expect(await readdir(join(copy, 'drivers/own'))).toEqual(['own.c']);
});

test('a folder that is no kernel tree is refused before it is read, and nothing in it is run', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'Makefile'), 'mrproper:\n\ttouch ran\n');

  await expect(findSource('6.12', folder)).rejects.toMatchObject({ exitStatus: 2, message: 'this is no kernel source' });
  await expect(findSource('6.1', await tree())).rejects.toThrow('the source is Linux 6.12, the series is for 6.1');
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

test('a tarball that changes before it is unpacked is refused', async () => {
  const folder = await tree();
  const tarball = join(await temporaryFolder(), 'linux.tar');
  const pack = (): Promise<unknown> => runCommand(['tar', '-cf', tarball, '-C', folder, '.']);
  await pack();
  const source = await findSource('6.12', tarball);
  await writeFile(join(folder, 'kernel/fork.c'), 'int changed;\n');
  await pack();

  await expect(source.unpack(await temporaryFolder(), {})).rejects.toThrow('changed while it was copied');
});

test('an interruption while a tarball is read is told as one', async () => {
  const tarball = join(await temporaryFolder(), 'linux.tar');
  await writeFile(tarball, 'text');
  const reason = new Error('interrupted by SIGINT');

  await expect(findSource('6.12', tarball, AbortSignal.abort(reason))).rejects.toBe(reason);
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

test('on a machine without Debian’s packages it says that any tree will do', async () => {
  const bin = await temporaryFolder();
  for (const tool of ['sh', 'setpriv']) await symlink(`/usr/bin/${tool}`, join(bin, tool));
  vi.stubEnv('PATH', bin);

  try {
    await expect(findSource('6.12')).rejects.toMatchObject({
      message: 'the source of Linux 6.12 is not installed',
      details: { hint: expect.stringContaining('--source') },
    });
  } finally {
    vi.unstubAllEnvs();
  }
});

test('versions are ordered as versions', async () => {
  const folder = await temporaryFolder();
  for (const name of ['6.1', '6.12', '5.10', 'notes']) await mkdir(join(folder, name));

  expect(await knownVersions(folder)).toEqual(['6.12', '6.1', '5.10']);
});
