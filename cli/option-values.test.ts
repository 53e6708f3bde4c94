// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { positive } from './option-values.ts';

test('a whole number from 1 on is taken, anything else refused', () => {
  expect(positive('512')).toBe(512);
  for (const value of ['0', '-1', '1.5', 'many', '']) expect(() => positive(value)).toThrow('whole number');
});
