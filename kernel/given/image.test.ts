// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test, vi } from 'vitest';
import { formatError } from '../../lib/errors.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { readImage } from './image.ts';
import { bareImage, image } from './testing/image.ts';

const config = 'CONFIG_SERIAL_8250=y\n';
const vmlinux = Buffer.concat([Buffer.alloc(3000, 7), Buffer.from('IKCFG_ST'), gzipSync(config), Buffer.from('IKCFG_ED')]);

/** Packed as the kernel's build does it: with the length after it, but for gzip's. */
function packed(how: 'gzip' | 'xz' | 'zstd' | 'lz4'): Buffer {
  const run = (command: string, ...args: readonly string[]): Buffer => execFileSync(command, args, { input: vmlinux });
  if (how === 'gzip') return gzipSync(vmlinux);
  const body = { xz: () => run('xz', '--check=crc32', '-c'), zstd: () => run('zstd', '-qc'), lz4: () => run('lz4', '-lcq') }[how]();
  return Buffer.concat([body, Buffer.from([0, 0, 0, 0])]);
}

async function read(data: Buffer): ReturnType<typeof readImage> {
  const path = join(await temporaryFolder(), 'vmlinuz');
  await writeFile(path, data);
  return readImage(path);
}

/** The one line that a user reads. */
async function refusal(data: Buffer): Promise<string> {
  const error: unknown = await read(data).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ exitStatus: 3 });
  expect(formatError(error).split('\n')).toHaveLength(1);
  return formatError(error);
}

test.each(['gzip', 'xz', 'zstd', 'lz4'] as const)('release and configuration are read out of an image that %s packs', async (how) => {
  expect(await read(image(packed(how)))).toEqual({ release: '6.1.0-99-test', config });
});

test('one that is packed in a way for which there is no tool is taken as it is', async () => {
  expect(await read(bareImage())).toEqual({ release: '6.1.0-99-test' });
});

// lz4's format in kernels has no checksum.
test.each(['gzip', 'xz', 'zstd'] as const)('a damaged payload that %s packs', async (how) => {
  const damage = (data: Buffer): void => void data.fill(0x55, 2560 + 60, 2560 + 80);

  expect(await refusal(image(packed(how), damage))).toBe('vmlinuz: the kernel image is corrupt: what it unpacks at boot is damaged');
});

test('a full disk, or an unpacker that is killed, is not the image’s fault', async () => {
  const tools = await temporaryFolder();
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('PATH', `${tools}:${process.env['PATH'] ?? ''}`);
  for (const [end, words] of [['echo "xz: (stdout): Write error: No space left on device" >&2; exit 1', 'the disk is full'], ['kill -9 $$', 'failed with']] as const) {
    await writeFile(join(tools, 'xz'), `#!/bin/sh\n${end}\n`, { mode: 0o755 });

    const reading = read(image(packed('zstd').fill(Buffer.from('fd377a585a00', 'hex'), 0, 6)));

    await expect(reading).rejects.toMatchObject({ exitStatus: 3, message: expect.stringContaining(words) as string });
  }
});

test('what is cut off, what is none, what is for another architecture', async () => {
  const whole = image(Buffer.concat([packed('gzip'), Buffer.alloc(4096)]));
  const arm64 = Buffer.alloc(0x2000);
  arm64.write('ARM\x64', 0x38, 'latin1');
  const elf = Buffer.alloc(0x2000);
  elf.write('\x7fELF', 0, 'latin1');
  elf.writeUInt16LE(243, 18);

  expect(await refusal(whole.subarray(0, -2000))).toMatch(/^vmlinuz: the kernel image is corrupt: \d+ bytes of \d+$/);
  expect(await refusal(Buffer.from('words'))).toBe('vmlinuz: this is no bzImage of a Linux kernel');
  expect(await refusal(Buffer.from('\x7fELF', 'latin1'))).toBe('vmlinuz: this is no bzImage of a Linux kernel');
  expect(await refusal(Buffer.alloc(0))).toBe('vmlinuz: this is no bzImage of a Linux kernel');
  expect(await refusal(arm64)).toBe('vmlinuz: the kernel is for another architecture: arm64, not x86_64');
  expect(await refusal(elf)).toBe('vmlinuz: the kernel is for another architecture: riscv, not x86_64');
  expect(await refusal(image(packed('gzip'), (data) => void data.writeUInt16LE(0, 0x236)))).toContain('x86 of 32 bits');
  expect(await refusal(image(packed('gzip'), (data) => void data.fill(0, 0x600, 0x640)))).toContain('it has no version');
  for (const release of ['..', '-b', '/etc']) {
    expect(await refusal(image(packed('gzip'), (data) => void data.write(`${release} (x)`, 0x600)))).toContain('it has no version');
  }
  await expect(readImage('/nowhere/vmlinuz')).rejects.toThrow('vmlinuz: the kernel image cannot be read (ENOENT)');
});
