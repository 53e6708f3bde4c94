// SPDX-License-Identifier: GPL-2.0-only
import { mechanisms } from '../mechanisms.ts';
import type { BenchClock, BenchResults, Burst, ClockRun, Figure, Fitting, Misfit } from '../results.ts';

export const sampleIdle = [1, 1000, 1_000_000];

export function figure(median: number): Figure {
  return { median, min: median };
}

export function burst(size: number, deliver: number, whole = 3 * deliver): Burst {
  return { size, rounds: 40, raise: figure(deliver / 2), deliver: figure(deliver), whole: figure(whole) };
}

/** A mechanism that costs `deliver` one at a time, and a quarter of it in bursts. */
export function fitting(mechanism: string, idle: number, deliver: number): Fitting {
  const heavy = idle >= 10_000 ? { bytes: 145.6 } : {};
  return {
    mechanism,
    idle,
    fits: true,
    bursts: [burst(1, deliver), burst(64, deliver / 4)],
    register: 3000,
    shutdown: 1500,
    ...heavy,
  };
}

export function misfit(mechanism: string, idle: number): Misfit {
  return { mechanism, idle, fits: false, neededKb: 985_552, availableKb: 703_192 };
}

export function run(measurements: ClockRun['measurements'], clock: BenchClock = 'icount'): ClockRun {
  const target = { driver: 'qemu', accelerator: 'tcg', cpus: 1, memoryMiB: 768 } as const;
  return { clock, target, nops: 1_000_000, nopsNs: 1_002_069, clockNs: 80, measurements };
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
  return {
    schema: 'aemcert-bench-core/1',
    startedAt: '2026-11-23T08:00:00.000Z',
    finishedAt: '2026-11-23T08:03:00.000Z',
    command: ['aemcert', 'bench', 'core'],
    quick: false,
    release: '6.12.117-aem',
    runs: [run(measurements), run(measurements, 'host')],
  };
}
