// SPDX-License-Identifier: GPL-2.0-only
import { InvalidArgumentError } from 'commander';

/** A whole number from 1 on, as an option's value. */
export function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number from 1 on is expected.');
  return number;
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
