// SPDX-License-Identifier: GPL-2.0-only
import { formatDuration } from '../text.ts';
import { labelOf, mechanisms, processMechanisms } from './mechanisms.ts';
import type { Mechanism } from './mechanisms.ts';
import { processTables } from './process-table.ts';
import { burstOf, burstSizes, formatRatio, idleCounts, ratiosOf } from './ratios.ts';
import type { Ratio } from './ratios.ts';
import type { BenchResults, ClockRun, Fitting } from './results.ts';
import { unitOf } from './results.ts';
import { capital, grouped, row } from './row.ts';
import { sourceTables } from './source-table.ts';

/** What was measured, for the terminal. */
export function renderTable(results: BenchResults): string {
  const took = Date.parse(results.finishedAt) - Date.parse(results.startedAt);
  const lines = results.runs.flatMap((run) => [
    ...burstSizes(run).flatMap((size) => costTable(run, size, 'waits')),
    ...burstSizes(run).flatMap((size) => costTable(run, size, 'computes')),
    ...(run.clock === 'icount' ? [...entryTable(run), ...sourceTables(run)] : []),
    ...processTables(run),
  ]);
  return [
    ...lines,
    `Linux ${results.release}${results.quick ? ', quick: few rounds, few sources' : ''}, ${formatDuration(took)}.`,
    ...notes(results),
    '',
  ].join('\n');
}

function costTable(run: ClockRun, size: number, program: Mechanism['program']): readonly string[] {
  const rows = present(run).filter((mechanism) => mechanism.program === program);
  if (rows.length === 0) return [];
  const idle = idleCounts(run).filter((count) =>
    run.measurements.some((one) => one.idle === count && rows.some(({ id }) => id === one.mechanism)),
  );
  const subjects = rows.filter(({ role }) => role === 'subject');
  const ratios = (metric: 'deliver' | 'whole', label: string): readonly string[] =>
    subjects.flatMap((subject) => {
      const own = ratiosOf(run, metric).filter((ratio) => ratio.burst === size && ratio.subject === subject.id);
      return ratioRows(`${subject.label}${label}`, idle, own);
    });
  return [
    `${capital(unitOf[run.clock])} to deliver an event${program === 'waits' ? '' : ' into computing code'}, ${load(size)}`,
    row('  idle sources', idle.map(grouped)),
    ...rows.map(({ id, label }) => row(label, idle.map((count) => costCell(run, id, count, size)))),
    ...ratios('deliver', ''),
    ...ratios('whole', ', raising too'),
    '',
  ];
}

function load(size: number): string {
  return size === 1 ? 'one at a time' : `in bursts of ${size}`;
}

function costCell(run: ClockRun, mechanism: string, idle: number, size: number): string {
  const one = run.measurements.find((found) => found.mechanism === mechanism && found.idle === idle);
  if (one?.fits === false) return 'does not fit';
  const cost = burstOf(run, mechanism, idle, size)?.deliver.median;
  return cost === undefined ? '-' : grouped(Math.round(cost));
}

function ratioRows(label: string, idle: readonly number[], ratios: readonly Ratio[]): readonly string[] {
  const at = (count: number): Ratio | undefined => ratios.find((ratio) => ratio.idle === count);
  const text = (ratio: Ratio | undefined): string => (ratio === undefined ? '' : formatRatio(ratio.ratio));
  const peers = [...new Set(ratios.map(({ peer }) => peer))];
  const rows = [row(`  ${label}`, idle.map((count) => text(at(count))))];
  // Where there is no choice the table has one peer.
  return peers.length > 0 && ratios.some(({ subject }) => hasChoice(subject))
    ? [...rows, row('    of the cheapest peer', idle.map((count) => at(count)?.peer ?? ''))]
    : rows;
}

function hasChoice(subject: string): boolean {
  const { program } = mechanisms.find(({ id }) => id === subject) ?? {};
  return mechanisms.filter((one) => one.role === 'peer' && one.program === program).length > 1;
}

/** How often who is told enters the kernel; the same beside any number of idle sources. */
function entryTable(run: ClockRun): readonly string[] {
  const sizes = burstSizes(run);
  const entriesOf = (mechanism: string, size: number): number | undefined =>
    run.measurements
      .filter((one): one is Fitting => one.fits && one.mechanism === mechanism)
      .flatMap(({ bursts }) => bursts.filter((burst) => burst.size === size))
      .find(({ entries }) => entries !== undefined)?.entries;
  const rows = present(run).flatMap(({ id }) => {
    const entries = sizes.map((size) => entriesOf(id, size));
    if (entries.every((count) => count === undefined)) return [];
    return [row(labelOf(id), entries.map((count) => count?.toFixed(3) ?? '-'), 38)];
  });
  if (rows.length === 0) return [];
  return [
    'System calls an event, of the thread that is told',
    row('', sizes.map((size) => (size === 1 ? 'one at a time' : `bursts of ${size}`)), 38),
    ...rows,
    '',
  ];
}

function notes(results: BenchResults): readonly string[] {
  const [run] = results.runs;
  if (run === undefined) return [];
  const shown = new Set([...run.measurements, ...run.processes].map(({ mechanism }) => mechanism));
  const contrasts = [...mechanisms.filter(({ role }) => role === 'contrast'), ...processMechanisms]
    .filter(({ id, reason }) => reason !== undefined && shown.has(id))
    .map(({ label, reason }) => `No ratio is to "${label}": ${reason ?? ''}.`);
  const { memoryMiB, cpus } = run.target;
  return [
    `The guest had ${cpus} CPU and ${memoryMiB} MiB, under ${acceleratorsOf(results)}. Medians; reading the clock costs ${results.runs
      .map(({ clock, clockNs }) => `${clockNs.toFixed(0)} ${unitOf[clock]}`)
      .join(' or ')}.`,
    'One at a time "AEM, upcall" is an upcall an event; a burst shares one.',
    ...contrasts,
  ];
}

/** By clock where they differ: instructions are counted under emulation only. */
function acceleratorsOf({ runs }: BenchResults): string {
  const told = runs.map(({ clock, target: { accelerator = 'an unknown accelerator' } }) => ({ clock, accelerator }));
  const [one, ...others] = [...new Set(told.map(({ accelerator }) => accelerator))];
  if (one !== undefined && others.length === 0) return one;
  return told.map(({ clock, accelerator }) => `${accelerator} (${unitOf[clock]})`).join(' or ');
}

/** In the order in which they are told of. */
function present(run: ClockRun): readonly Mechanism[] {
  const shown = new Set(run.measurements.map(({ mechanism }) => mechanism));
  return mechanisms.filter(({ id }) => shown.has(id));
}
