// SPDX-License-Identifier: GPL-2.0-only
import { formatDuration } from '../text.ts';
import type { TargetInfo } from '../results.ts';
import type { BenchRun } from './results.ts';
import { grouped, row } from './row.ts';

/**
 * What `aemcert bench sched` measured, as suites/guest/bench-sched.c tells it, by a clock whose nanoseconds are
 * instructions. On one CPU that is a time. Of several CPUs the emulator runs one after the other, so there only
 * counts say anything.
 */

export const quantiles = ['min', 'p50', 'p90', 'p99', 'max'] as const;

export type Lateness = Readonly<Record<(typeof quantiles)[number] | 'samples', number>>;

export interface SchedCounts {
  /** Processes that compute all the time. */
  readonly busy: number;
  readonly samples: number;
  /** Handlers that ran on the CPU where their event was raised. */
  readonly there: number;
  /** Of the thread whose handlers they are. */
  readonly migrations: number;
  /** aem-sched's own books; absent without it. */
  readonly steered?: number;
  readonly preferred?: number;
}

export interface SchedMeasurement extends SchedCounts {
  /** How much later than due handlers ran. */
  readonly late: Lateness;
}

/** Without aem-sched, and with it, beside the same numbers of competitors. */
export interface Compared<One> {
  readonly without: readonly One[];
  readonly with: readonly One[];
}

export interface SchedResults extends BenchRun {
  readonly schema: 'aemcert-bench-sched/1';
  /** The guest of several CPUs; the other has one, and is the same otherwise. */
  readonly target: TargetInfo;
  readonly oneCpu: Compared<SchedMeasurement>;
  readonly severalCpus: Compared<SchedCounts>;
}

/** What was measured, for the terminal. */
export function renderSched({ startedAt, finishedAt, release, target, oneCpu, severalCpus }: SchedResults): string {
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const samples = grouped(oneCpu.without[0]?.samples ?? 0);
  const competitors = row('  competitors', oneCpu.without.map(({ busy }) => grouped(busy)));
  return [
    `One CPU: instructions from due to the handler, of ${samples} events`,
    competitors,
    ...quantiles.flatMap((key) => [
      ...both(oneCpu, ({ late }) => late[key], `${key}, `),
      row('  with : without', ratios(oneCpu, ({ late }) => late[key])),
    ]),
    row('preferred', oneCpu.with.map(({ preferred }) => grouped(preferred ?? 0))),
    '',
    `${target.cpus} CPUs: handlers of ${samples} that ran where their event was raised`,
    competitors,
    ...both(severalCpus, ({ there }) => there),
    row('steered', severalCpus.with.map(({ steered }) => grouped(steered ?? 0))),
    '',
    `${target.cpus} CPUs: migrations of the thread`,
    competitors,
    ...both(severalCpus, ({ migrations }) => migrations),
    '',
    `Linux ${release}, guests of ${target.memoryMiB} MiB, ${took}. Each event was delivered once, none early.`,
    '',
  ].join('\n');
}

function both<One>(compared: Compared<One>, figure: (one: One) => number, label = ''): readonly string[] {
  return [
    row(`${label}without`, compared.without.map((one) => grouped(figure(one)))),
    row(`${label}with`, compared.with.map((one) => grouped(figure(one)))),
  ];
}

function ratios<One>(compared: Compared<One>, figure: (one: One) => number): readonly string[] {
  return compared.without.map((one, index) => {
    const other = compared.with[index];
    return other === undefined || figure(one) === 0 ? '-' : (figure(other) / figure(one)).toFixed(3);
  });
}
