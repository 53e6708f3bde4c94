// SPDX-License-Identifier: GPL-2.0-only
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { InfrastructureError } from '../../lib/errors.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import type { GuestBuild, KernelBuild } from '../build/artifacts.ts';
import { ensureGuest } from '../build/guest.ts';
import { ensureKernel } from '../build/kernel.ts';
import { bootQemu } from './qemu/boot.ts';
import type { Target } from './target.ts';

let kernel: KernelBuild;
let guest: GuestBuild;
beforeAll(async () => {
  kernel = await ensureKernel();
  guest = await ensureGuest(kernel, 'release');
});

async function boot(): Promise<Target> {
  const target = await bootQemu({ kernel, guest, boot: 1 });
  onTestFinished(() => target.close());
  return target;
}

test('a target runs programs as another user, moves files, and tells how programs end', async () => {
  const target = await boot();
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 31) % 256);

  await target.writeFile('/tmp/f', bytes);

  expect(await target.readFile('/tmp/f')).toEqual(Buffer.from(bytes));
  expect(await target.exec(['id', '-u'], { uid: 1001, gid: 1001 })).toMatchObject({ status: 0, stdout: '1001\n' });
  expect(await target.exec(['sh', '-c', 'kill -9 $$'])).toMatchObject({ signal: 9 });
  expect(await target.exec(['tr', 'a', 'b'], { stdin: 'aha' })).toMatchObject({ status: 0, stdout: 'bhb\n' });
  await expect(target.spawn(['/nowhere'])).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(target.readFile('/nowhere')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('its clock is a counter of nanoseconds, so that timers have high resolution', async () => {
  const target = await boot();
  const read = async (path: string): Promise<string> => (await target.exec(['cat', path])).stdout;

  const timers = await read('/proc/timer_list');
  expect(timers.match(/\.hres_active *: \d/g)?.map((line) => line.at(-1))).toEqual(['1', '1']);
  expect(timers).not.toMatch(/\.resolution: (?!1 nsecs)/);
});

test('a kernel that does not boot is told with what was on the console', async () => {
  const image = join(await temporaryFolder(), 'bzImage');
  await writeFile(image, Buffer.alloc(2_000_000, 0xf4));

  const booting = bootQemu({ kernel: { ...kernel, image }, guest, boot: 1 });

  await expect(booting).rejects.toBeInstanceOf(InfrastructureError);
  await expect(booting).rejects.toMatchObject({ message: expect.stringMatching(/^the kernel did not boot: QEMU exited with /), exitStatus: 3 });
});

test('an image that is not there names the command that builds it', async () => {
  const booting = bootQemu({ kernel: { ...kernel, image: '/nowhere/bzImage' }, guest, boot: 1 });

  await expect(booting).rejects.toMatchObject({ message: expect.stringContaining('no kernel image') as string });
});

test('a module that does not load is named', async () => {
  const path = join(await temporaryFolder(), 'broken.ko');
  await writeFile(path, 'this is no module');
  const modules = [...guest.modules, { name: 'broken', path }];

  const booting = bootQemu({ kernel, guest: { ...guest, modules }, boot: 1 });

  await expect(booting).rejects.toMatchObject({
    message: 'the guest could not be set up',
    details: { seen: expect.stringContaining('/lib/aem/broken.ko: Exec format error') as string },
  });
});
