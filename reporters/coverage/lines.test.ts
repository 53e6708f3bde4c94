// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { formatError } from '../../lib/errors.ts';
import { parseResults } from '../read.ts';
import type { LineCoverage } from '../results.ts';
import { sampleLines, sampleResults } from '../testing/sample.ts';
import { coverageHtml } from './html.ts';
import { coverageJson } from './json.ts';
import { lineReport, percentage } from './lines.ts';
import { coverageMarkdown } from './markdown.ts';

const coverage = sampleLines();
const core = 'modules/aem-core/main.c';
const results = sampleResults({ lines: coverage });
const report = lineReport(results);

describe('the report of lines', () => {
  test('counts what ran, and what ran only while booting', () => {
    expect(report?.total).toEqual({ instrumented: 7, reached: 3, bootOnly: 1 });
    expect(report?.files[0]).toMatchObject({ path: core, instrumented: 6, reached: 2, bootOnly: 1, bootLines: '3' });
    expect(report?.files[1]).toMatchObject({ instrumented: 1, reached: 1, bootOnly: 0, unreached: [] });
  });

  test('lists what nothing reached by function, with its text', () => {
    expect(report?.files[0]?.unreached).toEqual([
      { function: 'aem_load', entered: true, lines: [{ line: 5, text: 'c <script>alert(1)</script> `x`' }] },
      {
        function: 'aem_never',
        entered: false,
        lines: [
          { line: 8, text: 'd' },
          { line: 9, text: 'e' },
          { line: 10, text: 'f' },
        ],
      },
    ]);
  });

  test('tells of each requirement what its tests reach, and what they reach alone', () => {
    const of = (id: string) => report?.requirements.find((row) => row.id === id);
    expect(of('AEM-PEXIT-001')).toMatchObject({
      reached: 2,
      alone: 1,
      lines: { [core]: '4', 'linux/kernel/aem.c': '7' },
    });
    expect(of('AEM-PEXIT-004')).toMatchObject({ reached: 1, alone: 0 });
  });

  test('a clause without own tests has the lines of its children', () => {
    expect(report?.requirements.find(({ id }) => id === 'AVL.5.3')).toMatchObject({ reached: 2, alone: 2 });
    expect(report?.requirements.some(({ id }) => id === 'AEM-CORE-011')).toBe(false);
  });

  test('names the tests that ran and whose counters are not there', () => {
    expect(report?.unread).toContain('core/control/orders-events-by-arrival');
    expect(report?.unread).not.toContain('pexit/notify/native-reports-the-exit-code');
    // It was not run.
    expect(report?.unread).not.toContain('timer/posix/counts-overruns');
  });

  test('never rounds up to all', () => {
    expect(percentage({ instrumented: 10_000, reached: 9_999, bootOnly: 0 })).toBe('99.9 %');
    expect(percentage({ instrumented: 3, reached: 3, bootOnly: 0 })).toBe('100.0 %');
    expect(percentage({ instrumented: 0, reached: 0, bootOnly: 0 })).toBe('–');
  });
});

describe('the reports', () => {
  test('say nothing of lines when none were counted', () => {
    expect(lineReport(sampleResults())).toBeUndefined();
    expect(coverageHtml(sampleResults())).not.toContain('Lines of AEM');
    expect(coverageMarkdown(sampleResults())).not.toContain('Lines of AEM');
    expect(JSON.parse(coverageJson(sampleResults()))).not.toHaveProperty('lines');
  });

  test('HTML has the table and the lines, as text', () => {
    const page = coverageHtml(results);
    expect(page).toContain('<td data-label="Share">33.3 %</td>');
    expect(page).toContain('5  c &lt;script&gt;alert(1)&lt;/script&gt; `x`');
    expect(page).toContain('<code>aem_never</code>, never called');
    expect(page.match(/<script/g)).toHaveLength(1);
  });

  test('Markdown has the table and the lines, in a block that they cannot end', () => {
    const text = coverageMarkdown(results);
    expect(text).toContain(`| \`${core}\` | 2 | 6 | 33.3 % | 1 |`);
    expect(text).toContain('| **All** | 3 | 7 | 42.8 % | 1 |');
    expect(text).toContain(`\n${core}:8: d\n`);
    expect(text).toContain('| `AEM-PEXIT-001` | 2 | 1 |');
  });

  test('JSON has all of it', () => {
    expect(JSON.parse(coverageJson(results)).lines).toEqual(report);
  });
});

describe('lines in results.json', () => {
  const problem = (lines: LineCoverage): string => {
    try {
      parseResults(JSON.stringify({ ...results, lines }), 'results.json');
      return '';
    } catch (error) {
      return formatError(error);
    }
  };

  test('are read back as they are', () => {
    expect(parseResults(JSON.stringify(results), 'results.json')).toEqual(results);
  });

  test.each<[string, LineCoverage, string]>([
    ['of a test that there is not', { ...coverage, tests: { 'a/b/c': {} } }, 'no test has the id "a/b/c"'],
    ['of a file that there is not', { ...coverage, boot: { 'x.c': '1' } }, '"x.c" is not among /lines/files'],
    ['that hold no code', { ...coverage, boot: { [core]: '6' } }, 'line 6 of'],
    ['that are no ranges', { ...coverage, boot: { [core]: '6-' } }, 'results.json:/lines/boot'],
  ])('%s are refused', (_what, lines, message) => {
    expect(problem(lines)).toContain(message);
  });
});
