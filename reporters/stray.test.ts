// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { conclude } from './conclude.ts';
import { coverageHtml } from './coverage/html.ts';
import { coverageJson } from './coverage/json.ts';
import { coverageMarkdown } from './coverage/markdown.ts';
import { junitXml } from './junit/junit.ts';
import type { Incident, Results } from './results.ts';
import { renderSummary } from './terminal/summary.ts';
import { passingResults } from './testing/sample.ts';

const words = 'possible circular locking dependency detected';

/** All passed, and something happened while no test ran. */
function withStray(blame: Incident['blame']): Results {
  const excerpt = `[    1.000000] ======\n[    1.000001] WARNING: ${words}\n[    1.000002] more`;
  return passingResults({
    incidents: [{ kind: 'lockdep', blame, at: '2026-03-02T09:17:30Z', boot: 1, excerpt }],
  });
}

test.each<[string, (results: Results) => string]>([
  ['junit', (results) => junitXml(results)],
  ['junit, xunit profile', (results) => junitXml(results, { profile: 'xunit' })],
  ['html', coverageHtml],
  ['json', coverageJson],
  ['markdown', coverageMarkdown],
  ['terminal', (results) => renderSummary(results, { colour: false, columns: 160 })],
])('%s tells of a kernel’s fault while no test ran', (_report, render) => {
  expect(render(withStray('kernel'))).toContain(words);
});

test('such a fault keeps a run in which all passed from ending well', () => {
  expect(conclude(withStray('kernel'))).toMatchObject({ outcome: 'not-conformant', exitStatus: 1 });
  expect(junitXml(withStray('kernel'))).toMatch(/<testsuites [^>]*failures="1"/);
});

test('one of the infrastructure is told and costs nothing that was measured', () => {
  const results = withStray('infrastructure');
  expect(conclude(results)).toMatchObject({ outcome: 'conformant', exitStatus: 0 });
  expect(junitXml(results)).toContain(words);
  expect(junitXml(results)).toMatch(/<testsuites [^>]*failures="0" errors="0"/);
});
