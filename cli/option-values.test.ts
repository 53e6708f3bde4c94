// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { positive, seconds } from './option-values.ts';

test('a whole number from 1 on is taken, anything else refused', () => {
  expect(positive('512')).toBe(512);
  for (const value of ['0', '-1', '1.5', 'many', '']) expect(() => positive(value)).toThrow('whole number');
});

test('seconds are at most a day: a timer of 25 days would end at once', () => {
  expect(seconds('60')).toBe(60);
  expect(seconds('86400')).toBe(86_400);
  for (const value of ['86401', '2147484', '1e12']) expect(() => seconds(value)).toThrow('86400');
  expect(() => seconds('0')).toThrow('whole number');
});
