// SPDX-License-Identifier: GPL-2.0-only
import { mechanisms } from './mechanisms.ts';
import { idleCounts } from './ratios.ts';
import type { ClockRun, Fitting, OneMore } from './results.ts';
import { grouped, row } from './row.ts';

type FigureOf = (one: Fitting) => number | undefined;

/** What a source costs while it is idle, and to come and go. */
export function sourceTables(run: ClockRun): readonly string[] {
  return [
    ...byMechanism(run, 'Bytes of kernel memory a source', (one) => one.bytes, coreRow),
    ...byMechanism(run, 'Instructions to register a source, all of them one after the other', registerOf),
    ...byMechanism(run, 'Instructions to shut one down, likewise', shutdownOf),
    ...oneMoreTable(run),
  ];
}

/** With few of them what comes once, such as a page, would stand for all. */
const fewest = 10_000;

const registerOf: FigureOf = ({ register, idle }) => (idle < fewest ? undefined : register);
const shutdownOf: FigureOf = ({ shutdown, idle }) => (idle < fewest ? undefined : shutdown);

function byMechanism(
  run: ClockRun,
  title: string,
  figure: FigureOf,
  more: (run: ClockRun, idle: readonly number[]) => readonly string[] = () => [],
): readonly string[] {
  const idle = idleCounts(run).filter((count) => fitting(run).some((one) => one.idle === count && figure(one) !== undefined));
  const shown = new Set(run.measurements.map(({ mechanism }) => mechanism));
  // What has no sources of its own has none to come and go.
  const rows = mechanisms.filter(({ id, program }) => program === 'waits' && shown.has(id) && !/^(signal|poll|aem-)/.test(id));
  if (idle.length === 0) return [];
  return [
    title,
    row('  idle sources', idle.map(grouped)),
    ...rows.map(({ id, label }) => row(label, idle.map((count) => cell(run, id, count, figure)))),
    ...more(run, idle),
    '',
  ];
}

/** Of an event's bytes, those that are not aem-example's. */
function coreRow(run: ClockRun, idle: readonly number[]): readonly string[] {
  const core: FigureOf = ({ bytes, ownBytes }) =>
    bytes === undefined || ownBytes === undefined ? undefined : bytes - ownBytes;
  if (!fitting(run).some((one) => core(one) !== undefined)) return [];
  return [row('  of AEM’s, aem-core’s', idle.map((count) => cell(run, 'aem', count, core)))];
}

function oneMoreTable(run: ClockRun): readonly string[] {
  const told = fitting(run).filter(({ more }) => more !== undefined);
  if (told.length === 0) return [];
  const line = (label: string, key: keyof OneMore): string =>
    row(label, told.map(({ more }) => (more === undefined ? '-' : grouped(Math.round(more[key])))));
  return [
    'Instructions for one event more, beside those that there are',
    row('  idle sources', told.map(({ idle }) => grouped(idle))),
    line('to register and start it', 'register'),
    line('to look one up', 'lookup'),
    line('to shut it down', 'shutdown'),
    '',
  ];
}

function cell(run: ClockRun, mechanism: string, idle: number, figure: FigureOf): string {
  const one = run.measurements.find((found) => found.mechanism === mechanism && found.idle === idle);
  if (one === undefined) return '-';
  if (!one.fits) return 'does not fit';
  const value = figure(one);
  return value === undefined ? '-' : grouped(Math.round(value));
}

function fitting({ measurements }: ClockRun): readonly Fitting[] {
  return measurements.filter((one): one is Fitting => one.fits);
}
