// SPDX-License-Identifier: GPL-2.0-only
import { mechanisms, processMechanisms } from '../mechanisms.ts';
import type {
  BenchClock,
  BenchResults,
  Burst,
  ClockRun,
  Figure,
  Fitting,
  Misfit,
  ProcessMeasurement,
} from '../results.ts';

export const sampleIdle = [1, 1000, 1_000_000];

export function figure(median: number): Figure {
  return { median, min: median };
}

export function burst(size: number, deliver: number, whole = 3 * deliver): Burst {
  const entries = size === 1 ? 2 : 2 / size;
  return { size, rounds: 40, raise: figure(deliver / 2), deliver: figure(deliver), whole: figure(whole), entries };
}

/** A mechanism that costs `deliver` one at a time, and a quarter of it in bursts. */
export function fitting(mechanism: string, idle: number, deliver: number): Fitting {
  const heavy = idle >= 10_000 ? { bytes: 145.6 } : {};
  const numbered = mechanism === 'aem' ? { more: { register: 3200, lookup: 900, shutdown: 1400 } } : {};
  const own = mechanism === 'aem' && idle >= 10_000 ? { ownBytes: 40 } : {};
  return {
    mechanism,
    idle,
    fits: true,
    bursts: [burst(1, deliver), burst(64, deliver / 4)],
    register: 3000,
    shutdown: 1500,
    ...heavy,
    ...numbered,
    ...own,
  };
}

export function misfit(mechanism: string, idle: number): Misfit {
  return { mechanism, idle, fits: false, neededKb: 985_552, availableKb: 703_192 };
}

/** A process costs as much as `whole`, in bursts too. */
export function handledBy(mechanism: string, ownerMiB: number, whole: number): ProcessMeasurement {
  const bursts = [1, 8].map((size) => ({ size, rounds: 20, deliver: figure(whole / 2), whole: figure(whole) }));
  return { mechanism, ownerMiB, bursts };
}

export function run(
  measurements: ClockRun['measurements'],
  clock: BenchClock = 'icount',
  processes: ClockRun['processes'] = [],
): ClockRun {
  const target = { driver: 'qemu', accelerator: 'tcg', cpus: 1, memoryMiB: 768 } as const;
  return { clock, target, nops: 1_000_000, nopsNs: 1_002_069, clockNs: 80, measurements, processes };
}

/** Every mechanism at every count but poll, which stops, and io_uring-read, which does not fit at the last. */
export function sampleResults(): BenchResults {
  const measurements = mechanisms.flatMap(({ id }, index) =>
    sampleIdle
      .filter((idle) => id !== 'poll' || idle <= 1000)
      .map((idle) =>
        id === 'io_uring-read' && idle === 1_000_000 ? misfit(id, idle) : fitting(id, idle, 2000 + 400 * index),
      ),
  );
  const processes = processMechanisms.flatMap(({ id }, index) => [
    handledBy(id, 0, 100_000 + 10_000 * index),
    handledBy(id, 64, 5_000_000 - 500_000 * index),
  ]);
  return {
    schema: 'aemcert-bench-core/2',
    startedAt: '2026-11-23T08:00:00.000Z',
    finishedAt: '2026-11-23T08:03:00.000Z',
    command: ['aemcert', 'bench', 'core'],
    quick: false,
    release: '6.12.117-aem',
    runs: [run(measurements, 'icount', processes), run(measurements, 'host', processes)],
  };
}
