// SPDX-License-Identifier: GPL-2.0-only
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Flavour } from '../../kernel/build/artifacts.ts';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import { writeInitramfs } from '../../kernel/target/initramfs.ts';
import { qemuArguments } from '../../kernel/target/qemu/command.ts';
import { chooseAccelerator, emulatorVersion, qemuProgram } from '../../kernel/target/qemu/kvm.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { ExitStatus, InfrastructureError } from '../../lib/errors.ts';
import { buildProgressView } from '../build-progress.ts';

interface Options {
  readonly flavour: Flavour;
  readonly memory: string;
  readonly cpus: string;
}

/** `aemcert shell`: a shell in the guest, with the modules loaded and the programs at hand. */
export function register(program: Command): void {
  program
    .command('shell')
    .description('an interactive shell in the guest: modules loaded, libaem’s examples and the probe at hand')
    .addOption(new Option('--flavour <name>', 'of the kernel').choices(['base', 'debug', 'coverage']).default('base'))
    .option('--memory <MiB>', 'of the guest', '512')
    .option('--cpus <count>', 'of the guest', '2')
    .addHelpText('after', `
Leave with \`exit\`, or with Ctrl-A X, which takes the machine's power away.

Examples:
  $ aemcert shell
  $ echo 'sleep 1 & exit-watch $!' | aemcert shell`)
    .action(shell);
}

async function shell(options: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aemcert-shell-'));
  const interruption = abortOnSignal();
  try {
    const view = buildProgressView(process.stderr);
    const build = { signal: interruption.signal, onProgress: view.show };
    const kernel = await ensureKernel({ flavour: options.flavour, ...build });
    const guest = await ensureGuest(kernel, 'release', build);
    view.done();
    await emulatorVersion();
    const args = qemuArguments({
      image: kernel.image,
      initramfs: await writeInitramfs(guest, join(folder, 'initramfs')),
      accelerator: (await chooseAccelerator(kernel.image)).accelerator,
      cpus: Number(options.cpus),
      memoryMiB: Number(options.memory),
      clock: 'host',
    });
    process.exitCode = await attach(args, interruption.signal);
  } finally {
    interruption.dispose();
    await rm(folder, { recursive: true, force: true });
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
