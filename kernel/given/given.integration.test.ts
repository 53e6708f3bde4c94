// SPDX-License-Identifier: GPL-2.0-only
/** Kernels that somebody else has built: booted with the agent, and a trivial program run on them. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { formatError, InputError } from '../../lib/errors.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import type { GuestBuild, KernelBuild } from '../build/artifacts.ts';
import { ensureGuest, ensurePrograms } from '../build/guest.ts';
import { ensureKernel } from '../build/kernel.ts';
import { packAem } from '../package/aem.ts';
import { bootQemu } from '../target/qemu/boot.ts';
import type { Target } from '../target/target.ts';
import { prepareGiven, type GivenKernel } from './given.ts';

let ours: KernelBuild;
let guest: GuestBuild;
beforeAll(async () => {
  ours = await ensureKernel();
  guest = await ensureGuest(ours, 'release');
});

async function boot(given: GivenKernel): Promise<Target> {
  const { modules, moduleTree } = given;
  const programs = await ensurePrograms();
  const target = await bootQemu({
    kernel: given,
    guest: { variant: 'release', programs, modules, ...(moduleTree === undefined ? {} : { moduleTree }) },
    boot: 1,
    // QEMU runs stale code of no guest with one, which would be an incident.
    cpus: 1,
  });
  onTestFinished(() => target.close());
  return target;
}

/** AEM's modules as their package installs them. */
async function installed(release: string): Promise<string> {
  const [scratch, out, root] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
  const deb = await packAem({ release, version: '6.12', key: '0123456789abcdef' }, guest.modules, { scratch, out });
  await execa('dpkg-deb', ['--extract', deb, root]);
  // Of the kernel's own package.
  await writeFile(join(root, 'lib/modules', release, 'modules.builtin'), '');
  return root;
}

/** The headers of our kernel, as its own script lays them out for a package. */
async function headersPackage(): Promise<string> {
  const root = join(await temporaryFolder(), 'headers');
  const folder = join(root, 'usr/src', `linux-headers-${ours.release}`);
  const env = { srctree: '.', SRCARCH: 'x86', MAKE: 'make', CC: 'gcc', HOSTCC: 'gcc' };
  await execa('sh', ['scripts/package/install-extmod-build', folder], { cwd: ours.tree, env });
  await copyFile(ours.config, join(folder, '.config'));
  await mkdir(join(root, 'DEBIAN'));
  await writeFile(join(root, 'DEBIAN/control'), `Package: linux-headers-test\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@example.com>\nDescription: x\n`);
  await execa('dpkg-deb', ['-Znone', '--build', '--root-owner-group', root, `${root}.deb`]);
  return `${root}.deb`;
}

test('an image that carries its configuration is booted on the machine that it is for, without AEM’s modules', async () => {
  const given = await prepareGiven({ kernel: ours.image }, { scratch: await temporaryFolder() });
  expect(given).toMatchObject({ machine: 'microvm', release: ours.release, hasAem: false, modules: [] });
  expect(given.config).toContain('CONFIG_AEM=y');

  const target = await boot(given);

  expect(target.release).toBe(ours.release);
  expect(await target.exec(['echo', 'it runs'])).toMatchObject({ status: 0, stdout: 'it runs\n' });
  expect((await target.health()).incidents).toEqual([]);
});

test('with AEM’s modules among its own they are loaded, and it is measured through them too', async () => {
  const modules = await installed(ours.release);

  const given = await prepareGiven({ kernel: ours.image, modules }, { scratch: await temporaryFolder() });

  expect(given.hasAem).toBe(true);
  expect(given.modules.map(({ name }) => name)[0]).toBe('aem-core');
  const target = await boot(given);
  expect((await target.exec(['lsmod'])).stdout).toContain('aem_core');
});

test('of a kernel that has the series and no modules they are built against its headers', async () => {
  const headers = await headersPackage();

  const given = await prepareGiven({ kernel: ours.image, headers }, { scratch: await temporaryFolder() });

  expect(given).toMatchObject({ hasAem: true, source: expect.stringMatching(/; AEM’s modules built here against linux-headers-test 1 sha256:/) as string });
  const target = await boot(given);
  expect((await target.exec(['lsmod'])).stdout).toContain('aem_core');
  expect((await target.health()).incidents).toEqual([]);
  await expect(prepareGiven({ kernel: ours.image, headers, modules: await installed(ours.release) }, { scratch: await temporaryFolder() })).rejects.toMatchObject({
    exitStatus: 2,
    message: 'this kernel has AEM’s modules among its own',
  });
});

