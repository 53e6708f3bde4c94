// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { mechanisms, processMechanisms } from './mechanisms.ts';
import { grouped } from './row.ts';
import { renderTable } from './table.ts';
import { sampleResults } from './testing/sample.ts';

test('the table names every mechanism, says what does not fit, and has the ratios', () => {
  const lines = renderTable(sampleResults()).split('\n');

  for (const { label } of mechanisms) expect(lines.some((line) => line.startsWith(label))).toBe(true);
  const [title, counts] = lines;
  expect(title).toBe('Instructions to deliver an event, one at a time');
  expect(counts?.trim().split(/ {2,}/)).toEqual(['idle sources', '1', '1,000', '1,000,000']);
  expect(cells(lines, 'AEM, ring')).toEqual(['AEM, ring', '2,000', '2,000', '2,000']);
  expect(cells(lines, 'io_uring, reads')).toEqual(['io_uring, reads', '4,000', '4,000', 'does not fit']);
  expect(cells(lines, 'poll')).toEqual(['poll', '5,600', '5,600', '-']);
  expect(cells(lines, '  AEM, ring ')).toEqual(['AEM, ring', '0.71 ×', '0.71 ×', '0.71 ×']);
  expect(cells(lines, '  AEM, upcall ')).toEqual(['AEM, upcall', '0.86 ×', '0.86 ×', '0.86 ×']);
  expect(lines.find((line) => line.includes('of the cheapest peer'))).toMatch(/( +epoll){3}$/);
});

test('an upcall into computing code is compared with a signal into computing code', () => {
  const table = renderTable(sampleResults());

  const [, part = ''] = table.split('Instructions to deliver an event into computing code, one at a time\n');
  const lines = (part.split('\n\n')[0] ?? '').split('\n');
  expect(cells(lines, 'AEM, upcall')).toEqual(['AEM, upcall', '6,000', '6,000', '6,000']);
  expect(cells(lines, 'real-time signal')).toEqual(['real-time signal', '6,400', '6,400', '6,400']);
  expect(cells(lines, '  AEM, upcall ')).toEqual(['AEM, upcall', '0.94 ×', '0.94 ×', '0.94 ×']);
  expect(lines).toHaveLength(5);
});

test('entries into the kernel are told by burst', () => {
  const lines = renderTable(sampleResults()).split('\n');

  const begin = lines.indexOf('System calls an event, of the thread that is told');
  expect(cells(lines.slice(begin), 'AEM, ring')).toEqual(['AEM, ring', '2.000', '0.031']);
});

test('handler processes are told by the memory of their owner', () => {
  const table = renderTable(sampleResults());

  const [, part = ''] = table.split('Instructions that an event takes whose handler runs in a process, in bursts of 8\n');
  const lines = (part.split('\n\n')[0] ?? '').split('\n');
  for (const { label } of processMechanisms) expect(lines.some((line) => line.startsWith(label))).toBe(true);
  expect(cells(lines, 'AEM, EVF_CAPSULE')).toEqual(['AEM, EVF_CAPSULE', '110,000', '4,500,000']);
  expect(cells(lines, '  AEM, EVF_CAPSULE, of pool')).toEqual(['AEM, EVF_CAPSULE, of pool, one event each', '0.85 ×', '1.29 ×']);
  expect(cells(lines, '  AEM, EVF_FORK')).toEqual(['AEM, EVF_FORK, of epoll and fork', '0.83 ×', '1.25 ×']);
});

test('one more event is told of beside each count', () => {
  const lines = renderTable(sampleResults()).split('\n');

  expect(cells(lines, 'to look one up')).toEqual(['to look one up', '900', '900', '900']);
});

test('bytes are told where they were weighed, and the host’s figures are nanoseconds', () => {
  const table = renderTable(sampleResults());

  expect(table).toMatch(/Bytes of kernel memory a source\n +idle sources +1,000,000\nAEM, ring +146\n/);
  expect(table).toMatch(/\n {2}of AEM’s, aem-core’s +106\n/);
  expect(table).toContain('Nanoseconds to deliver an event, in bursts of 64');
  expect(table).toContain('The guest had 1 CPU and 768 MiB, under tcg.');
});

test('under what the guest ran is told by clock where it differs: only emulation counts instructions', () => {
  const { runs, ...rest } = sampleResults();
  const differing = runs.map((run) =>
    run.clock === 'host' ? { ...run, target: { ...run.target, accelerator: 'kvm' as const } } : run,
  );

  const table = renderTable({ ...rest, runs: differing });

  expect(table).toContain('The guest had 1 CPU and 768 MiB, under tcg (instructions) or kvm (ns).');
});

test('no line is wider than a terminal of 100 columns', () => {
  const figures = renderTable(sampleResults()).split('\n').filter((line) => / {3}/.test(line));

  for (const line of figures) expect(line.length).toBeLessThanOrEqual(100);
});

test('numbers are grouped by thousands', () => {
  expect([0, 999, 1000, 1_234_567].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
});

/** Of the first line that begins so. */
function cells(lines: readonly string[], begin: string): readonly string[] {
  return (lines.find((line) => line.startsWith(begin)) ?? '').trim().split(/ {2,}/);
}
