// SPDX-License-Identifier: GPL-2.0-only
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Flavour, GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import { writeInitramfs } from '../../kernel/target/initramfs.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import { counterRate } from '../../kernel/target/qemu/clock.ts';
import { qemuArguments } from '../../kernel/target/qemu/command.ts';
import { chooseAccelerator, emulatorVersion, qemuProgram } from '../../kernel/target/qemu/kvm.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { ExitStatus, InfrastructureError } from '../../lib/errors.ts';
import { buildProgressView } from '../build-progress.ts';
import { kernelVersion, positive } from '../option-values.ts';

interface Options {
  readonly flavour: Flavour;
  readonly kernelVersion?: string;
  readonly memory: number;
  readonly cpus: number;
}

/** `aemcert shell`: a shell in the guest, with the modules loaded and the programs at hand. */
export function register(program: Command): void {
  program
    .command('shell')
    .description('an interactive shell in the guest: modules loaded, libaem’s examples and the probe at hand')
    .addOption(new Option('--flavour <name>', 'of the kernel').choices(['base', 'debug', 'coverage']).default('base'))
    .addOption(kernelVersion())
    .option('--memory <MiB>', 'of the guest', positive, 512)
    .option('--cpus <count>', 'of the guest', positive, 2)
    .addHelpText('after', `
At a terminal, leave with \`exit\`, or with Ctrl-A X, which takes the machine's power away.
A script on stdin is run to its end, and its exit status is the command's.

Examples:
  $ aemcert shell
  $ echo 'sleep 1 & exit-watch $!' | aemcert shell`)
    .action(shell);
}

async function shell(options: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aemcert-shell-'));
  const interruption = abortOnSignal();
  const view = buildProgressView(process.stderr);
  try {
    const build = { signal: interruption.signal, onProgress: view.show };
    const kernel = await ensureKernel({ version: options.kernelVersion, flavour: options.flavour, ...build });
    const guest = await ensureGuest(kernel, 'release', build);
    view.done();
    if (!process.stdin.isTTY) {
      process.exitCode = await runScript(kernel, guest, options, interruption.signal);
      return;
    }
    await emulatorVersion();
    const { accelerator } = await chooseAccelerator(kernel.image);
    const args = qemuArguments({
      image: kernel.image,
      initramfs: await writeInitramfs(guest, join(folder, 'initramfs')),
      accelerator,
      counterKHz: await counterRate(guest, { accelerator, clock: 'host' }),
      cpus: options.cpus,
      memoryMiB: options.memory,
      clock: 'host',
      terminal: { rows: process.stdout.rows, columns: process.stdout.columns },
    });
    process.exitCode = await attach(args, interruption.signal);
  } finally {
    view.done();
    interruption.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the shell script on our stdin; the guest's console stays out of what it prints. */
async function runScript(
  kernel: KernelBuild,
  guest: GuestBuild,
  { memory, cpus }: Options,
  signal: AbortSignal,
): Promise<number> {
  const script = await text(process.stdin);
  const target = await bootQemu({ kernel, guest, memoryMiB: memory, cpus, boot: 1, signal });
  try {
    const shell = await target.spawn(['sh', '-c', 'exec sh -s 2>&1'], { cwd: '/root' });
    // A script may end before it has read all of itself, and that be told while its output is read.
    const fed = shell.write(script).then(() => shell.closeStdin()).catch(() => undefined);
    for await (const line of shell.lines) process.stdout.write(`${line}\n`);
    await fed;
    const { status, signal: killer } = await shell.exited;
    return status ?? 128 + (killer ?? 0);
  } finally {
    await target.close();
  }
}

/** QEMU has the terminal until it ends; it puts it into raw mode and back. */
function attach(args: readonly string[], signal: AbortSignal): Promise<number> {
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', qemuProgram, ...args], {
    stdio: ['inherit', 'inherit', 'pipe'],
  });
  let stderr = '';
  qemu.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text.includes("TCG doesn't support") ? '' : text;
  });
  const abort = (): void => void qemu.kill('SIGKILL');
  signal.addEventListener('abort', abort, { once: true });
  return new Promise((resolve, reject) => {
    qemu.once('error', (cause) => reject(new InfrastructureError('QEMU does not start', { cause })));
    qemu.once('close', (code) => {
      signal.removeEventListener('abort', abort);
      if (code === 0 || signal.aborted) resolve(ExitStatus.Conformant);
      else reject(new InfrastructureError('QEMU failed', { seen: stderr.trim() || `status ${String(code)}` }));
    });
  });
}
