// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import type { Target } from '../../kernel/target/target.ts';
import type { Compared, SchedCounts, SchedMeasurement, SchedResults } from '../../reporters/bench/sched.ts';
import type { TargetInfo } from '../../reporters/results.ts';
import { checkClockSource, checkInstructionClock, checkQuiet, inGuest, runIn, unloadSched } from './measure.ts';
import type { MeasureOptions } from './measure.ts';
import { readStream } from './stream.ts';
import type { Fields } from './stream.ts';

export interface MeasureSchedOptions extends Pick<MeasureOptions, 'memoryMiB' | 'command' | 'signal' | 'onBuild'> {
  /** Numbers of processes that compute. */
  readonly busy: readonly number[];
  /** Events beside each of them. */
  readonly samples: number;
  /** Of the guest that has several. */
  readonly cpus: number;
  onBoot(cpus: number): void;
  onBegin(begun: { readonly busy: number; readonly cpus: number; readonly loaded: boolean }, done: number, plan: number): void;
}

/** Measures what aem-sched does, each time without it and then with it: latency on one CPU, where handlers run on several. */
export async function measureSched(options: MeasureSchedOptions): Promise<SchedResults> {
  const { cpus, command, signal, onBuild: onProgress } = options;
  const startedAt = new Date().toISOString();
  const kernel = await ensureKernel({ signal, onProgress });
  const guest = await ensureGuest(kernel, 'release', { signal, onProgress });
  try {
    const one = await measureOn(1, kernel, guest, options);
    const several = await measureOn(cpus, kernel, guest, options);
    return {
      schema: 'aemcert-bench-sched/1',
      startedAt,
      finishedAt: new Date().toISOString(),
      command,
      release: kernel.release,
      target: several.target,
      oneCpu: one.compared,
      severalCpus: { without: several.compared.without.map(countsOf), with: several.compared.with.map(countsOf) },
    };
  } catch (error) {
    // What an interruption breaks is no news.
    signal.throwIfAborted();
    throw error;
  }
}

interface Measured {
  readonly target: TargetInfo;
  readonly compared: Compared<SchedMeasurement>;
}

async function measureOn(cpus: number, kernel: KernelBuild, guest: GuestBuild, options: MeasureSchedOptions): Promise<Measured> {
  const { memoryMiB, signal } = options;
  options.onBoot(cpus);
  const target = await bootQemu({ kernel, guest, memoryMiB, cpus, clock: 'icount', boot: cpus === 1 ? 1 : 2, signal });
  try {
    await checkClockSource(target);
    await unloadSched(target);
    const without = await measureOnce(target, cpus, options, false);
    await inGuest(target, ['insmod', '/lib/aem/aem-sched.ko']);
    const loaded = await measureOnce(target, cpus, options, true);
    await checkQuiet(target);
    return { target: target.info, compared: { without, with: loaded } };
  } finally {
    await target.close();
  }
}

function countsOf({ late: _, ...counts }: SchedMeasurement): SchedCounts {
  return counts;
}

async function measureOnce(
  target: Target,
  cpus: number,
  { busy, samples, onBegin }: MeasureSchedOptions,
  loaded: boolean,
): Promise<readonly SchedMeasurement[]> {
  const argv = ['bench-sched', '-b', busy.join(','), '-s', String(samples)];
  const { start, results } = await runIn(target, argv, (lines) =>
    readStream(lines, schedMeasurementOf, (fields, done, plan) =>
      onBegin({ busy: fields.number('busy'), cpus, loaded }, done + (loaded ? plan : 0), 2 * plan),
    ),
  );
  // The instructions of other CPUs count, too.
  if (cpus === 1) checkInstructionClock({ nops: start.number('nops'), nopsNs: start.number('nopsNs') });
  return results;
}

/** One line of what bench-sched measured. */
export function schedMeasurementOf(fields: Fields): SchedMeasurement {
  const late = fields.object('late');
  return {
    busy: fields.number('busy'),
    samples: late.number('samples'),
    there: fields.number('there'),
    migrations: fields.number('migrations'),
    ...(fields.has('steered')
      ? { steered: fields.number('steered'), preferred: fields.number('preferred') }
      : {}),
    late: {
      samples: late.number('samples'),
      min: late.number('min'),
      p50: late.number('p50'),
      p90: late.number('p90'),
      p99: late.number('p99'),
      max: late.number('max'),
    },
  };
}
