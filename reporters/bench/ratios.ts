// SPDX-License-Identifier: GPL-2.0-only
import { isPeerOf, mechanisms, processMechanisms } from './mechanisms.ts';
import type {
  BenchClock,
  Burst,
  ClockRun,
  Fitting,
  Metric,
  ProcessBurst,
  ProcessMeasurement,
  ProcessMetric,
} from './results.ts';

/** What AEM costs, by what the cheapest peer of the same run costs. */
export interface Ratio {
  readonly clock: BenchClock;
  /** Which of AEM's ways. */
  readonly subject: string;
  readonly idle: number;
  readonly burst: number;
  readonly metric: Metric;
  readonly aem: number;
  readonly best: number;
  /** The peer. */
  readonly peer: string;
  readonly ratio: number;
}

/** What AEM's handler process costs, by what a peer's does. */
export interface ProcessRatio {
  readonly clock: BenchClock;
  readonly subject: string;
  readonly ownerMiB: number;
  readonly burst: number;
  readonly metric: ProcessMetric;
  readonly peer: string;
  readonly ratio: number;
}

/** The idle counts of a run, ascending. */
export function idleCounts({ measurements }: ClockRun): readonly number[] {
  return ascending(measurements.map(({ idle }) => idle));
}

/** The sizes of the bursts, ascending. */
export function burstSizes({ measurements }: ClockRun): readonly number[] {
  return ascending(measurements.flatMap((one) => (one.fits ? one.bursts.map(({ size }) => size) : [])));
}

/** The sizes of the owner of handler processes, ascending. */
export function ownerSizes({ processes }: ClockRun): readonly number[] {
  return ascending(processes.map(({ ownerMiB }) => ownerMiB));
}

export function processBurstSizes({ processes }: ClockRun): readonly number[] {
  return ascending(processes.flatMap(({ bursts }) => bursts.map(({ size }) => size)));
}

function ascending(values: readonly number[]): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

export function burstOf(run: ClockRun, mechanism: string, idle: number, size: number): Burst | undefined {
  const one = run.measurements.find((found) => found.mechanism === mechanism && found.idle === idle);
  return one?.fits === true ? one.bursts.find((burst) => burst.size === size) : undefined;
}

export function processBurstOf(
  run: ClockRun,
  mechanism: string,
  ownerMiB: number,
  size: number,
): ProcessBurst | undefined {
  const at = (one: ProcessMeasurement): boolean => one.mechanism === mechanism && one.ownerMiB === ownerMiB;
  return run.processes.find(at)?.bursts.find((burst) => burst.size === size);
}

/** One for each of AEM's ways, count of idle sources and burst with which both AEM and a peer ran. */
export function ratiosOf(run: ClockRun, metric: Metric): readonly Ratio[] {
  return mechanisms
    .filter(({ role }) => role === 'subject')
    .flatMap(({ id }) => idleCounts(run).flatMap((idle) => ratiosAt(run, metric, id, idle)));
}

function ratiosAt(run: ClockRun, metric: Metric, subject: string, idle: number): readonly Ratio[] {
  return burstSizes(run).flatMap((size) => {
    const aem = burstOf(run, subject, idle, size)?.[metric].median;
    const best = cheapest(run, subject, idle, size, metric);
    if (aem === undefined || best === undefined || best.cost <= 0) return [];
    const { clock } = run;
    const { peer, cost } = best;
    return [{ clock, subject, idle, burst: size, metric, aem, best: cost, peer, ratio: aem / cost }];
  });
}

function cheapest(
  run: ClockRun,
  subject: string,
  idle: number,
  size: number,
  metric: Metric,
): { readonly peer: string; readonly cost: number } | undefined {
  const costs = run.measurements
    .filter((one): one is Fitting => one.fits && one.idle === idle && isPeerOf(one.mechanism, subject))
    .flatMap(({ mechanism, bursts }) =>
      bursts.filter((burst) => burst.size === size).map((burst) => ({ peer: mechanism, cost: burst[metric].median })),
    );
  return costs.reduce<(typeof costs)[number] | undefined>(
    (best, one) => (best === undefined || one.cost < best.cost ? one : best),
    undefined,
  );
}

/** One for each of AEM's ways, its peers, and size of owner and burst with which both ran. */
export function processRatiosOf(run: ClockRun, metric: ProcessMetric): readonly ProcessRatio[] {
  const pairs = processMechanisms.flatMap(({ id, peers }) => peers.map((peer) => ({ subject: id, peer })));
  return pairs.flatMap(({ subject, peer }) =>
    ownerSizes(run).flatMap((ownerMiB) =>
      processBurstSizes(run).flatMap((burst) => {
        const aem = processBurstOf(run, subject, ownerMiB, burst)?.[metric].median;
        const other = processBurstOf(run, peer, ownerMiB, burst)?.[metric].median;
        if (aem === undefined || other === undefined || other <= 0) return [];
        return [{ clock: run.clock, subject, ownerMiB, burst, metric, peer, ratio: aem / other }];
      }),
    ),
  );
}

/** `0.61 ×` */
export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
