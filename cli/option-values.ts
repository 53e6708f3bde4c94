// SPDX-License-Identifier: GPL-2.0-only
import { InvalidArgumentError, Option } from 'commander';
import type { Shard } from '../suites/harness/plan.ts';

/** A whole number from 1 on, as an option's value. */
export function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number from 1 on is expected.');
  return number;
}

/** `I/N`: part I of N, from 1. */
export function shard(value: string): Shard {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(value) ?? []).map(Number);
  if (index === undefined || count === undefined || index < 1 || index > count) throw new InvalidArgumentError('I/N is expected, such as 1/3.');
  return { index, count };
}

/** Which of our kernels, for each command that builds one. */
export function kernelVersion(): Option {
  return new Option('--kernel-version <version>', 'of our kernel: a folder of kernel/patches, 6.1 or 6.12 (default: the newest)');
}

const day = 24 * 60 * 60;

/**
 * A number of seconds from 1 to a day. Node's timers hold 24 days: a longer one ends after a millisecond, and
 * all that is waited for would count as not happening.
 */
export function seconds(value: string): number {
  const number = positive(value);
  if (number > day) throw new InvalidArgumentError(`At most ${day} seconds are expected: a day.`);
  return number;
}
