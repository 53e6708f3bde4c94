// SPDX-License-Identifier: GPL-2.0-only
import { InputError } from '../../lib/errors.ts';

/** One thing that is wrong in a requirement file. */
export interface SpecProblem {
  readonly file: string;
  /** From 1; absent when the file as a whole is meant. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  readonly expected?: string;
  readonly seen?: string;
  readonly hint?: string;
}

/** YAML files are wrong, those of the requirements mostly: everything that is, in one error. */
export class SpecError extends InputError {
  /** By file, line and column. */
  readonly problems: readonly SpecProblem[];

  constructor(problems: readonly SpecProblem[], what = 'the requirements') {
    const sorted = [...problems].sort(byPlace);
    const count = `${sorted.length} ${sorted.length === 1 ? 'problem' : 'problems'}`;
    super(`${count} in ${what}\n${sorted.map(formatProblem).join('\n')}`);
    this.problems = sorted;
  }
}

/** `file:line:column: message`, then expected, seen and do on lines of their own. */
export function formatProblem(problem: SpecProblem): string {
  const lines = [`${placeOf(problem)}: ${problem.message}`];
  if (problem.expected !== undefined) lines.push(`  expected: ${problem.expected}`);
  if (problem.seen !== undefined) lines.push(`  seen:     ${problem.seen}`);
  if (problem.hint !== undefined) lines.push(`  do:       ${problem.hint}`);
  return lines.join('\n');
}

function placeOf({ file, line, column }: SpecProblem): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

function byPlace(a: SpecProblem, b: SpecProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
