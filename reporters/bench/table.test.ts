// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { mechanisms } from './mechanisms.ts';
import { grouped, renderTable } from './table.ts';
import { sampleResults } from './testing/sample.ts';

test('the table names every mechanism, says what does not fit, and has the ratios', () => {
  const lines = renderTable(sampleResults()).split('\n');

  for (const { label } of mechanisms) expect(lines.some((line) => line.startsWith(label))).toBe(true);
  const [title, counts] = lines;
  expect(title).toBe('Instructions to deliver an event, one at a time');
  expect(counts?.trim().split(/ {2,}/)).toEqual(['idle sources', '1', '1,000', '1,000,000']);
  expect(lines.find((line) => line.startsWith('AEM '))?.trim().split(/ {2,}/)).toEqual(['AEM', '2,000', '2,000', '2,000']);
  expect(lines.find((line) => line.startsWith('io_uring, reads'))).toMatch(/3,600 +3,600 +does not fit$/);
  expect(lines.find((line) => line.startsWith('poll'))).toMatch(/5,200 +5,200 +-$/);
  expect(lines.find((line) => line.startsWith('  AEM '))?.trim().split(/ {2,}/)).toEqual(['AEM', '0.83 ×', '0.83 ×', '0.83 ×']);
  expect(lines.find((line) => line.includes('of the cheapest peer'))).toMatch(/( +epoll){3}$/);
});

test('bytes are told where they were weighed, and the host’s figures are nanoseconds', () => {
  const table = renderTable(sampleResults());

  expect(table).toMatch(/Bytes of kernel memory a source\n +idle sources +1,000,000\nAEM +146\n/);
  expect(table).toContain('Nanoseconds to deliver an event, in bursts of 64');
  expect(table).toContain('The guest had 1 CPU and 768 MiB, under tcg.');
});

test('no line is wider than a terminal of 100 columns', () => {
  const figures = renderTable(sampleResults()).split('\n').filter((line) => / {3}/.test(line));

  for (const line of figures) expect(line.length).toBeLessThanOrEqual(100);
});

test('numbers are grouped by thousands', () => {
  expect([0, 999, 1000, 1_234_567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
});
