// SPDX-License-Identifier: GPL-2.0-only
import type { Lateness, Quarters, TimerMeasurement, TimerResults } from '../../reporters/bench/timer.ts';
import { measureBuilt, onGuest, runStream } from './measure.ts';
import type { BuildAsked, MeasureOptions } from './measure.ts';
import type { Fields, OnBegin } from './stream.ts';

export interface MeasureTimerOptions extends BuildAsked, Pick<MeasureOptions, 'idle' | 'memoryMiB'> {
  /** Expirations whose lateness is measured, beside each number of idle timers. */
  readonly samples: number;
  onBoot(): void;
  onBegin(idle: number, done: number, plan: number): void;
}

/** Measures timers, by the clock that counts instructions. */
export async function measureTimers(options: MeasureTimerOptions): Promise<TimerResults> {
  const { memoryMiB, signal } = options;
  const measured = await measureBuilt(options, (kernel, guest) => {
    options.onBoot();
    return onGuest({ kernel, guest, memoryMiB, cpus: 1, clock: 'icount', boot: 1, signal }, async (target) => {
      const onBegin: OnBegin = (fields, done, plan) => options.onBegin(fields.number('idle'), done, plan);
      const argv = ['bench-timer', '-i', options.idle.join(','), '-s', String(options.samples)];
      return { target: target.info, measurements: await runStream(target, argv, measurementOf, onBegin) };
    });
  });
  return { schema: 'aemcert-bench-timer/1', ...measured };
}

/** One line of what bench-timer measured. */
export function measurementOf(fields: Fields): TimerMeasurement {
  return {
    idle: fields.number('idle'),
    create: quartersOf(fields.object('create')),
    arm: quartersOf(fields.object('arm')),
    rearmAll: quartersOf(fields.object('rearmAll')),
    delete: quartersOf(fields.object('delete')),
    ...(fields.has('bytes') ? { bytes: fields.number('bytes') } : {}),
    rearm: fields.number('rearm'),
    late: latenessOf(fields.object('late')),
    expire: fields.number('expire'),
  };
}

function quartersOf(fields: Fields): Quarters {
  return { first: fields.number('first'), last: fields.number('last') };
}

function latenessOf(fields: Fields): Lateness {
  return {
    samples: fields.number('samples'),
    min: fields.number('min'),
    p50: fields.number('p50'),
    p90: fields.number('p90'),
    p99: fields.number('p99'),
    p999: fields.number('p999'),
    max: fields.number('max'),
    bins: fields.objects('bins').map((bin) => ({ from: bin.number('from'), count: bin.number('count') })),
  };
}
