// SPDX-License-Identifier: GPL-2.0-only
import { isPeer, subject } from './mechanisms.ts';
import type { BenchClock, Burst, ClockRun, Fitting, Metric } from './results.ts';

/** What AEM costs, by what the cheapest peer of the same run costs. */
export interface Ratio {
  readonly clock: BenchClock;
  readonly idle: number;
  readonly burst: number;
  readonly metric: Metric;
  readonly aem: number;
  readonly best: number;
  /** The peer. */
  readonly peer: string;
  readonly ratio: number;
}

/** The idle counts of a run, ascending. */
export function idleCounts({ measurements }: ClockRun): readonly number[] {
  return [...new Set(measurements.map(({ idle }) => idle))].sort((a, b) => a - b);
}

/** The sizes of the bursts, ascending. */
export function burstSizes({ measurements }: ClockRun): readonly number[] {
  const sizes = measurements.flatMap((one) => (one.fits ? one.bursts.map(({ size }) => size) : []));
  return [...new Set(sizes)].sort((a, b) => a - b);
}

export function burstOf(run: ClockRun, mechanism: string, idle: number, size: number): Burst | undefined {
  const one = run.measurements.find((found) => found.mechanism === mechanism && found.idle === idle);
  return one?.fits === true ? one.bursts.find((burst) => burst.size === size) : undefined;
}

/** One for each count of idle sources and burst with which both AEM and a peer ran. */
export function ratiosOf(run: ClockRun, metric: Metric): readonly Ratio[] {
  const ratios: Ratio[] = [];
  for (const idle of idleCounts(run)) {
    for (const size of burstSizes(run)) {
      const aem = burstOf(run, subject, idle, size)?.[metric].median;
      const best = cheapest(run, idle, size, metric);
      if (aem === undefined || best === undefined || best.cost <= 0) continue;
      ratios.push({
        clock: run.clock,
        idle,
        burst: size,
        metric,
        aem,
        best: best.cost,
        peer: best.peer,
        ratio: aem / best.cost,
      });
    }
  }
  return ratios;
}

function cheapest(
  run: ClockRun,
  idle: number,
  size: number,
  metric: Metric,
): { readonly peer: string; readonly cost: number } | undefined {
  const costs = run.measurements
    .filter((one): one is Fitting => one.fits && one.idle === idle && isPeer(one.mechanism))
    .flatMap(({ mechanism, bursts }) =>
      bursts.filter((burst) => burst.size === size).map((burst) => ({ peer: mechanism, cost: burst[metric].median })),
    );
  return costs.reduce<(typeof costs)[number] | undefined>(
    (best, one) => (best === undefined || one.cost < best.cost ? one : best),
    undefined,
  );
}

/** `0.61 ×` */
export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
