// SPDX-License-Identifier: GPL-2.0-only
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InfrastructureError } from '../../../lib/errors.ts';
import { within } from '../../../lib/within.ts';
import type { Incident, TargetInfo } from '../../../reporters/results.ts';
import { toldLine } from '../../../reporters/text.ts';
import type { BootableKernel, GuestBuild } from '../../build/artifacts.ts';
import { createAgentClient } from '../agent/client.ts';
import { recorder } from '../agent/recorder.ts';
import { createTarget, failWhenDied, late, LimitError } from '../agent/target.ts';
import { createConsoleWatch, toIncident } from '../console/watch.ts';
import type { ConsoleWatch } from '../console/watch.ts';
import { BootError, isEmulators, TargetDiedError } from '../died.ts';
import { writeInitramfs } from '../initramfs.ts';
import { makeScratch } from '../scratch.ts';
import type { Scratch } from '../scratch.ts';
import type { Target } from '../target.ts';
import { counterRate } from './clock.ts';
import { qemuArguments } from './command.ts';
import { chooseAccelerator, emulatorVersion, qemuProgram } from './kvm.ts';
import type { AcceleratorChoice } from './kvm.ts';
import { watchLife } from './life.ts';

export interface BootOptions {
  readonly kernel: BootableKernel;
  readonly guest: GuestBuild;
  readonly memoryMiB?: number;
  readonly cpus?: number;
  /** See Machine, as the next. */
  readonly clock?: 'host' | 'icount';
  readonly instructionShift?: number;
  readonly turns?: boolean | undefined;
  /** Which boot of the run, from 1. */
  readonly boot: number;
  /** Everything the console says is appended to this file. */
  readonly consoleLog?: string;
  /** What the host and the agent say to each other is appended to this file. */
  readonly agentLog?: string;
  /** For a second way into the guest, see Machine. */
  readonly otherSocket?: string;
  readonly signal?: AbortSignal;
}

/** Generous: a noisy host, a debug kernel. What ends a wait is the event. */
const bootLimit = 180_000;

/** Boots until one comes up well: under emulation on a busy host some do not. */
const bootAttempts = 8;

/** The next boot may come up: it was the host's or the emulator's fault. */
class PassingError extends BootError {}

/** The guest's kernel could not measure its timers: it lost its processor meanwhile. */
class CoarseTimersError extends PassingError {
  constructor(incidents: readonly Incident[]) {
    super('the guest has no high-resolution timers', incidents, {
      seen: `its kernel could not measure them in ${bootAttempts} boots: this host is too busy`,
      hint: 'try again when less runs on this machine',
    });
  }
}

/**
 * Boots a kernel in QEMU and waits until its agent answers. What the kernel complained of
 * meanwhile is in the first health() of the target, or in the BootError.
 */
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
  const earlier: Incident[] = [];
  for (let attempt = 1; ; attempt++) {
    const scratch = makeScratch();
    try {
      return await boot(options, choice, scratch, earlier);
    } catch (error) {
      if (!(error instanceof PassingError) || attempt === bootAttempts) throw error;
      earlier.push(...error.incidents);
    } finally {
      await scratch.remove();
    }
  }
}

