// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { readAb } from '../../suites/scalability/measure-http.ts';
import { httpChart, linearTicks } from './http-chart.ts';
import { httpLayers, httpRatios, renderHttp } from './http.ts';
import type { HttpRun } from './http.ts';

const said = `Document Length:        1024 bytes
Complete requests:      3000
Failed requests:        0
Keep-Alive requests:    3000
Requests per second:    8042.57 [#/sec] (mean)
`;
const percentiles = 'Percentage served,Time in ms\n0,1.100\n50,12.500\n99,20.250\n';

const run: HttpRun = {
  clock: 'icount',
  target: { driver: 'qemu', cpus: 1, memoryMiB: 1024 },
  measurements: [0, 20_000].flatMap((idle) =>
    httpLayers.map(({ id }, index) => ({
      layer: id,
      idle,
      requests: 100,
      perSecond: 1000,
      p50Ns: 1_000_000 * (index + 1) * (id === 'select' && idle > 0 ? 10 : 1),
      p99Ns: 2_000_000,
      serverNs: 30_000,
    })),
  ),
};

test('what ab says is read', () => {
  expect(readAb(said, percentiles, 3000)).toEqual({ perSecond: 8042.57, p50Ns: 12.5e6, p99Ns: 20.25e6 });
});

test('an answer that was no good is no figure', () => {
  expect(() => readAb(`${said}Non-2xx responses:      3\n`, percentiles, 3000)).toThrow('not answered well');
  expect(() => readAb(said.replace('Failed requests:        0', 'Failed requests:        1'), percentiles, 3000)).toThrow('not answered well');
  expect(() => readAb(said, percentiles, 3001)).toThrow('not answered well');
  expect(() => readAb(said, '', 3000)).toThrow('cannot be read');
});

test('AEM is compared with its peers beside as many idle ones, and each layer with itself without any', () => {
  const ratios = httpRatios(run).filter(({ metric }) => metric === 'p50');

  expect(ratios).toContainEqual({ clock: 'icount', metric: 'p50', layer: 'aem', to: 'epoll', idle: 20_000, ratio: 0.5 });
  expect(ratios).toContainEqual({ clock: 'icount', metric: 'p50', layer: 'select', to: '0 idle', idle: 20_000, ratio: 10 });
  expect(ratios.some(({ layer, to }) => layer === 'aem' && to === 'select')).toBe(false);
});

test('the table and the picture have every layer', () => {
  const text = renderHttp({
    schema: 'aemcert-bench-http/1', startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:01:00.000Z', command: [], release: '6.12.0-aem',
    active: 100, fileBytes: 1024, requests: 3000, runs: [run],
  });
  const svg = httpChart(run, 100);

  expect(text).toMatch(/idle connections +0 +20,000\n/);
  expect(text).toMatch(/AEM, of epoll +0\.50 × +0\.50 ×\n/);
  expect(text).toMatch(/select\(\), of 0 idle +1\.00 × +10\.00 ×\n/);
  for (const { id } of httpLayers) expect(svg.split(`data-series="${id}"`)).toHaveLength(3);
});

test('ticks are even and go from nothing to what is most', () => {
  expect(linearTicks(11)).toEqual([0, 5, 10, 15]);
  expect(linearTicks(40_000_000)).toEqual([0, 1, 2, 3, 4].map((step) => step * 10_000_000));
});
