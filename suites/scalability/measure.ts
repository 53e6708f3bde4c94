// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import type { OnProgress } from '../../kernel/build/progress.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import type { Target } from '../../kernel/target/target.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { BenchClock, BenchResults, ClockRun } from '../../reporters/bench/results.ts';
import { readBench } from './parse.ts';
import type { Begun } from './parse.ts';

export interface MeasureOptions {
  /** Fewer rounds, no more than 10,000 idle sources. */
  readonly quick: boolean;
  readonly memoryMiB: number;
  readonly command: readonly string[];
  readonly signal: AbortSignal;
  readonly onBuild: OnProgress;
  onBoot(clock: BenchClock): void;
  onBegin(clock: BenchClock, begun: Begun): void;
}

const clocks: readonly BenchClock[] = ['icount', 'host'];

/** Measures AEM and its peers on a target by each clock. */
export async function measureCore(options: MeasureOptions): Promise<BenchResults> {
  const { quick, command, signal, onBuild: onProgress } = options;
  const startedAt = new Date().toISOString();
  const kernel = await ensureKernel({ signal, onProgress });
  const guest = await ensureGuest(kernel, 'release', { signal, onProgress });
  const runs: ClockRun[] = [];
  try {
    for (const clock of clocks) runs.push(await measureBy(clock, kernel, guest, options));
  } catch (error) {
    // What an interruption breaks is no news.
    signal.throwIfAborted();
    throw error;
  }
  const finishedAt = new Date().toISOString();
  return { schema: 'aemcert-bench-core/1', startedAt, finishedAt, command, quick, release: kernel.release, runs };
}

async function measureBy(
  clock: BenchClock,
  kernel: KernelBuild,
  guest: GuestBuild,
  options: MeasureOptions,
): Promise<ClockRun> {
  options.onBoot(clock);
  const { memoryMiB, signal } = options;
  const target = await bootQemu({ kernel, guest, memoryMiB, cpus: 1, clock, boot: 1 + clocks.indexOf(clock), signal });
  try {
    await checkClockSource(target);
    const bench = await target.spawn(benchCommand(options.quick));
    const measured = await readBench(bench.lines, (begun) => options.onBegin(clock, begun));
    const exit = await bench.exited;
    if (exit.status !== 0) {
      throw new InfrastructureError('the guest’s bench failed', { seen: `${JSON.stringify(exit)} ${bench.stderr()}` });
    }
    const { incidents } = await target.health();
    const [incident] = incidents;
    if (incident !== undefined) {
      throw new InfrastructureError('the kernel complained meanwhile', { seen: incident.excerpt });
    }
    if (clock === 'icount') checkInstructionClock(measured);
    return { clock, target: target.info, ...measured };
  } finally {
    await target.close();
  }
}

/** Of bursts of one, and of the larger ones. */
function benchCommand(quick: boolean): readonly string[] {
  const idle = quick ? '1,1000,10000' : '1,1000,100000,1000000';
  return ['bench', '-i', idle, '-r', quick ? '50,10' : '200,40'];
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
