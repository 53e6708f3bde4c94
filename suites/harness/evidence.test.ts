// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { TargetDiedError } from '../../kernel/target/died.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { Incident } from '../../reporters/results.ts';
import { judge, judgeIncident } from './evidence.ts';
import { ExpectationError, MissingEventError, UnsupportedError } from './expectation.ts';

function incident(blame: Incident['blame']): Incident {
  return { kind: 'panic', blame, at: '2026-03-02T09:17:30Z', boot: 1, excerpt: '[ 1.0] Kernel panic - not syncing' };
}

function failedAssertion(): unknown {
  try {
    expect(1).toBe(2);
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a failure says by what', () => {
  expect(judge(failedAssertion())).toMatchObject({ verdict: 'FAIL', by: 'assertion', expected: '2', observed: '1' });
  expect(judge(new ExpectationError('a', 'b'))).toMatchObject({ verdict: 'FAIL', by: 'assertion' });
  expect(judge(new MissingEventError('a within 2 s', 'none'))).toMatchObject({ verdict: 'FAIL', by: 'missing-event' });
  expect(judge(new TargetDiedError(incident('kernel')))).toMatchObject({ verdict: 'FAIL', by: 'target-died' });
  expect(judgeIncident(incident('kernel'), false)).toMatchObject({ verdict: 'FAIL', by: 'kernel-complaint' });
});

test('what says nothing of the subject fails nothing', () => {
  expect(judge(new TargetDiedError(incident('infrastructure'))).verdict).toBe('UNRESOLVED');
  expect(judge(new InfrastructureError('waited 300 s for the test to end')).verdict).toBe('UNRESOLVED');
  expect(judge(new TypeError('a bug of the test')).verdict).toBe('UNRESOLVED');
  expect(judge(new UnsupportedError('there is none')).verdict).toBe('UNSUPPORTED');
});
