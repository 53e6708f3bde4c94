// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { measurementOf } from '../../suites/scalability/measure-timer.ts';
import { readStream } from '../../suites/scalability/stream.ts';
import { renderTimers } from './timer.ts';

const quarters = { first: 1000, last: 1001 };
const late = { samples: 5, min: 7, p50: 8, p90: 9, p99: 10, p999: 10, max: 10 };

const line = (idle: number, more: object): string =>
  JSON.stringify({
    result: { idle, create: quarters, arm: quarters, rearmAll: quarters, delete: quarters, rearm: 12, expire: 13, ...more },
  });

test('what bench-timer says is told as a table, with the distribution of all', async () => {
  const { results: measurements } = await readStream(
    [
      '{"start":{"plan":2}}',
      line(1, { late: { ...late, bins: [{ from: 7, count: 4 }, { from: 10, count: 1 }] } }),
      line(1000000, { bytes: 282, late: { ...late, bins: [{ from: 8, count: 5 }] } }),
      '{"end":{}}',
    ],
    measurementOf,
  );

  const text = renderTimers({
    schema: 'aemcert-bench-timer/1',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    command: [],
    release: '6.12.0-aem',
    target: { driver: 'qemu', cpus: 1, memoryMiB: 768 },
    measurements,
  });

  expect(text).toMatch(/armed timers +1 +1,000,000\n/);
  expect(text).toMatch(/bytes of kernel memory +- +282\n/);
  expect(text).toMatch(/create, last quarter +1,001 +1,001\n/);
  expect(text).toMatch(/from 7 +4 +0\n +from 8 +0 +5\n +from 10 +1 +0\n/);
  expect(text).toContain('a guest of 768 MiB');
});
