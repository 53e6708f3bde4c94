// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import type { PlannedTest } from '../../reporters/results.ts';
import type { Control } from '../controls/load.ts';
import { countProofs, isCaught, judgeControl, otherTests, toLookAtAgain } from './controls.ts';
import type { ControlOutcome } from './controls.ts';
import type { Evidence } from './evidence.ts';

const planned: PlannedTest = {
  id: 'core/a/own',
  suite: 'core',
  file: 'suites/core/a.suite.ts',
  title: 'own',
  requirements: ['AEM-CORE-001'],
  binding: 'aem',
};
const control: Control = {
  requirement: 'AEM-CORE-001',
  fault: 'It does nothing at all.',
  edits: [],
  alsoFails: [],
  source: 'suites/controls/core.yaml',
  line: 1,
};

function judged(evidence: Pick<Evidence, 'verdict' | 'by'>, more: Partial<Control> = {}): ControlOutcome {
  const whole: Evidence = { startedAt: '', assertions: 1, incidents: [], stray: [], reason: 'why', ...evidence };
  const executed = { id: planned.id, fault: control.requirement, durationMs: 1, evidence: whole };
  return judgeControl({ ...control, ...more }, [planned], new Map([[`${control.requirement} ${planned.id}`, executed]]));
}

test.each(['assertion', 'missing-event', 'kernel-complaint'] as const)('a test that fails by %s catches, and says so', (by) => {
  const outcome = judged({ verdict: 'FAIL', by });

  expect(isCaught(outcome)).toBe(true);
  expect(outcome.caughtBy).toEqual([{ test: planned.id, by }]);
});

test('a dead target catches only where the control announces it', () => {
  const unannounced = judged({ verdict: 'FAIL', by: 'target-died' });
  const announced = judged({ verdict: 'FAIL', by: 'target-died' }, { targetDies: 'it frees what is used' });

  expect(isCaught(unannounced)).toBe(false);
  expect(unannounced.died).toEqual([{ test: planned.id, why: 'why' }]);
  expect(isCaught(announced)).toBe(true);
});

test.each(['UNRESOLVED', 'UNTESTED', 'UNSUPPORTED', 'PASS'] as const)('%s catches nothing: a time limit of the harness is UNRESOLVED', (verdict) => {
  expect(isCaught(judged({ verdict }))).toBe(false);
});

test('those that were caught by nothing but what did not come are counted', () => {
  const counts = countProofs([
    judged({ verdict: 'FAIL', by: 'missing-event' }),
    judged({ verdict: 'FAIL', by: 'assertion' }),
    judged({ verdict: 'PASS' }),
  ]);

  expect(counts).toMatchObject({ assertion: 1, 'missing-event': 1, 'only-missing-event': 1, 'target-died': 0 });
});

test('the others that run with a fault stay the same when there is a further test', () => {
  const plan = Array.from({ length: 50 }, (_, n): PlannedTest => ({ ...planned, id: `core/b/${n}`, requirements: ['AEM-CORE-002'] }));
  const chosen = otherTests(control, plan, 5);
  expect(chosen).toHaveLength(5);
  expect(otherTests({ ...control, requirement: 'AEM-CORE-003' }, plan, 5)).not.toEqual(chosen);

  const more = otherTests(control, [{ ...planned, id: 'core/a/first', requirements: ['AEM-CORE-002'] }, ...plan], 5);

  expect(more.filter((test) => chosen.includes(test)).length).toBeGreaterThanOrEqual(4);
});

test('a few controls that are not caught run once more, many are no chance', () => {
  const caught = judged({ verdict: 'FAIL', by: 'assertion' });
  const missed = { ...judged({ verdict: 'PASS' }), requirement: 'AEM-CORE-002' };
  const outcomes = (count: number): readonly ControlOutcome[] => [...Array<ControlOutcome>(100 - count).fill(caught), ...Array<ControlOutcome>(count).fill(missed)];

  expect(toLookAtAgain(outcomes(0))).toEqual([]);
  expect(toLookAtAgain(outcomes(5))).toEqual(Array(5).fill('AEM-CORE-002'));
  expect(toLookAtAgain(outcomes(6))).toEqual([]);
  expect(toLookAtAgain([missed])).toEqual(['AEM-CORE-002']);
});
