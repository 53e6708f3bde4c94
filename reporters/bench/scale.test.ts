// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { logScale, logTicks, spread } from './scale.ts';

test('a logarithmic scale has equal distances for equal ratios', () => {
  const scale = logScale(1, 1_000_000, 0, 600);

  expect([1, 10, 1000, 1_000_000].map((value) => Math.round(scale.at(value)))).toEqual([0, 100, 300, 600]);
});

test('a scale of one value has it in the middle', () => {
  expect(logScale(5, 5, 0, 100).at(5)).toBe(50);
});

test('ticks surround the values', () => {
  expect(logTicks(186, 4044)).toEqual([100, 200, 500, 1000, 2000, 5000]);
  expect(logTicks(200, 500)).toEqual([200, 500]);
  expect(logTicks(200, 200)).toEqual([200, 400]);
});

test('labels are moved apart, in their order, as little as can be, and stay inside', () => {
  const moved = spread([100, 102, 50, 299, 300], 17, 40, 300);

  expect(moved).toEqual([92.5, 109.5, 50, 283, 300]);
});

test('labels that are apart stay where they are', () => {
  expect(spread([200, 100, 150], 17, 40, 300)).toEqual([200, 100, 150]);
});
