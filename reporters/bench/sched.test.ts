// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { schedMeasurementOf } from '../../suites/scalability/measure-sched.ts';
import { readStream } from '../../suites/scalability/stream.ts';
import { renderSched } from './sched.ts';
import type { SchedMeasurement } from './sched.ts';

const late = (p50: number): object => ({ samples: 500, min: 0, p50, p90: p50, p99: p50, max: 2 * p50 });

async function read(...results: readonly object[]): Promise<readonly SchedMeasurement[]> {
  const lines = results.map((result) => JSON.stringify({ result }));
  return (await readStream([`{"start":{"plan":${results.length}}}`, ...lines, '{"end":{}}'], schedMeasurementOf)).results;
}

test('what bench-sched says is told as a table, side by side, with ratios', async () => {
  const compared = {
    without: await read(
      { busy: 0, there: 250, migrations: 1, late: late(4000) },
      { busy: 8, there: 260, migrations: 90, late: late(1_000_000) },
    ),
    with: await read(
      { busy: 0, there: 500, migrations: 499, steered: 500, preferred: 0, late: late(5000) },
      { busy: 8, there: 498, migrations: 497, steered: 500, preferred: 501, late: late(10_000) },
    ),
  };

  const text = renderSched({
    schema: 'aemcert-bench-sched/1',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    command: [],
    release: '6.12.0-aem',
    target: { driver: 'qemu', cpus: 2, memoryMiB: 512 },
    oneCpu: compared,
    severalCpus: compared,
  });

  expect(text).toMatch(/of 500 events\n {2}competitors +0 +8\n/);
  expect(text).toMatch(/p50, without +4,000 +1,000,000\np50, with +5,000 +10,000\n {2}with : without +1.250 +0.010\n/);
  expect(text).toMatch(/min, with +0 +0\n {2}with : without +- +-\n/);
  expect(text).toMatch(/\npreferred +0 +501\n/);
  expect(text).toMatch(/2 CPUs: migrations of the thread\n.*\nwithout +1 +90\nwith +499 +497\n/);
  expect(text).toMatch(/2 CPUs: handlers of 500 that .*\n.*\nwithout +250 +260\nwith +500 +498\nsteered +500 +500\n/);
  expect(text).toContain('guests of 512 MiB, ');
});

test('a measurement without its figures is no result', async () => {
  await expect(read({ busy: 0, there: 1, migrations: 1 })).rejects.toThrow('cannot be read');
});
