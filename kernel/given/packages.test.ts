// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { findKernelIn, unpackHeaders, unpackPackages } from './packages.ts';

/** Builds a package; `fill` puts its files into the folder that it is given. `control`: fields more. */
async function build(folder: string, name: string, fill: (root: string) => Promise<void> = () => Promise.resolve(), { version = '1', control = '' } = {}): Promise<string> {
  const root = join(folder, `${name}_${version}`);
  await mkdir(join(root, 'DEBIAN'), { recursive: true });
  await writeFile(join(root, 'DEBIAN/control'), `Package: ${name}\nVersion: ${version}\n${control}Architecture: amd64\nMaintainer: a <a@example.com>\nDescription: x\n`);
  await fill(root);
  await execa('dpkg-deb', ['--build', '--root-owner-group', root, `${root}.deb`]);
  return `${root}.deb`;
}

async function put(path: string, text = ''): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

test('no package is unpacked through a link that one before it has put there', async () => {
  const [folder, outside, scratch] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
  const first = await build(folder, 'linux-image-a', (root) => symlink(outside, join(root, 'boot')));
  const second = await build(folder, 'linux-image-b', (root) => put(join(root, 'boot/vmlinuz-6.1.0')));

  const { root, source } = await unpackPackages([first, second], scratch);

  expect(await readdir(outside)).toEqual([]);
  expect(await findKernelIn(root)).toMatchObject({ image: join(root, 'boot/vmlinuz-6.1.0') });
  expect(source).toMatch(/^linux-image-a 1 sha256:[0-9a-f]{12}, linux-image-b 1 sha256:[0-9a-f]{12}$/);
});

test('a link in a package leads nowhere', async () => {
  const folder = await temporaryFolder();
  const deb = await build(folder, 'linux-image-c', async (root) => {
    await put(join(root, 'boot/vmlinuz-6.1.0'));
    await symlink('/etc/hostname', join(root, 'boot/config-6.1.0'));
  });

  const { root } = await unpackPackages([deb], await temporaryFolder());

  expect(await findKernelIn(root)).not.toHaveProperty('config');
});

test('headers are those of one kernel, and whole', async () => {
  const folder = await temporaryFolder();
  const whole = await build(folder, 'linux-headers-a', async (root) => {
    for (const name of ['Makefile', 'Module.symvers', '.config']) await put(join(root, 'usr/src/linux-headers-6.1.0', name));
  });
  const part = await build(folder, 'linux-headers-b', (root) => put(join(root, 'usr/src/linux-headers-6.1.0/Makefile')));

  expect(await unpackHeaders(whole, '6.1.0', await temporaryFolder())).toMatchObject({ tree: expect.stringMatching(/\/usr\/src\/linux-headers-6\.1\.0$/) as string });
  await expect(unpackHeaders(whole, '6.1.9', await temporaryFolder())).rejects.toMatchObject({
    exitStatus: 2,
    details: { expected: 'usr/src/linux-headers-6.1.9/Makefile', seen: 'linux-headers-6.1.0' },
  });
  await expect(unpackHeaders(part, '6.1.0', await temporaryFolder())).rejects.toMatchObject({
    details: { expected: 'usr/src/linux-headers-6.1.0/Module.symvers' },
  });
});

test('two files of one package are refused, and so are modules that were made for another build of the image', async () => {
  const folder = await temporaryFolder();
  const image = (version: string) => build(folder, 'linux-image-6.1.0-aem', (root) => put(join(root, 'boot/vmlinuz-6.1.0')), { version });
  const [one, two] = [await image('6.1+a-1'), await image('6.1+b-1')];
  const modules = await build(folder, 'aem-6.1.0', undefined, { control: 'Depends: kmod, linux-image-6.1.0-aem (= 6.1+a-1), libc6 (>= 2), other (= 9)\n' });
  const root = await temporaryFolder();

  await expect(unpackPackages([one, modules, two], root)).rejects.toMatchObject({
    exitStatus: 2,
    details: { where: 'linux-image-6.1.0-aem', seen: 'linux-image-6.1.0-aem_6.1+a-1.deb, linux-image-6.1.0-aem_6.1+b-1.deb' },
  });
  await expect(unpackPackages([two, modules], root)).rejects.toMatchObject({
    exitStatus: 2,
    details: { where: modules, expected: 'linux-image-6.1.0-aem 6.1+a-1', seen: 'linux-image-6.1.0-aem 6.1+b-1' },
  });
  expect(await readdir(root)).toEqual([]);
  expect((await unpackPackages([one, modules], root)).source).toMatch(/^linux-image-6\.1\.0-aem 6\.1\+a-1 sha256:\S+, aem-6\.1\.0 1 sha256:/);
});
