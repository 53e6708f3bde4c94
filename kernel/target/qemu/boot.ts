// SPDX-License-Identifier: GPL-2.0-only
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InfrastructureError } from '../../../lib/errors.ts';
import type { Incident, TargetInfo } from '../../../reporters/results.ts';
import type { GuestBuild, KernelBuild } from '../../build/artifacts.ts';
import { createAgentClient } from '../agent/client.ts';
import type { AgentClient } from '../agent/client.ts';
import type { Hello } from '../agent/protocol.ts';
import { createConsoleWatch } from '../console/watch.ts';
import type { ConsoleWatch } from '../console/watch.ts';
import { TargetDiedError } from '../died.ts';
import { writeInitramfs } from '../initramfs.ts';
import type { KernelHealth, Target } from '../target.ts';
import { counterRate } from './clock.ts';
import { qemuArguments } from './command.ts';
import { chooseAccelerator, emulatorVersion, qemuProgram } from './kvm.ts';
import type { AcceleratorChoice } from './kvm.ts';

export interface BootOptions {
  readonly kernel: KernelBuild;
  readonly guest: GuestBuild;
  readonly memoryMiB?: number;
  readonly cpus?: number;
  readonly clock?: 'host' | 'icount';
  /** Which boot of the run, from 1. */
  readonly boot: number;
  /** Everything the console says is appended to this file. */
  readonly consoleLog?: string;
  readonly signal?: AbortSignal;
}

/** Generous: a noisy host, a debug kernel. What ends a wait is the event. */
const bootLimit = 180_000;
const markerLimit = 120_000;
const pingEvery = 10_000;
const silentLimit = 120_000;
const closeLimit = 5_000;

/** Boots until one comes up with good timers: on a busy host some do not. */
const bootAttempts = 8;

/** The guest's kernel could not measure its timers: it lost its processor meanwhile. */
class CoarseTimersError extends InfrastructureError {
  constructor() {
    super('the guest has no high-resolution timers', {
      seen: `its kernel could not measure them in ${bootAttempts} boots: this host is too busy`,
      hint: 'try again when less runs on this machine',
    });
  }
}

/** Boots a kernel in QEMU and waits until its agent answers. */
export async function bootQemu(options: BootOptions): Promise<Target> {
  await access(options.kernel.image).catch((cause: unknown) => {
    throw new InfrastructureError('no kernel image', {
      where: options.kernel.image,
      hint: 'aemcert kernel build',
      cause,
    });
  });
  const choice: AcceleratorChoice =
    options.clock === 'icount'
      ? { accelerator: 'tcg', reason: 'only emulation counts instructions' }
      : await chooseAccelerator(options.kernel.image);
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), 'aemcert-'));
    try {
      return await boot(options, choice, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      if (!(error instanceof CoarseTimersError) || attempt === bootAttempts) throw error;
    }
  }
}

async function boot(
  options: BootOptions,
  choice: AcceleratorChoice,
  folder: string,
): Promise<Target> {
  const { cpus = 2, memoryMiB = 512, clock = 'host' } = options;
  const agentSocket = join(folder, 'agent');
  const initramfs = await writeInitramfs(options.guest, join(folder, 'initramfs'));
  const server = createServer();
  const connected = accept(server, agentSocket);
  const args = qemuArguments({
    image: options.kernel.image,
    initramfs,
    accelerator: choice.accelerator,
    cpus,
    memoryMiB,
    clock,
    counterKHz: await counterRate(options.guest, { accelerator: choice.accelerator, clock }),
    agentSocket: await connected.listening,
  });
  const qemu = startQemu(args);
  const watch = createConsoleWatch();
  const life = watchLife(qemu, watch, options);
  const abort = (): void => void qemu.kill('SIGKILL');
  options.signal?.addEventListener('abort', abort, { once: true });

  const end = async (): Promise<void> => {
    options.signal?.removeEventListener('abort', abort);
    life.expected();
    qemu.kill('SIGKILL');
    await life.died;
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const socket = await within(bootLimit, Promise.race([connected.socket, failWhenDied(life.died)]), 'QEMU connects');
    const agent = createAgentClient(socket);
    void life.died.then((incident) => agent.fail(new TargetDiedError(incident)));
    const hello = await within(bootLimit, agent.hello, 'the agent says hello');
    if (hello.problems.length > 0) {
      throw new InfrastructureError('the guest could not be set up', {
        seen: [...hello.problems, ...watch.tail(20)].join('\n            '),
        expected: 'every module loads and every file system mounts',
      });
    }
    if (hello.coarseTimers) throw new CoarseTimersError();
    const info: TargetInfo = {
      driver: 'qemu',
      accelerator: choice.accelerator,
      acceleratorReason: choice.reason,
      cpus: hello.cpus,
      memoryMiB,
      emulator: await emulatorVersion(),
    };
    return createTarget({ options, info, hello, agent, watch, life, end });
  } catch (error) {
    await end();
    // Before its agent has said a word nothing was tested, so nothing can have failed.
    if (error instanceof TargetDiedError) {
      throw new InfrastructureError('the kernel did not boot', {
        where: options.kernel.image,
        seen: error.incident.excerpt.split('\n').slice(-20).join('\n            '),
      });
    }
    throw error instanceof LimitError
      ? new InfrastructureError(`the guest did not boot: ${error.message}`, {
          seen: watch.tail(20).join('\n            ') || 'nothing on the console',
        })
      : error;
  }
}

