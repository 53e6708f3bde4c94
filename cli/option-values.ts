// SPDX-License-Identifier: GPL-2.0-only
import { InvalidArgumentError } from 'commander';

/** A whole number from 1 on, as an option's value. */
export function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('A whole number from 1 on is expected.');
  return number;
}
