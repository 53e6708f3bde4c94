// SPDX-License-Identifier: GPL-2.0-only
import { formatDuration } from '../text.ts';
import type { TargetInfo } from '../results.ts';
import type { BenchRun } from './results.ts';
import { grouped, row } from './row.ts';

/**
 * What `aemcert bench timer` measured, as suites/guest/bench-timer.c tells it: by a clock whose nanoseconds are
 * instructions.
 */

/** A timer, of the first quarter of them and of the last. */
export interface Quarters {
  readonly first: number;
  readonly last: number;
}

export interface Bin {
  readonly from: number;
  readonly count: number;
}

/** How much later than due handlers ran. */
export interface Lateness {
  readonly samples: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** How many there were from a lateness on and below that of the next bin, which may be empty: eight an octave. */
  readonly bins: readonly Bin[];
}

export const steps = ['create', 'arm', 'rearmAll', 'delete'] as const;

export interface TimerMeasurement extends Readonly<Record<(typeof steps)[number], Quarters>> {
  /** Timers that are armed, beside the one of which lateness is measured. */
  readonly idle: number;
  /** Of kernel memory a timer; absent where there are too few to weigh. */
  readonly bytes?: number;
  /** To arm one more: the median. */
  readonly rearm: number;
  readonly late: Lateness;
  /** When all expire at once: a timer, its handler included. */
  readonly expire: number;
}

export interface TimerResults extends BenchRun {
  readonly schema: 'aemcert-bench-timer/1';
  readonly target: TargetInfo;
  readonly measurements: readonly TimerMeasurement[];
}

const labels: Readonly<Record<(typeof steps)[number], string>> = {
  create: 'create',
  arm: 'arm',
  rearmAll: 'arm again',
  delete: 'delete',
};

/** What was measured, for the terminal. */
export function renderTimers({ startedAt, finishedAt, release, target, measurements }: TimerResults): string {
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  return [
    ...costs(measurements),
    ...lateness(measurements),
    ...distribution(measurements),
    `Linux ${release}, a guest of ${target.memoryMiB} MiB, ${took}. Each timer expired once, none early.`,
    '',
  ].join('\n');
}

function costs(measurements: readonly TimerMeasurement[]): readonly string[] {
  const line = (label: string, cell: (one: TimerMeasurement) => number | undefined): string =>
    row(label, measurements.map((one) => format(cell(one))));
  return [
    'Instructions a timer',
    line('  armed timers', ({ idle }) => idle),
    ...steps.flatMap((step) => [
      line(`${labels[step]}, first quarter`, (one) => one[step].first),
      line(`${labels[step]}, last quarter`, (one) => one[step].last),
    ]),
    line('arm one more', ({ rearm }) => rearm),
    line('expire, all at once', ({ expire }) => expire),
    line('bytes of kernel memory', ({ bytes }) => bytes),
    '',
  ];
}

const quantiles = ['min', 'p50', 'p90', 'p99', 'p999', 'max'] as const;

function lateness(measurements: readonly TimerMeasurement[]): readonly string[] {
  return [
    `Instructions from due to the handler, of ${grouped(measurements[0]?.late.samples ?? 0)} expirations`,
    row('  armed timers', measurements.map(({ idle }) => grouped(idle))),
    ...quantiles.map((key) => row(key, measurements.map(({ late }) => grouped(late[key])))),
    '',
  ];
}

function distribution(measurements: readonly TimerMeasurement[]): readonly string[] {
  const bins = new Set(measurements.flatMap(({ late }) => late.bins.map(({ from }) => from)));
  const count = ({ late }: TimerMeasurement, from: number): number =>
    late.bins.find((bin) => bin.from === from)?.count ?? 0;
  return [
    'How many of them were that late',
    ...[...bins]
      .sort((a, b) => a - b)
      .map((from) => row(`  from ${grouped(from)}`, measurements.map((one) => grouped(count(one, from))))),
    '',
  ];
}

function format(value: number | undefined): string {
  return value === undefined ? '-' : grouped(Math.round(value));
}
