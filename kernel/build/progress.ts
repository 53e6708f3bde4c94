// SPDX-License-Identifier: GPL-2.0-only

export type BuildStage = 'wait' | 'source' | 'patch' | 'config' | 'compile' | 'modules' | 'programs' | 'package';

/** What a build does now. */
export interface BuildProgress {
  readonly stage: BuildStage;
  /** A short phrase for people, e.g. `compiling Linux 6.12 (base)`. */
  readonly message: string;
  /** Done and expected steps; absent where they cannot be counted. Expected is an estimate. */
  readonly done?: number;
  readonly total?: number;
  /** An estimate; absent while there is nothing to estimate from. */
  readonly secondsLeft?: number;
}

export type OnProgress = (progress: BuildProgress) => void;

/** Is this line of make's output one step, such as `  CC      kernel/fork.o`? */
export function isStep(line: string): boolean {
  return /^ {2}[A-Z][A-Z0-9_]*( \[M\])? +\S/.test(line);
}

export interface Estimate {
  readonly done: number;
  readonly total: number;
  readonly secondsLeft?: number;
}

/**
 * How far a build is, from the steps it has done in this run, those an interrupted run had
 * done before, and those the whole took last time. Never says that all is done: when there
 * are more steps than expected, the expectation grows.
 */
export function estimate(steps: number, before: number, expected: number, seconds: number): Estimate {
  const done = steps + before;
  const total = Math.max(expected, done + 1);
  // Too few steps say nothing of the rate.
  if (steps < 20 || seconds < 3) return { done, total };
  return { done, total, secondsLeft: Math.ceil(((total - done) * seconds) / steps) };
}
