// SPDX-License-Identifier: GPL-2.0-only
import { formatDuration } from '../text.ts';
import type { TargetInfo } from '../results.ts';
import type { Mark } from './mechanisms.ts';
import type { BenchClock, BenchRun } from './results.ts';
import { grouped, row } from './row.ts';

/** What `aemcert bench http` measured: AEMhttpd under ab's load, by each of its event layers. */

export interface HttpLayer {
  readonly id: string;
  readonly label: string;
  /** As of mechanisms.ts: no ratio is to a contrast. */
  readonly role: 'subject' | 'peer' | 'contrast';
  readonly colour: string;
  readonly mark: Mark;
}

export const httpLayers: readonly HttpLayer[] = [
  { id: 'aem', label: 'AEM', role: 'subject', colour: '#e0442e', mark: 'circle' },
  { id: 'epoll', label: 'epoll', role: 'peer', colour: '#2f81d6', mark: 'square' },
  { id: 'io_uring', label: 'io_uring', role: 'peer', colour: '#8f6ad8', mark: 'triangle' },
  { id: 'select', label: 'select()', role: 'contrast', colour: '#86909a', mark: 'diamond' },
];

export interface HttpMeasurement {
  readonly layer: string;
  readonly idle: number;
  readonly requests: number;
  readonly perSecond: number;
  /** How long an answer took, as the client sees it. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  /** CPU time of the server, a request. */
  readonly serverNs: number;
}

export interface HttpRun {
  readonly clock: BenchClock;
  readonly target: TargetInfo;
  readonly measurements: readonly HttpMeasurement[];
}

export interface HttpResults extends BenchRun {
  readonly schema: 'aemcert-bench-http/1';
  /** Connections that ask. */
  readonly active: number;
  readonly fileBytes: number;
  /** For each figure. */
  readonly requests: number;
  readonly runs: readonly HttpRun[];
}

export interface HttpMetric {
  readonly title: Readonly<Record<BenchClock, string>>;
  readonly of: (one: HttpMeasurement) => number;
}

export const httpMetrics = {
  p50: { title: { icount: 'Response time, median: instructions', host: 'Response time, median: ns' }, of: ({ p50Ns }) => p50Ns },
  p99: { title: { icount: 'Response time, 99 of 100 within: instructions', host: 'Response time, 99 of 100 within: ns' }, of: ({ p99Ns }) => p99Ns },
  server: { title: { icount: 'The server’s instructions a request', host: 'The server’s nanoseconds of CPU time a request' }, of: ({ serverNs }) => serverNs },
  throughput: { title: { icount: 'Requests in 1,000,000,000 instructions', host: 'Requests a second' }, of: ({ perSecond }) => perSecond },
} as const satisfies Readonly<Record<string, HttpMetric>>;

export const idleCountsOf = ({ measurements }: HttpRun): readonly number[] => [...new Set(measurements.map(({ idle }) => idle))].sort((a, b) => a - b);

export const measurementOf = ({ measurements }: HttpRun, layer: string, idle: number): HttpMeasurement | undefined =>
  measurements.find((one) => one.layer === layer && one.idle === idle);

/** AEM's figure by another layer's, beside the same idle connections; and each layer's by its own without any. */
export interface HttpRatio {
  readonly clock: BenchClock;
  readonly metric: string;
  readonly layer: string;
  readonly to: string;
  readonly idle: number;
  readonly ratio: number;
}

export function httpRatios(run: HttpRun): readonly HttpRatio[] {
  const [least = 0] = idleCountsOf(run);
  return Object.entries(httpMetrics).flatMap(([metric, { of }]) =>
    idleCountsOf(run).flatMap((idle) => {
      const ratio = (layer: string, to: string, by: HttpMeasurement | undefined): readonly HttpRatio[] => {
        const one = measurementOf(run, layer, idle);
        return one === undefined || by === undefined ? [] : [{ clock: run.clock, metric, layer, to, idle, ratio: of(one) / of(by) }];
      };
      return [
        ...httpLayers.filter(({ role }) => role === 'peer').flatMap(({ id }) => ratio('aem', id, measurementOf(run, id, idle))),
        ...httpLayers.flatMap(({ id }) => ratio(id, `${least} idle`, measurementOf(run, id, least))),
      ];
    }),
  );
}

/** What was measured, for the terminal. */
export function renderHttp(results: HttpResults): string {
  const { startedAt, finishedAt, release, runs, active, fileBytes, requests } = results;
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const [first] = runs;
  return [
    ...runs.flatMap(tables),
    `Linux ${release}, ${took}. The guest had ${first?.target.cpus ?? 1} CPU and ${first?.target.memoryMiB ?? 0} MiB.`,
    `ab asked for ${grouped(fileBytes)} bytes on ${active} connections, ${grouped(requests)} times for each figure; each request was answered well.`,
    'No ratio is to select(): its cost grows with what is idle.',
    '',
  ].join('\n');
}

function tables(run: HttpRun): readonly string[] {
  const counts = idleCountsOf(run);
  const ratios = httpRatios(run);
  return Object.entries(httpMetrics).flatMap(([metric, { title, of }]) => [
    title[run.clock],
    row('  idle connections', counts.map(grouped)),
    ...httpLayers.map(({ id, label }) => row(label, counts.map((idle) => format(measurementOf(run, id, idle), of)))),
    ...httpLayers
      .filter(({ role }) => role === 'peer')
      .map(({ id, label }) => row(`  AEM, of ${label}`, counts.map((idle) => times(ratios, metric, 'aem', id, idle)))),
    ...httpLayers.map(({ id, label }) =>
      row(`  ${label}, of ${grouped(counts[0] ?? 0)} idle`, counts.map((idle) => times(ratios, metric, id, `${counts[0] ?? 0} idle`, idle))),
    ),
    '',
  ]);
}

function format(one: HttpMeasurement | undefined, of: HttpMetric['of']): string {
  return one === undefined ? '-' : grouped(Math.round(of(one)));
}

function times(ratios: readonly HttpRatio[], metric: string, layer: string, to: string, idle: number): string {
  const found = ratios.find((one) => one.metric === metric && one.layer === layer && one.to === to && one.idle === idle);
  return found === undefined ? '-' : `${found.ratio.toFixed(2)} ×`;
}
