// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import type { OnProgress } from '../../kernel/build/progress.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import type { BootOptions } from '../../kernel/target/qemu/boot.ts';
import type { Target } from '../../kernel/target/target.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { BenchClock, BenchResults, BenchRun, ClockRun } from '../../reporters/bench/results.ts';
import { readBench, readProcesses } from './parse.ts';
import { readStream } from './stream.ts';
import type { Fields, OnBegin } from './stream.ts';

/** A measurement is about to begin. */
export interface Begun {
  readonly mechanism: string;
  /** Beside so many idle sources, or with an owner of so many MiB. */
  readonly idle?: number;
  readonly ownerMiB?: number;
  /** How many went before it, and how many there are to be. */
  readonly done: number;
  readonly plan: number;
}

/** What is built to be measured, by which command. */
export interface BuildAsked {
  readonly command: readonly string[];
  /** Of the kernel; the newest when absent. */
  readonly kernelVersion?: string | undefined;
  readonly signal: AbortSignal;
  readonly onBuild: OnProgress;
}

export interface MeasureOptions extends BuildAsked {
  /** Fewer rounds. */
  readonly quick: boolean;
  /** Idle sources; more than a million only in instructions. */
  readonly idle: readonly number[];
  readonly memoryMiB: number;
  onBoot(clock: BenchClock): void;
  onBegin(clock: BenchClock, begun: Begun): void;
}

const clocks: readonly BenchClock[] = ['icount', 'host'];

/** Measures AEM and its peers on a target by each clock that has a count of idle sources to measure beside. */
export async function measureCore(options: MeasureOptions): Promise<BenchResults> {
  const measured = await measureBuilt(options, async (kernel, guest) => {
    const runs: ClockRun[] = [];
    for (const clock of clocks) {
      if (countsBy(clock, options.idle).length > 0) runs.push(await measureBy(clock, kernel, guest, options));
    }
    return { quick: options.quick, runs };
  });
  return { schema: 'aemcert-bench-core/2', ...measured };
}

/** Builds the patched kernel and the guest's programs, and measures; says when, by which command and on what. */
export async function measureBuilt<Result>(
  { command, kernelVersion: version, signal, onBuild: onProgress }: BuildAsked,
  measure: (kernel: KernelBuild, guest: GuestBuild) => Promise<Result>,
): Promise<Omit<BenchRun, 'schema'> & Result> {
  const startedAt = new Date().toISOString();
  const kernel = await ensureKernel({ version, signal, onProgress });
  const guest = await ensureGuest(kernel, 'release', { signal, onProgress });
  const result = await measure(kernel, guest);
  return { startedAt, finishedAt: new Date().toISOString(), command, release: kernel.release, ...result };
}

async function measureBy(
  clock: BenchClock,
  kernel: KernelBuild,
  guest: GuestBuild,
  options: MeasureOptions,
): Promise<ClockRun> {
  options.onBoot(clock);
  const { memoryMiB, signal } = options;
  const boot = 1 + clocks.indexOf(clock);
  const run = await onGuest({ kernel, guest, memoryMiB, cpus: 1, clock, boot, signal }, async (target) => {
    const begin = onBegin(clock, options);
    const measured = await runIn(target, benchCommand(clock, options), (lines) => readBench(lines, begin));
    const processes = await runIn(target, processCommand(options), (lines) => readProcesses(lines, begin));
    return { clock, target: target.info, ...measured, processes };
  });
  if (clock === 'icount') checkInstructionClock(run);
  return run;
}

/**
 * Measures on a guest of its own, without aem-sched: what that does is measured by itself. Throws an InfrastructureError
 * when the guest has no clock to measure by, or its kernel complained.
 */
