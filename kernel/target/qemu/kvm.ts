// SPDX-License-Identifier: GPL-2.0-only
import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InfrastructureError, InputError } from '../../../lib/errors.ts';

export const qemuProgram = 'qemu-system-x86_64';

/** How long a host under KVM may take to show a sign of life. */
const probeLimit = 5_000;

export interface AcceleratorChoice {
  readonly accelerator: 'tcg' | 'kvm';
  /** Why this one, in words for the report. */
  readonly reason: string;
}

/** The first line of `qemu-system-x86_64 --version`. */
export async function emulatorVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(qemuProgram, ['--version']);
    return stdout.split('\n')[0] ?? '';
  } catch (cause) {
    throw new InfrastructureError('QEMU is not there or does not run', {
      expected: qemuProgram,
      hint: 'apt-get install qemu-system-x86',
      cause,
    });
  }
}

/**
 * KVM where a guest has been seen to run under it, emulation elsewhere: a host
 * can have a /dev/kvm that opens, creates CPUs and then hangs every guest.
 * The environment variable AEMCERT_ACCEL (tcg, kvm) decides instead.
 *
 * `image` is a kernel, booted for its first sign of life on the console. What
 * was found holds until the host is booted again.
 */
export async function chooseAccelerator(image: string): Promise<AcceleratorChoice> {
  const wish = process.env['AEMCERT_ACCEL'];
  if (wish === 'tcg' || wish === 'kvm') return { accelerator: wish, reason: `AEMCERT_ACCEL=${wish}` };
  if (wish !== undefined && wish !== '') {
    throw new InputError('AEMCERT_ACCEL is not an accelerator', { expected: 'tcg or kvm', seen: wish });
  }
  const refusal = await kvmRefusal();
  if (refusal !== undefined) return { accelerator: 'tcg', reason: refusal };
  const known = await recall();
  if (known !== undefined) return known;
  const choice = await probe(image);
  await remember(choice);
  return choice;
}

async function kvmRefusal(): Promise<string | undefined> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `/dev/kvm: ${code === 'ENOENT' ? 'no such file' : 'permission denied'}`;
  }
}

/** Boots the kernel without a root file system: its first words are enough. */
async function probe(image: string): Promise<AcceleratorChoice> {
  const args = [
    '--pdeathsig', 'KILL', qemuProgram, '-M', 'microvm,acpi=off', '-cpu', 'host', '-accel', 'kvm', '-m', '128',
    '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio',
    '-kernel', image, '-append', 'console=ttyS0 earlyprintk=ttyS0 panic=-1 reboot=t',
  ];
  const qemu = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<AcceleratorChoice>((resolve) => {
      timer = setTimeout(() => {
        const seconds = probeLimit / 1000;
        resolve({
          accelerator: 'tcg',
          reason: `/dev/kvm: a probe boot gave no sign of life within ${seconds} s`,
        });
      }, probeLimit);
      qemu.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('Linux version')) {
          resolve({ accelerator: 'kvm', reason: '/dev/kvm: a probe boot came to life' });
        }
      });
      qemu.once('error', () => resolve({ accelerator: 'tcg', reason: '/dev/kvm: the probe boot did not start' }));
      qemu.once('close', () => resolve({ accelerator: 'tcg', reason: '/dev/kvm: the probe boot ended at once' }));
    });
  } finally {
    clearTimeout(timer);
    qemu.kill('SIGKILL');
  }
}

function memory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'aemcert', 'accelerator.json');
}

async function hostBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

async function recall(): Promise<AcceleratorChoice | undefined> {
  try {
    const known = JSON.parse(await readFile(memory(), 'utf8')) as AcceleratorChoice & { hostBoot: string };
    if (known.hostBoot !== (await hostBoot())) return undefined;
    return { accelerator: known.accelerator, reason: known.reason };
  } catch {
    return undefined;
  }
}

async function remember(choice: AcceleratorChoice): Promise<void> {
  const file = memory();
  const fresh = `${file}.${process.pid}`;
  try {
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(fresh, JSON.stringify({ ...choice, hostBoot: await hostBoot() }));
    await rename(fresh, file);
  } catch {
    // Then the next run probes again.
  }
}