async function boot(
  options: BootOptions,
  choice: AcceleratorChoice,
  { folder }: Scratch,
  earlier: readonly Incident[],
): Promise<Target> {
  const { cpus = 2, memoryMiB = 512, clock = 'host' } = options;
  // One CPU has nobody to take turns with.
  const turns = options.turns === true && cpus > 1 && choice.accelerator === 'tcg';
  const agentSocket = join(folder, 'agent');
  const initramfs = await writeInitramfs(options.guest, join(folder, 'initramfs'));
  const server = createServer();
  const connected = accept(server, agentSocket);
  const args = qemuArguments({
    image: options.kernel.image,
    kind: options.kernel.machine,
    initramfs,
    accelerator: choice.accelerator,
    cpus,
    memoryMiB,
    clock,
    instructionShift: options.instructionShift,
    turns,
    counterKHz: await counterRate(options.guest, { accelerator: choice.accelerator, clock }),
    agentSocket: await connected.listening,
    otherSocket: options.otherSocket,
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
  };
  const seen = (blame: Incident['blame']): Incident[] =>
    watch.take().sightings.map((sighting) => toIncident(sighting, options.boot, blame));
  const coarse = whenSaid(qemu, apicTimerLost).then(() => Promise.reject(new CoarseTimersError(seen('kernel'))));
  coarse.catch(() => undefined);
  try {
    const connecting = Promise.race([connected.socket, failWhenDied(life.died), coarse]);
    const socket = await within(bootLimit, connecting, late(bootLimit, 'QEMU connects'));
    server.close();
    const record = options.agentLog === undefined ? undefined : recorder(options.agentLog);
    socket.once('close', () => record?.close());
    const agent = createAgentClient(socket, { record });
    void life.died.then((incident) => agent.fail(new TargetDiedError(incident)));
    const hello = await within(bootLimit, Promise.race([agent.hello, coarse]), late(bootLimit, 'the agent says hello'));
    if (hello.problems.length > 0) {
      throw new InfrastructureError('the guest could not be set up', {
        seen: [...hello.problems, ...watch.tail(20)].join('\n            '),
        expected: 'every module loads and every file system mounts',
      });
    }
    if (hello.coarseTimers) throw new CoarseTimersError(seen('kernel'));
    if (choice.accelerator === 'tcg') await runAsBatch(qemu);
    const info: TargetInfo = {
      driver: 'qemu',
      accelerator: choice.accelerator,
      acceleratorReason: choice.reason,
      cpus: hello.cpus,
      memoryMiB,
      ...(turns ? { turns: true } : {}),
      emulator: await emulatorVersion(),
    };
    return createTarget({ boot: options.boot, info, hello, agent, watch, life, end, earlier });
  } catch (error) {
    await end();
    if (error instanceof CoarseTimersError) throw error;
    // Whose fault it is that a machine does not come up, nobody knows.
    throw bootError(error, options, watch, [...earlier, ...seen('infrastructure')]);
  }
}

/** A kernel that says so has coarse timers for good; its agent waits for 3 s before it tells that. */
const apicTimerLost = 'APIC timer disabled due to verification failure';

/** Settled when these words have come on the console. */
function whenSaid({ stdout }: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve) => {
    let tail = '';
    stdout?.on('data', (text: Buffer) => {
      tail += text.toString('latin1');
      if (tail.includes(words)) resolve();
      tail = tail.slice(-words.length);
    });
  });
}

/** Before its agent has said a word nothing was tested, so nothing can have failed. */
function bootError(
  error: unknown,
  { kernel }: BootOptions,
  watch: ConsoleWatch,
  incidents: readonly Incident[],
): BootError {
  if (error instanceof TargetDiedError) {
    const { incident } = error;
    const others = incidents.filter(({ kind }) => kind !== incident.kind);
    const lines = incident.excerpt.split('\n');
    const Kind = isEmulators(incident) ? PassingError : BootError;
    return new Kind(`the kernel did not boot: ${toldLine(incident)}`, [...others, { ...incident, blame: 'infrastructure' }], {
      where: kernel.image,
      seen: lines.slice(-20).join('\n            '),
    });
  }
  if (error instanceof InfrastructureError && !(error instanceof LimitError)) return new BootError(error.message, incidents, error.details);
  const why = error instanceof Error ? error.message : String(error);
  return new BootError(`the guest did not boot: ${why}`, incidents, {
    seen: watch.tail(20).join('\n            ') || 'nothing on the console',
    cause: error,
  });
}

/** Its death follows ours, even by SIGKILL: no QEMU is left behind. */
function startQemu(args: readonly string[]): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', qemuProgram, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C is ours to handle: the results so far are kept first.
    detached: true,
  });
}

/**
 * From here on QEMU's threads are batch processes: a processor of a guest that is woken does not put off the
 * one that wakes it, which holds a lock that both want. Guests spin for locks, so that costs the host: with CPUs
 * in parallel a run takes a fifth less on two processors. Not before: a kernel that boots measures its timers against each other,
 * and has to get its turns. A sandbox may refuse it; then all goes on as it is.
 */
async function runAsBatch({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return;
  await promisify(execFile)('chrt', ['--batch', '--all-tasks', '--pid', '0', String(pid)]).catch(() => undefined);
}

function accept(server: Server, path: string): { listening: Promise<string>; socket: Promise<Socket> } {
  const socket = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const listening = new Promise<string>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(path));
  });
  return { listening, socket };
}
