// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import type { Compared, SchedCounts, SchedMeasurement, SchedResults } from '../../reporters/bench/sched.ts';
import type { TargetInfo } from '../../reporters/results.ts';
import { modulePath } from '../harness/modules.ts';
import { inGuest, measureBuilt, onGuest, runStream } from './measure.ts';
import type { BuildAsked, MeasureOptions } from './measure.ts';
import type { Fields } from './stream.ts';

export interface MeasureSchedOptions extends BuildAsked, Pick<MeasureOptions, 'memoryMiB'> {
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
  const measured = await measureBuilt(options, async (kernel, guest) => {
    const one = await measureOn(1, kernel, guest, options);
    const several = await measureOn(options.cpus, kernel, guest, options);
    return {
      target: several.target,
      oneCpu: one.compared,
      severalCpus: { without: several.compared.without.map(countsOf), with: several.compared.with.map(countsOf) },
    };
  });
  return { schema: 'aemcert-bench-sched/1', ...measured };
}

interface Measured {
  readonly target: TargetInfo;
  readonly compared: Compared<SchedMeasurement>;
}

function measureOn(cpus: number, kernel: KernelBuild, guest: GuestBuild, options: MeasureSchedOptions): Promise<Measured> {
  const { busy, samples, memoryMiB, signal } = options;
  const argv = ['bench-sched', '-b', busy.join(','), '-s', String(samples)];
  options.onBoot(cpus);
  return onGuest({ kernel, guest, memoryMiB, cpus, clock: 'icount', boot: cpus === 1 ? 1 : 2, signal }, async (target) => {
    const measureOnce = (loaded: boolean): Promise<readonly SchedMeasurement[]> =>
      runStream(target, argv, schedMeasurementOf, (fields, done, plan) =>
        options.onBegin({ busy: fields.number('busy'), cpus, loaded }, done + (loaded ? plan : 0), 2 * plan),
      );
    const without = await measureOnce(false);
    await inGuest(target, ['insmod', modulePath('sched')]);
    return { target: target.info, compared: { without, with: await measureOnce(true) } };
  });
}

function countsOf({ late: _, ...counts }: SchedMeasurement): SchedCounts {
  return counts;
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
