// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import type { Results, TestResult } from '../../reporters/results.ts';
import { passingResults } from '../../reporters/testing/sample.ts';
import { unpatchedDoubts } from './unpatched.ts';

/** As such a run has to be: everything ran on the plain kernel and failed. */
function unpatched(change: Partial<TestResult> = {}): Results {
  const { subject, tests, plan, ...rest } = passingResults();
  return {
    ...rest,
    subject: { kernel: { ...subject.kernel, release: '6.12.117-plain', patches: [] }, modules: [] },
    plan: plan.map((one) => ({ ...one, binding: 'aem' })),
    tests: tests.map((one) => ({ ...one, verdict: 'FAIL', reason: 'no /dev/aem-core', ...change })),
  };
}

test('a run in which all ran and failed proves it', () => {
  expect(unpatchedDoubts(unpatched())).toEqual([]);
});

test('one that needs no AEM has to pass', () => {
  const results = unpatched();
  const native = (verdict: TestResult['verdict']): Results => ({
    ...results,
    plan: results.plan.map((one, index) => ({ ...one, binding: index === 0 ? 'native' : 'aem' })),
    tests: results.tests.map((one, index) => (index === 0 ? { ...one, verdict } : one)),
  });

  expect(unpatchedDoubts(native('PASS'))).toEqual([]);
  expect(unpatchedDoubts(native('FAIL')).join('\n')).toContain('needs no AEM and is FAIL');
});

test('one that passes is named', () => {
  expect(unpatchedDoubts(unpatched({ verdict: 'PASS' })).join('\n')).toContain('passes, so it verifies nothing');
});

test('a run in which nothing boots proves nothing', () => {
  const { target, ...results } = unpatched({ verdict: 'UNRESOLVED', reason: 'the kernel did not boot' });
  const { driver, cpus, memoryMiB } = target;
  const tests = results.tests.map(({ boot: _, ...one }) => one);

  const doubts = unpatchedDoubts({ ...results, tests, target: { driver, cpus, memoryMiB } });

  expect(doubts).toContain('no target came up');
  expect(doubts.filter((doubt) => doubt.includes('did not run'))).toHaveLength(tests.length);
});

test.each<[string, (results: Results) => Results]>([
  ['cut off', (results) => ({ ...results, run: { ...results.run, complete: false } })],
  ['patched', (results) => ({ ...results, subject: passingResults().subject })],
  ['a test short', (results) => ({ ...results, tests: results.tests.slice(1) })],
  ['of tests that could not tell', (results) => ({ ...results, tests: unpatched({ verdict: 'UNRESOLVED' }).tests })],
])('a run that was %s proves nothing', (_what, change) => {
  expect(unpatchedDoubts(change(unpatched()))).not.toEqual([]);
});
