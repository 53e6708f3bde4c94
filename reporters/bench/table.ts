// SPDX-License-Identifier: GPL-2.0-only
import { formatDuration } from '../text.ts';
import { mechanisms, subject } from './mechanisms.ts';
import { burstOf, burstSizes, formatRatio, idleCounts, ratiosOf } from './ratios.ts';
import type { Ratio } from './ratios.ts';
import type { BenchResults, ClockRun, Measurement } from './results.ts';
import { unitOf } from './results.ts';

const firstColumn = 26;
const column = 15;

/** What was measured, for the terminal. */
export function renderTable(results: BenchResults): string {
  const took = Date.parse(results.finishedAt) - Date.parse(results.startedAt);
  const lines = results.runs.flatMap((run) => [
    ...burstSizes(run).flatMap((size) => costTable(run, size)),
    ...(run.clock === 'icount' ? sourceTable(run) : []),
  ]);
  return [
    ...lines,
    `Linux ${results.release}${results.quick ? ', quick: few rounds, few sources' : ''}, ${formatDuration(took)}.`,
    ...notes(results),
    '',
  ].join('\n');
}

function costTable(run: ClockRun, size: number): readonly string[] {
  const idle = idleCounts(run);
  const load = size === 1 ? 'one at a time' : `in bursts of ${size}`;
  const rows = present(run).map(({ id, label }) =>
    row(label, idle.map((count) => cell(run, id, count, (one) => burstOf(run, one.mechanism, count, size)?.deliver.median))),
  );
  return [
    `${capital(unitOf[run.clock])} to deliver an event, ${load}`,
    row('  idle sources', idle.map(grouped)),
    ...rows,
    ...ratioRows('AEM', idle, ratiosOf(run, 'deliver').filter(({ burst }) => burst === size)),
    ...ratioRows('AEM, raising included', idle, ratiosOf(run, 'whole').filter(({ burst }) => burst === size)),
    '',
  ];
}

function ratioRows(label: string, idle: readonly number[], ratios: readonly Ratio[]): readonly string[] {
  const at = (count: number): Ratio | undefined => ratios.find((ratio) => ratio.idle === count);
  return [
    row(`  ${label}`, idle.map((count) => ratioText(at(count)))),
    row('    of the cheapest peer', idle.map((count) => at(count)?.peer ?? '')),
  ];
}

function ratioText(ratio: Ratio | undefined): string {
  return ratio === undefined ? '' : formatRatio(ratio.ratio);
}

/** What a source costs while it is idle, and to come and go. */
function sourceTable(run: ClockRun): readonly string[] {
  const idle = idleCounts(run).filter((count) =>
    run.measurements.some((one) => one.idle === count && one.fits && one.bytes !== undefined),
  );
  const figures = [
    ['Bytes of kernel memory a source', 'bytes'],
    ['Instructions to register a source', 'register'],
    ['Instructions to shut one down', 'shutdown'],
  ] as const;
  return figures.flatMap(([title, key]) => [
    title,
    row('  idle sources', idle.map(grouped)),
    ...present(run)
      .filter(({ id }) => !id.startsWith('signal') && id !== 'poll')
      .map(({ id, label }) => row(label, idle.map((count) => cell(run, id, count, (one) => one[key])))),
    '',
  ]);
}

function cell(
  run: ClockRun,
  mechanism: string,
  idle: number,
  figure: (one: Extract<Measurement, { fits: true }>) => number | undefined,
): string {
  const one = run.measurements.find((found) => found.mechanism === mechanism && found.idle === idle);
  if (one === undefined) return '-';
  if (!one.fits) return 'does not fit';
  const value = figure(one);
  return value === undefined ? '-' : grouped(Math.round(value));
}

function notes(results: BenchResults): readonly string[] {
  const [run] = results.runs;
  if (run === undefined) return [];
  const shown = new Set(run.measurements.map(({ mechanism }) => mechanism));
  const contrasts = mechanisms
    .filter(({ id, role }) => role === 'contrast' && shown.has(id))
    .map(({ label, reason }) => `No ratio is to "${label}": ${reason ?? 'it is for contrast'}.`);
  const { accelerator = 'an unknown accelerator', memoryMiB, cpus } = run.target;
  return [
    `The guest had ${cpus} CPU and ${memoryMiB} MiB, under ${accelerator}. Medians; reading the clock costs ${results.runs
      .map(({ clock, clockNs }) => `${clockNs.toFixed(0)} ${unitOf[clock]}`)
      .join(' or ')}.`,
    ...contrasts,
  ];
}

function present(run: ClockRun): typeof mechanisms {
  const shown = new Set(run.measurements.map(({ mechanism }) => mechanism));
  return [...mechanisms]
    .filter(({ id }) => shown.has(id))
    .sort((a, b) => Number(b.id === subject) - Number(a.id === subject));
}

function row(label: string, cells: readonly string[]): string {
  return (label.padEnd(firstColumn) + cells.map((text) => text.padStart(column)).join('')).trimEnd();
}

/** `1,000,000` */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function capital(text: string): string {
  return text === 'ns' ? 'Nanoseconds' : text.charAt(0).toUpperCase() + text.slice(1);
}
