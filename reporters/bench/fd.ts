// SPDX-License-Identifier: GPL-2.0-only
import { formatDuration } from '../text.ts';
import type { TargetInfo } from '../results.ts';
import type { BenchRun } from './results.ts';
import { grouped, row } from './row.ts';

/**
 * What `aemcert bench fd` measured, as suites/guest/bench-fd.c tells it: by a clock whose nanoseconds are
 * instructions.
 */

export const operations = ['open', 'read', 'write', 'lock', 'mode'] as const;
export type Operation = (typeof operations)[number];

/** Where an operation was measured; the first is what the others are compared with. */
export const situations = ['unpatched', 'absent', 'loaded', 'beside', 'aem', 'inotify'] as const;

export interface FileMeasurement extends Readonly<Partial<Record<Operation, number>>> {
  readonly how: string;
}

export interface FileResults extends BenchRun {
  readonly schema: 'aemcert-bench-fd/1';
  readonly target: TargetInfo;
  readonly measurements: readonly FileMeasurement[];
}

const labels: Readonly<Record<Operation, string>> = {
  open: 'open, close',
  read: 'read a byte',
  write: 'write a byte',
  lock: 'lock, unlock',
  mode: 'change the mode',
};

/** What was measured, for the terminal. */
export function renderFiles({ startedAt, finishedAt, release, target, measurements }: FileResults): string {
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const found = situations.flatMap((how) => measurements.filter((one) => one.how === how));
  const [base] = found;
  return [
    'Instructions an operation',
    row('', found.map(({ how }) => how)),
    ...operations.map((operation) => row(labels[operation], found.map((one) => count(one[operation])))),
    '',
    `As a ratio to ${base?.how ?? 'the first'}`,
    ...operations.map((operation) => row(labels[operation], found.map((one) => ratio(one[operation], base?.[operation])))),
    '',
    `Linux ${release}, a guest of ${target.memoryMiB} MiB, ${took}. Each event was told, once.`,
    '',
  ].join('\n');
}

function count(value: number | undefined): string {
  return value === undefined ? '-' : grouped(value);
}

function ratio(value: number | undefined, base: number | undefined): string {
  return value === undefined || base === undefined ? '-' : (value / base).toFixed(3);
}
