// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { formatRanges, isRanges, parseRanges, uniteRanges } from './ranges.ts';

describe('ranges of lines', () => {
  test.each([
    [[], ''],
    [[7], '7'],
    [[3, 4, 5, 9], '3-5,9'],
    [[9, 4, 3, 5, 4], '3-5,9'],
    [[99, 100, 102], '99-100,102'],
  ])('%j is written %j', (lines, text) => {
    expect(formatRanges(lines)).toBe(text);
    expect(parseRanges(text)).toEqual([...new Set(lines)].sort((a, b) => a - b));
  });

  test('are united', () => {
    expect(uniteRanges('1-3,9', '', '4,8-10')).toBe('1-4,8-10');
    expect(uniteRanges()).toBe('');
  });
});

test.each(['', '1', '3-7,9'])('%s is lines of a file', (text) => {
  expect(isRanges(text)).toBe(true);
});

test.each(['1-4000000000', '1-9,1-9', '9-1', '0', 'x', '1-x', '3,2'])('%s is none, and is not counted out', (text) => {
  expect(isRanges(text)).toBe(false);
});
