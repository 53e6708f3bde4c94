// SPDX-License-Identifier: GPL-2.0-only
/** Reading a bzImage: Documentation/arch/x86/boot.rst. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { InfrastructureError } from '../../lib/errors.ts';
import { commandFailed, tryCommand, type CommandResult } from '../../lib/run-command.ts';

/** What an image says of itself. */
export interface KernelImage {
  /** `uname -r` */
  readonly release: string;
  /** Its configuration, where it carries it (CONFIG_IKCONFIG) and can be unpacked here. */
  readonly config?: string;
}

const headerMagic = 0x53726448;
const kernel64 = 1;

/**
 * Reads a kernel's image.
 * @throws InfrastructureError, whose first line says it all, when it is no whole x86-64 bzImage
 */
export async function readImage(path: string): Promise<KernelImage> {
  const data = await readFile(path).catch((cause: unknown) => {
    throw unusable(`the kernel image cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'error'})`, path);
  });
  const other = otherArchitecture(data);
  if (other !== undefined) throw unusable(`the kernel is for another architecture: ${other}, not x86_64`, path);
  if (data.length < 0x268 || data.readUInt32LE(0x202) !== headerMagic) throw unusable('this is no bzImage of a Linux kernel', path);
  const protocol = data.readUInt16LE(0x206);
  if (protocol < 0x20c || (data.readUInt16LE(0x236) & kernel64) === 0) {
    throw unusable('the kernel is for another architecture: x86 of 32 bits, not x86_64', path);
  }
  const setup = ((data[0x1f1] || 4) + 1) * 512;
  const whole = setup + data.readUInt32LE(0x1f4) * 16;
  // What is at the end of its last 16 bytes need not be in the file.
  if (data.length + 16 <= whole) throw unusable(`the kernel image is corrupt: ${data.length} bytes of ${whole}`, path);
  const payload = data.subarray(setup + data.readUInt32LE(0x248), setup + data.readUInt32LE(0x248) + data.readUInt32LE(0x24c));
  const config = await unpack(payload, path).then((vmlinux) => vmlinux && embeddedConfig(vmlinux));
  return { release: releaseOf(data, path), ...(config === undefined ? {} : { config }) };
}

function releaseOf(data: Buffer, path: string): string {
  const at = data.readUInt16LE(0x20e) + 0x200;
  const text = data.subarray(at, at + 200).toString('latin1').split('\0')[0] ?? '';
  // It becomes a folder's name, and an argument of commands.
  const release = /^\d[\w.+~-]*/.exec(text)?.[0];
  if (release === undefined) throw unusable('the kernel image is corrupt: it has no version', path);
  return release;
}

/** Of other kinds of kernels, by what they begin with. */
function otherArchitecture(data: Buffer): string | undefined {
  if (data.length > 0x40 && data.toString('latin1', 0x38, 0x3c) === 'ARM\x64') return 'arm64';
  if (data.length > 0x40 && data.toString('latin1', 0x38, 0x3c) === 'RSC\x05') return 'riscv';
  if (data.length >= 20 && data.toString('latin1', 0, 4) === '\x7fELF') {
    const machine = data.readUInt16LE(18);
    const names: Readonly<Record<number, string>> = { 3: 'i386', 8: 'mips', 21: 'ppc64', 22: 's390', 40: 'arm', 183: 'arm64', 243: 'riscv' };
    return machine === 62 ? undefined : (names[machine] ?? `ELF machine ${machine}`);
  }
  return undefined;
}

/** How a payload begins, and what unpacks it: zlib, where nothing is named; lzo needs a tool that few have. */
const formats: readonly { readonly magic: string; readonly argv?: readonly [string, ...string[]] }[] = [
  { magic: '1f8b' },
  { magic: 'fd377a585a00', argv: ['xz', '-dc', '--single-stream'] },
  { magic: '28b52ffd', argv: ['zstd', '-dcqf'] },
  { magic: '02214c18', argv: ['lz4', '-dcq'] },
  { magic: '5d0000', argv: ['xz', '-dc', '--format=lzma'] },
];

/** The unpacked kernel; undefined where nothing here unpacks it. @throws InfrastructureError when it is damaged */
async function unpack(payload: Buffer, path: string): Promise<Buffer | undefined> {
  const format = formats.find(({ magic }) => payload.toString('hex', 0, magic.length / 2) === magic);
  if (format === undefined) return undefined;
  const damaged = (): InfrastructureError => unusable('the kernel image is corrupt: what it unpacks at boot is damaged', path);
  if (format.argv === undefined) {
    try {
      return gunzipSync(payload, { maxOutputLength: largest });
    } catch {
      throw damaged();
    }
  }
  // The kernel's build appends the length of what comes out, but to gzip's, which has it already.
  const packed = payload.subarray(0, payload.length - 4);
  const folder = await mkdtemp(join(tmpdir(), 'aemcert-image-'));
  try {
    await writeFile(join(folder, 'packed'), packed);
    const result = await tryCommand(['sh', '-c', '"$@" <packed >unpacked', 'sh', ...format.argv], { cwd: folder });
    if (result.status === 127) return undefined;
    if (isHosts(result)) throw commandFailed(result);
    if (result.status !== 0) throw damaged();
    return await readFile(join(folder, 'unpacked'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** More than any kernel: what unpacks to it is no kernel, and fills the memory. */
const largest = 512 * 1024 * 1024;

/** A full disk, or a killed command, says nothing of what it was to unpack. */
function isHosts({ status, killedBy, output }: CommandResult): boolean {
  // sh has 128 and the signal's number.
  return killedBy !== undefined || (status ?? 0) > 128 || output.some((line) => line.includes('No space left'));
}

/** What CONFIG_IKCONFIG puts between its two marks. */
function embeddedConfig(vmlinux: Buffer): string | undefined {
  const start = vmlinux.indexOf('IKCFG_ST');
  const end = vmlinux.indexOf('IKCFG_ED', start);
  if (start < 0 || end < 0) return undefined;
  try {
    return gunzipSync(vmlinux.subarray(start + 8, end)).toString('utf8');
  } catch {
    return undefined;
  }
}

/** What cannot be run at all: one line. */
export function unusable(message: string, path: string): InfrastructureError {
  return new InfrastructureError(`${basename(path)}: ${message}`);
}