test('headers of another kernel, or of one without the series, are not taken', async () => {
  const scratch = await temporaryFolder();
  const config = join(scratch, 'config');
  await writeFile(config, (await readFile(ours.config, 'utf8')).replace('CONFIG_AEM=y', '# CONFIG_AEM is not set'));
  const deb = join(scratch, 'none.deb');

  const without = prepareGiven({ kernel: ours.image, config, headers: deb }, { scratch });
  await expect(without).rejects.toMatchObject({ exitStatus: 2, details: { expected: 'CONFIG_AEM=y' } });
  await expect(prepareGiven({ kernel: ours.image, headers: deb }, { scratch })).rejects.toMatchObject({ message: 'there is no such package' });
});

test('modules of another release are not taken', async () => {
  const modules = await installed('5.0.0-other');

  const preparing = prepareGiven({ kernel: ours.image, modules }, { scratch: await temporaryFolder() });

  await expect(preparing).rejects.toMatchObject({ exitStatus: 2, details: { expected: expect.stringContaining(ours.release) as string } });
});

test('without a serial port: one line', async () => {
  const config = join(await temporaryFolder(), 'config');
  await writeFile(config, 'CONFIG_X86_64=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_ELF=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\nCONFIG_DEVTMPFS=y\nCONFIG_TMPFS=y\n');

  const error: unknown = await prepareGiven({ kernel: ours.image, config }, { scratch: await temporaryFolder() }).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ exitStatus: 3 });
  expect(formatError(error)).toBe(
    'bzImage: the kernel cannot run here: it was built without a serial port (CONFIG_SERIAL_8250), a console on the serial port (CONFIG_SERIAL_8250_CONSOLE)',
  );
});

test('packages: of another architecture, damaged, without a kernel', async () => {
  const folder = await temporaryFolder();
  const build = async (name: string, architecture: string): Promise<string> => {
    const root = join(folder, name);
    await mkdir(join(root, 'DEBIAN'), { recursive: true });
    await writeFile(join(root, 'DEBIAN/control'), `Package: linux-image-test\nVersion: 1\nArchitecture: ${architecture}\nMaintainer: a <a@example.com>\nDescription: x\n`);
    await execa('dpkg-deb', ['--build', '--root-owner-group', root, `${root}.deb`]);
    return `${root}.deb`;
  };
  const refusal = async (...deb: readonly string[]): Promise<unknown> =>
    prepareGiven({ deb }, { scratch: await temporaryFolder() }).then(() => 'taken', (error: unknown) => formatError(error));
  const damaged = join(folder, 'damaged.deb');
  await writeFile(damaged, '!<arch>\ndebian-binary');

  expect(await refusal(await build('arm', 'arm64'))).toBe('arm.deb: the kernel is for another architecture: arm64, not amd64');
  expect(await refusal(damaged)).toMatch(/^damaged\.deb: this is no Debian package, or a corrupt one: .*$/);
  expect(await refusal(await build('empty', 'amd64'))).toContain('the packages hold no kernel');
  expect(await refusal(join(folder, 'none.deb'))).toContain('there is no such package');
});

test('Debian’s kernel, by the name of its package, runs a program', async ({ skip }) => {
  const scratch = await temporaryFolder();
  const given = await prepareGiven({ package: 'linux-image-cloud-amd64' }, { scratch }).catch((error: unknown) => {
    if (error instanceof InputError) return error;
    throw error;
  });
  if (given instanceof InputError) return skip(`apt cannot download it here: ${given.message}`);
  expect(given).toMatchObject({ machine: 'q35', hasAem: false });
  expect(given.config).toContain('CONFIG_SERIAL_8250_CONSOLE=y');

  const target = await boot(given);

  expect(target.release).toBe(given.release);
  expect(await target.exec(['echo', 'it runs'])).toMatchObject({ status: 0, stdout: 'it runs\n' });
  // A module that nothing has loaded yet: the kernel asks for it.
  expect(await target.exec(['modprobe', 'tipc'])).toMatchObject({ status: 0 });
  expect((await target.health()).incidents).toEqual([]);
});
