// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { verdicts, type PlannedTest, type TestResult, type Verdict } from './results.ts';
import {
  combineVerdicts,
  countVerdicts,
  deriveRequirementResults,
  type RequirementInput,
} from './verdict.ts';

const input = (id: string, parents: string[] = []): RequirementInput => ({
  id,
  parents,
  title: id,
  statement: '',
  priority: 'P1',
  mandatory: true,
  verification: 'test',
  bindings: ['aem'],
  source: { document: 'd', certainty: 'stated' },
  file: 'specs/x.yaml',
  line: 1,
});
const planned = (id: string, ...requirements: string[]): PlannedTest => ({
  id,
  suite: 's',
  file: 'f',
  title: id,
  requirements,
  binding: 'aem',
});
const result = (id: string, verdict: Verdict): TestResult => ({ id, verdict, durationMs: 1, assertions: 1 });
const verdictsById = (list: readonly { id: string; verdict: Verdict }[]): Record<string, Verdict> =>
  Object.fromEntries(list.map(({ id, verdict }) => [id, verdict]));

describe('the verdict of a whole', () => {
  test.each<[Verdict[], Verdict]>([
    [['PASS', 'PASS'], 'PASS'],
    [['PASS', 'UNSUPPORTED'], 'UNSUPPORTED'],
    [['UNSUPPORTED', 'UNTESTED', 'PASS'], 'UNTESTED'],
    [['UNTESTED', 'UNRESOLVED', 'UNSUPPORTED'], 'UNRESOLVED'],
    [['UNRESOLVED', 'FAIL', 'PASS'], 'FAIL'],
    [[], 'UNTESTED'],
  ])('%j is %s', (parts, whole) => {
    expect(combineVerdicts(parts)).toBe(whole);
  });

  test('passes only when every part does', () => {
    for (const verdict of verdicts) {
      expect(combineVerdicts(['PASS', verdict]) === 'PASS').toBe(verdict === 'PASS');
    }
  });

  test('counts have an entry for every verdict', () => {
    expect(countVerdicts(['FAIL', 'FAIL'])).toEqual({
      PASS: 0,
      FAIL: 2,
      UNRESOLVED: 0,
      UNSUPPORTED: 0,
      UNTESTED: 0,
    });
  });
});

describe('requirements from tests', () => {
  test('own tests decide, and children decide for a parent without any', () => {
    const list = deriveRequirementResults(
      [input('P'), input('Q', ['P']), input('R', ['P', 'Q']), input('S')],
      [planned('a', 'Q'), planned('b', 'Q', 'R')],
      [result('a', 'PASS'), result('b', 'FAIL')],
    );
    expect(verdictsById(list)).toEqual({ P: 'FAIL', Q: 'FAIL', R: 'FAIL', S: 'UNTESTED' });
    expect(list.map(({ children }) => children)).toEqual([['Q', 'R'], ['R'], [], []]);
    expect(list.map(({ tests }) => tests)).toEqual([[], ['a', 'b'], ['b'], []]);
  });

  test('a planned test without a result is untested', () => {
    const list = deriveRequirementResults(
      [input('Q')],
      [planned('a', 'Q'), planned('b', 'Q')],
      [result('a', 'PASS')],
    );
    expect(verdictsById(list)).toEqual({ Q: 'UNTESTED' });
  });

  test('what filters left out counts as untested and unselects, upwards too', () => {
    const list = deriveRequirementResults(
      [input('P'), input('Q', ['P']), input('R', ['P'])],
      [planned('a', 'Q'), planned('c', 'R')],
      [result('a', 'PASS'), result('c', 'PASS')],
      [planned('b', 'Q')],
    );
    expect(verdictsById(list)).toEqual({ P: 'UNTESTED', Q: 'UNTESTED', R: 'PASS' });
    expect(list.map(({ selected }) => selected)).toEqual([false, false, true]);
  });

  test('a failure shows although filters left out other tests', () => {
    const list = deriveRequirementResults(
      [input('Q')],
      [planned('a', 'Q')],
      [result('a', 'FAIL')],
      [planned('b', 'Q')],
    );
    expect(verdictsById(list)).toEqual({ Q: 'FAIL' });
  });

  test('own tests and children decide together', () => {
    const list = deriveRequirementResults(
      [input('P'), input('Q', ['P'])],
      [planned('a', 'P'), planned('b', 'Q')],
      [result('a', 'PASS'), result('b', 'FAIL')],
    );
    expect(verdictsById(list)).toEqual({ P: 'FAIL', Q: 'FAIL' });
  });

  test('with its own tests left out a failure of a child shows', () => {
    const list = deriveRequirementResults(
      [input('P'), input('Q', ['P'])],
      [planned('b', 'Q')],
      [result('b', 'FAIL')],
      [planned('a', 'P')],
    );
    expect(list[0]).toMatchObject({ verdict: 'FAIL', selected: false });
  });

  const through = (facility: string, id: string): PlannedTest => ({ ...planned(id, 'Q'), binding: 'native', facility });

  test.each<[string, Record<string, Verdict>, Verdict]>([
    ['all pass', { e1: 'PASS', e2: 'PASS', u: 'PASS' }, 'PASS'],
    ['one is lacking', { e1: 'PASS', e2: 'PASS', u: 'UNSUPPORTED' }, 'PASS'],
    ['one is broken', { e1: 'PASS', e2: 'PASS', u: 'FAIL' }, 'FAIL'],
    ['one could not be told', { e1: 'PASS', e2: 'PASS', u: 'UNRESOLVED' }, 'UNRESOLVED'],
    ['one is lacking in part, the other wholly', { e1: 'PASS', e2: 'UNSUPPORTED', u: 'UNSUPPORTED' }, 'UNSUPPORTED'],
    ['all are lacking', { e1: 'UNSUPPORTED', e2: 'UNSUPPORTED', u: 'UNSUPPORTED' }, 'UNSUPPORTED'],
  ])('of facilities, %s', (_what, seen, verdict) => {
    const plan = [through('epoll', 'e1'), through('epoll', 'e2'), through('io_uring', 'u')];
    const tests = Object.entries(seen).map(([id, one]) => result(id, one));
    const [only] = deriveRequirementResults([input('Q')], plan, tests);
    expect(only?.verdict).toBe(verdict);
    expect(only?.facilities?.map(({ facility, binding }) => [facility, binding])).toEqual([
      ['epoll', 'native'],
      ['io_uring', 'native'],
    ]);
    expect(only?.facilities?.[1]?.verdict).toBe(seen['u']);
  });

  test('a test that names no facility has to pass whatever facilities do', () => {
    const plan = [through('epoll', 'e'), planned('a', 'Q')];
    const list = deriveRequirementResults([input('Q')], plan, [result('e', 'PASS'), result('a', 'UNSUPPORTED')]);
    expect(verdictsById(list)).toEqual({ Q: 'UNSUPPORTED' });
  });

  test('cycles and double ids are refused', () => {
    expect(() => deriveRequirementResults([input('P', ['Q']), input('Q', ['P'])], [], [])).toThrow(
      /its own ancestor/,
    );
    expect(() => deriveRequirementResults([input('P'), input('P')], [], [])).toThrow(/same id/);
  });
});
