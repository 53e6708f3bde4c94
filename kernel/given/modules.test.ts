// SPDX-License-Identifier: GPL-2.0-only
import { copyFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { collectModules } from './modules.ts';

const release = '6.1.0-test';

/** A folder of modules, of which none is one: depmod goes by their names. */
async function modulesOf(...names: readonly string[]): Promise<string> {
  const folder = join(await temporaryFolder(), release);
  await mkdir(join(folder, 'kernel'), { recursive: true });
  await writeFile(join(folder, 'modules.builtin'), '');
  for (const name of names) await copyFile('/bin/true', join(folder, 'kernel', `${name}.ko`));
  return folder;
}

async function collect(folder: string): ReturnType<typeof collectModules> {
  return collectModules(folder, release, await temporaryFolder());
}

test('what a kernel has of what is needed is taken, and nothing else', async () => {
  const { loaded, aem, tree } = await collect(await modulesOf('virtio_console', 'ext4'));

  expect(loaded.map(({ name }) => name)).toEqual(['virtio_console']);
  expect(aem).toBe(false);
  expect(tree).toBeDefined();
  expect(await collect(await modulesOf('aem-core'))).toMatchObject({ aem: true });
});

test('modules of another release are refused by the name of their folder', async () => {
  const folder = await modulesOf('virtio_console');
  const other = join(folder, '..', '6.1.0-other');
  await rename(folder, other);

  await expect(collect(other)).rejects.toMatchObject({ exitStatus: 2, message: 'these are the modules of another kernel', details: { seen: '6.1.0-other' } });
});

test('a link among the modules is refused: what it leads to would go into the guest', async () => {
  const folder = await modulesOf('virtio_console');
  await symlink('/nowhere', join(folder, 'build'));
  expect((await collect(folder)).loaded).toHaveLength(1);
  await symlink('/etc/hostname', join(folder, 'modules.order'));

  await expect(collect(folder)).rejects.toMatchObject({ exitStatus: 2, message: 'a link among the modules', details: { where: join(folder, 'modules.order') } });

  await rm(join(folder, 'modules.order'));
  await symlink('/bin/true', join(folder, 'kernel/aem-core.ko'));
  await expect(collect(folder)).rejects.toThrow('a link among the modules');
});

test('AEM’s modules that are there and are not found are no kernel without AEM', async () => {
  const folder = await modulesOf('virtio_console', 'aem-core');
  await rename(join(folder, 'kernel/aem-core.ko'), join(folder, 'kernel/aem-core.ko.odd'));

  await expect(collect(folder)).rejects.toMatchObject({ exitStatus: 3, message: expect.stringContaining('modprobe does not find them') as string });
});
