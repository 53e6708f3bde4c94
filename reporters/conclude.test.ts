// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { conclude } from './conclude.ts';
import { verdicts, type Results, type Verdict } from './results.ts';
import { passingResults, sampleResults, sampleTest, type SampleOptions } from './testing/sample.ts';

const withVerdict = (verdict: Verdict, options: SampleOptions = {}): Results =>
  passingResults({
    tests: [
      sampleTest('pexit/notify/a', 'PASS', { requirements: ['AEM-PEXIT-001'] }),
      sampleTest('pexit/notify/b', verdict, { requirements: ['AEM-PEXIT-001'] }),
    ],
    ...options,
  });
const incident = (testId?: string): Results['incidents'] => [
  {
    kind: 'oops',
    blame: 'kernel',
    at: '2026-03-02T09:17:30Z',
    boot: 1,
    excerpt: 'BUG',
    ...(testId && { testId }),
  },
];

describe('a full run', () => {
  test('conforms when everything mandatory passed', () => {
    expect(conclude(passingResults())).toMatchObject({
      outcome: 'conformant',
      conformant: true,
      exitStatus: 0,
      reasons: [],
      failedRequirements: [],
    });
  });

  test.each<[Verdict, number]>([
    ['FAIL', 1],
    ['UNTESTED', 1],
    ['UNSUPPORTED', 1],
    ['UNRESOLVED', 3],
  ])('with a mandatory %s ends with %i', (verdict, exitStatus) => {
    const conclusion = conclude(withVerdict(verdict));
    expect(conclusion).toMatchObject({ conformant: false, exitStatus });
    expect(conclusion.failedRequirements).toContain('AEM-PEXIT-001');
    expect(conclusion.reasons.join('\n')).toContain('AEM-PEXIT-001');
  });

  test('is not held up by what is optional', () => {
    const results = passingResults();
    const optional = { ...results.requirements[1], mandatory: false, parents: [] };
    const tests = results.tests.map((one) => ({ ...one, verdict: 'UNTESTED' as const, reason: 'r' }));
    // The only mandatory requirement is one without tests.
    const requirements = [
      { ...results.requirements[0], children: [], verdict: 'UNTESTED' },
      { ...optional, verdict: 'UNTESTED' },
    ];
    const conclusion = conclude({ ...results, tests, requirements } as Results);
    expect(conclusion.failedRequirements).toEqual(['AVL.5.3']);
  });

  test('counts every verdict of the sample', () => {
    const { counts } = conclude(sampleResults());
    expect(counts.tests).toEqual({ PASS: 5, FAIL: 1, UNRESOLVED: 1, UNSUPPORTED: 1, UNTESTED: 1 });
    expect(verdicts.reduce((sum, verdict) => sum + counts.requirements[verdict], 0)).toBe(11);
  });
});

describe('no false green', () => {
  test.each<[string, (results: Results) => Results, number]>([
    ['a run cut off', (r) => ({ ...r, run: { ...r.run, complete: false, interruption: 'SIGTERM' } }), 3],
    [
      'a run without an end',
      (r) => {
        const { finishedAt: _, ...run } = r.run;
        return { ...r, run };
      },
      3,
    ],
    ['an empty plan', (r) => ({ ...r, plan: [], tests: [], requirements: [] }), 3],
    ['no requirement', (r) => ({ ...r, requirements: [] }), 3],
    [
      'no mandatory requirement',
      (r) => ({ ...r, requirements: r.requirements.map((q) => ({ ...q, mandatory: false })) }),
      3,
    ],
    ['a planned test without a result', (r) => ({ ...r, tests: r.tests.slice(1) }), 3],
    ['a test that was not planned', (r) => ({ ...r, plan: r.plan.slice(1) }), 3],
    [
      'a pass without an assertion',
      (r) => ({ ...r, tests: r.tests.map((t) => ({ ...t, assertions: 0 })) }),
      3,
    ],
    ['an oops in a test that passed', (r) => ({ ...r, incidents: incident(r.tests[0]?.id) }), 1],
    ['an oops outside tests', (r) => ({ ...r, incidents: incident() }), 1],
    [
      'taint by a fault in a test that passed',
      (r) => ({ ...r, tests: r.tests.map((t) => ({ ...t, taint: { before: 4096, after: 4096 | 512 } })) }),
      1,
    ],
  ])('%s', (_what, change, exitStatus) => {
    const conclusion = conclude(change(passingResults()));
    expect(conclusion).toMatchObject({ conformant: false, exitStatus });
    expect(conclusion.reasons).not.toEqual([]);
  });

  test('a failure decides over a run cut off', () => {
    const results = withVerdict('FAIL', { run: { complete: false, interruption: 'SIGINT' } });
    expect(conclude(results).exitStatus).toBe(1);
  });

  test('a run cut off is no verdict on what it did not reach', () => {
    const results = withVerdict('UNTESTED', { run: { complete: false, interruption: 'SIGINT' } });
    expect(conclude(results)).toMatchObject({ outcome: 'could-not-tell', exitStatus: 3 });
  });

  test('a test that fails and verifies nothing known does not vanish', () => {
    const base = passingResults();
    const orphan = sampleTest('core/x/orphan', 'FAIL', { requirements: ['AEM-NOT-THERE'] });
    const { verdict, durationMs, assertions, reason, ...planned } = orphan;
    const results = {
      ...base,
      plan: [...base.plan, planned],
      tests: [...base.tests, { id: orphan.id, verdict, durationMs, assertions, reason }],
    } as Results;
    expect(conclude(results)).toMatchObject({ exitStatus: 1, conformant: false });
  });
});

describe('a run with filters', () => {
  const left = sampleTest('pexit/notify/left-out', 'UNTESTED', { requirements: ['AEM-PEXIT-001'] });
  const filtered = (verdict: Verdict): Results =>
    withVerdict(verdict, { run: { filters: { grep: 'notify' } }, leftOut: [left] });

  test('never conforms, and ends well when what was selected passed', () => {
    expect(conclude(filtered('PASS'))).toMatchObject({
      outcome: 'selection-passed',
      conformant: false,
      exitStatus: 0,
      leftOut: ['AVL.5.3', 'AEM-PEXIT-001'],
    });
  });

  test.each<[Verdict, number]>([
    ['FAIL', 1],
    ['UNTESTED', 1],
    ['UNSUPPORTED', 1],
    ['UNRESOLVED', 3],
  ])('with a selected %s ends with %i', (verdict, exitStatus) => {
    expect(conclude(filtered(verdict))).toMatchObject({ conformant: false, exitStatus });
  });

  test('that selects nothing mandatory tells nothing', () => {
    const results = passingResults({
      tests: [sampleTest('core/x/orphan', 'PASS')],
      leftOut: [left],
      run: { filters: { grep: 'orphan' } },
    });
    expect(conclude(results)).toMatchObject({ exitStatus: 3, conformant: false });
  });
});

test('on a machine of others what is UNTESTED says nothing of its kernel', () => {
  const { target, ...results } = withVerdict('UNTESTED');

  expect(conclude({ ...results, target: { ...target, driver: 'ssh' } })).toMatchObject({ outcome: 'could-not-tell', conformant: false, exitStatus: 3 });
});