interface Parts {
  readonly options: BootOptions;
  readonly info: TargetInfo;
  readonly hello: Hello;
  readonly agent: AgentClient;
  readonly watch: ConsoleWatch;
  readonly life: Life;
  readonly end: () => Promise<void>;
}

function createTarget({ options, info, hello, agent, watch, life, end }: Parts): Target {
  let closing: Promise<void> | undefined;
  let serial = 0;
  const heartbeat = setInterval(() => {
    const asked = process.uptime() * 1000;
    const timer = setTimeout(() => {
      // A console that speaks belongs to a kernel that lives.
      if (watch.lastLineAt() < asked) life.silent();
    }, silentLimit);
    agent
      .request({ op: 'ping' })
      .catch(() => undefined)
      .finally(() => clearTimeout(timer));
  }, pingEvery);
  heartbeat.unref();
  void life.died.then(() => clearInterval(heartbeat));

  const mark = async (text: string): Promise<void> => {
    const unique = `${text} #${++serial}`;
    const through = watch.marker(unique);
    await agent.request({ op: 'mark', text: unique });
    await within(markerLimit, Promise.race([through, failWhenDied(life.died)]), 'the marker comes through');
  };

  return {
    info,
    release: hello.release,
    boot: options.boot,
    died: life.died,
    spawn: agent.spawn,
    exec: agent.exec,
    writeFile: agent.writeFile,
    readFile: agent.readFile,
    mark,
    async health(): Promise<KernelHealth> {
      const [{ taint = -1 }] = await Promise.all([agent.request({ op: 'taint' }), mark('health')]);
      const { lines, sightings } = watch.take();
      const at = new Date().toISOString();
      const incidents = sightings.map((seen): Incident => ({
        kind: seen.kind,
        blame: 'kernel',
        at,
        boot: options.boot,
        excerpt: seen.excerpt.join('\n'),
      }));
      return { taint, log: lines, incidents };
    },
    close() {
      closing ??= (async (): Promise<void> => {
        clearInterval(heartbeat);
        life.expected();
        const asked = agent.request({ op: 'shutdown' }).catch(() => undefined);
        await within(closeLimit, Promise.all([asked, life.died]), 'the guest shuts down').catch(() => undefined);
        await end();
      })();
      return closing;
    },
  };
}

/** The end of the QEMU process, and who is to blame for it. */
interface Life {
  readonly died: Promise<Incident>;
  /** From now on an end is what was asked for. */
  expected(): void;
  /** The guest answers no more. */
  silent(): void;
}

function watchLife(qemu: ChildProcess, watch: ConsoleWatch, options: BootOptions): Life {
  let expected = false;
  let silent = false;
  let stderr = '';
  qemu.stdout?.setEncoding('utf8').on('data', (text: string) => {
    watch.push(text);
    if (options.consoleLog === undefined) return;
    try {
      appendFileSync(options.consoleLog, text);
    } catch {
      // A full disk: what the tests need of the console they have.
    }
  });
  qemu.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const died = new Promise<Incident>((resolve) => {
    const settle = (kind: Incident['kind'], blame: Incident['blame'], excerpt: string): void => {
      resolve({ kind, blame, at: new Date().toISOString(), boot: options.boot, excerpt });
    };
    qemu.once('error', (error) => settle('exit', 'infrastructure', `QEMU: ${error.message}`));
    // `close`, not `exit`: the console has been read to its end.
    qemu.once('close', (code, signal) => {
      const panic = watch.panic();
      const tail = watch.tail(30).join('\n');
      if (panic !== undefined) settle('panic', 'kernel', panicExcerpt(watch, panic.excerpt));
      else if (silent) settle('silent', 'kernel', `no answer and no console output\n${tail}`);
      else if (expected) settle('exit', 'infrastructure', 'it was shut down');
      else if (signal !== null) settle('exit', 'infrastructure', `QEMU was killed by ${signal}\n${tail}`);
      else if (code === 0) settle('exit', 'kernel', `the machine reset itself\n${tail}`);
      else settle('exit', 'infrastructure', `QEMU exited with ${String(code)}: ${ownWords(stderr)}\n${tail}`);
    });
  });
  return {
    died,
    expected() {
      expected = true;
    },
    silent() {
      silent = true;
      qemu.kill('SIGKILL');
    },
  };
}

/** What led to the panic is worth more than what follows it. */
function panicExcerpt(watch: ConsoleWatch, excerpt: readonly string[]): string {
  const tail = watch.tail(80);
  const at = tail.indexOf(excerpt[0] ?? '');
  return [...tail.slice(Math.max(0, at - 40), at), ...excerpt].join('\n');
}

/** QEMU's words without those about what TCG does not emulate. */
function ownWords(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.includes("TCG doesn't support"))
    .join('\n');
}

/** Its death follows ours, even by SIGKILL: no QEMU is left behind. */
function startQemu(args: readonly string[]): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', qemuProgram, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C is ours to handle: the results so far are kept first.
    detached: true,
  });
}

function accept(server: Server, path: string): { listening: Promise<string>; socket: Promise<Socket> } {
  const socket = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const listening = new Promise<string>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(path));
  });
  return { listening, socket };
}

async function failWhenDied(died: Promise<Incident>): Promise<never> {
  throw new TargetDiedError(await died);
}

class LimitError extends Error {}

async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LimitError(`waited ${ms / 1000} s until ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