export async function onGuest<Result>(options: BootOptions, measure: (target: Target) => Promise<Result>): Promise<Result> {
  try {
    const target = await bootQemu(options);
    try {
      await checkClockSource(target);
      if (options.guest.modules.length > 0) await inGuest(target, ['rmmod', 'aem_sched']);
      const result = await measure(target);
      await checkQuiet(target);
      return result;
    } finally {
      await target.close();
    }
  } catch (error) {
    // What an interruption breaks is no news.
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** Throws an InfrastructureError when the kernel complained. */
async function checkQuiet(target: Target): Promise<void> {
  const { incidents } = await target.health();
  const [incident] = incidents;
  if (incident === undefined) return;
  throw new InfrastructureError('the kernel complained meanwhile', { seen: incident.excerpt });
}

/** Runs a benchmark of the guest whose lines are results; throws what runIn() and readStream() do. */
export async function runStream<Result>(
  target: Target,
  command: readonly string[],
  resultOf: (fields: Fields) => Result,
  onBegin: OnBegin,
): Promise<readonly Result[]> {
  const { start, results } = await runIn(target, command, (lines) => readStream(lines, resultOf, onBegin));
  // The instructions of other CPUs count, too.
  if (target.info.cpus === 1) checkInstructionClock({ nops: start.number('nops'), nopsNs: start.number('nopsNs') });
  return results;
}

/** Runs a program of the guest that says nothing; throws an InfrastructureError when it fails. */
export async function inGuest(target: Target, argv: readonly string[]): Promise<void> {
  const { status, stderr } = await target.exec(argv);
  if (status !== 0) throw new InfrastructureError(`\`${argv.join(' ')}\` failed in the guest`, { seen: stderr });
}

/** Runs a program of the guest and reads what it says; throws an InfrastructureError when it fails. */
export async function runIn<Result>(
  target: Target,
  command: readonly string[],
  read: (lines: AsyncIterable<string>) => Promise<Result>,
): Promise<Result> {
  const program = await target.spawn(command);
  const result = await read(program.lines);
  const exit = await program.exited;
  if (exit.status === 0) return result;
  throw new InfrastructureError('the guest’s bench failed', { seen: `${JSON.stringify(exit)} ${program.stderr()}` });
}

function onBegin(clock: BenchClock, options: MeasureOptions): OnBegin {
  const beside = (fields: Fields, key: 'idle' | 'ownerMiB'): Partial<Begun> =>
    fields.has(key) ? { [key]: fields.number(key) } : {};
  return (fields, done, plan) =>
    options.onBegin(clock, {
      mechanism: fields.text('mechanism'),
      ...beside(fields, 'idle'),
      ...beside(fields, 'ownerMiB'),
      done,
      plan,
    });
}

/** Where figures are the same each time, one time is enough for what takes long. */
const mostByHost = 1_000_000;

/** The counts of idle sources beside which is measured by this clock; maybe none. */
export function countsBy(clock: BenchClock, idle: readonly number[]): readonly number[] {
  return clock === 'icount' ? idle : idle.filter((count) => count <= mostByHost);
}

/** Of bursts of one, and of the larger ones. */
function benchCommand(clock: BenchClock, { quick, idle }: MeasureOptions): readonly string[] {
  return ['bench', '-i', countsBy(clock, idle).join(','), '-r', quick ? '50,10' : '200,40'];
}

function processCommand({ quick }: MeasureOptions): readonly string[] {
  return ['bench-process', '-m', '0,64', '-r', quick ? '5' : '20'];
}

/** By ticks of some milliseconds nothing can be measured. */
async function checkClockSource(target: Target): Promise<void> {
  const path = '/sys/devices/system/clocksource/clocksource0/current_clocksource';
  const source = Buffer.from(await target.readFile(path)).toString().trim();
  if (!source.includes('jiffies')) return;
  throw new InfrastructureError('the guest has no clock to measure by', {
    expected: 'its counter, tsc',
    seen: source,
    hint: 'try again when less runs on this machine',
  });
}

/** A nanosecond has to be an instruction: what is called instructions was read off a clock. */
export function checkInstructionClock({ nops, nopsNs }: { readonly nops: number; readonly nopsNs: number }): void {
  // The loop around them, and a timer's interrupt.
  if (nopsNs >= nops * 0.999 && nopsNs <= nops * 1.05) return;
  throw new InfrastructureError('the deterministic clock does not count instructions', {
    expected: `${nops} instructions to take ${nops} ns, and little more`,
    seen: `${nopsNs} ns`,
  });
}
