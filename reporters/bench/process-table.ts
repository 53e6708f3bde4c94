// SPDX-License-Identifier: GPL-2.0-only
import { processLabelOf, processMechanisms } from './mechanisms.ts';
import { formatRatio, ownerSizes, processBurstOf, processBurstSizes, processRatiosOf } from './ratios.ts';
import type { ClockRun, ProcessMetric } from './results.ts';
import { unitOf } from './results.ts';
import { capital, grouped, row } from './row.ts';

const labelWidth = 46;

const titles: Readonly<Record<ProcessMetric, string>> = {
  whole: 'that an event takes whose handler runs in a process',
  deliver: 'until the last handler has run, an event',
};

/** What handler processes cost, by how much memory their owner has. */
export function processTables(run: ClockRun): readonly string[] {
  return processBurstSizes(run).flatMap((size) => [
    ...processTable(run, size, 'whole'),
    ...processTable(run, size, 'deliver'),
  ]);
}

function processTable(run: ClockRun, size: number, metric: ProcessMetric): readonly string[] {
  const owners = ownerSizes(run);
  const shown = processMechanisms.filter(({ id }) => run.processes.some(({ mechanism }) => mechanism === id));
  const cost = (mechanism: string, ownerMiB: number): string => {
    const median = processBurstOf(run, mechanism, ownerMiB, size)?.[metric].median;
    return median === undefined ? '-' : grouped(Math.round(median));
  };
  return [
    `${capital(unitOf[run.clock])} ${titles[metric]}, ${size === 1 ? 'one at a time' : `in bursts of ${size}`}`,
    row('  its owner’s memory', owners.map(ownerText), labelWidth),
    ...shown.map(({ id, label }) => row(label, owners.map((ownerMiB) => cost(id, ownerMiB)), labelWidth)),
    ...ratioRows(run, size, metric, owners),
    '',
  ];
}

function ratioRows(run: ClockRun, size: number, metric: ProcessMetric, owners: readonly number[]): readonly string[] {
  const ratios = processRatiosOf(run, metric).filter(({ burst }) => burst === size);
  const pairs = new Map(ratios.map(({ subject, peer }) => [`${subject} ${peer}`, { subject, peer }]));
  return [...pairs.values()].map(({ subject, peer }) => {
    const at = (owner: number): string => {
      const found = ratios.find((one) => one.subject === subject && one.peer === peer && one.ownerMiB === owner);
      return found === undefined ? '' : formatRatio(found.ratio);
    };
    return row(`  ${processLabelOf(subject)}, of ${processLabelOf(peer)}`, owners.map(at), labelWidth);
  });
}

export function ownerText(ownerMiB: number): string {
  return ownerMiB === 0 ? 'little' : `${ownerMiB} MiB`;
}
