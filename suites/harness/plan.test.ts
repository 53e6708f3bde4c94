// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import type { PlannedTest } from '../../reporters/results.ts';
import { loadRequirements } from '../../specs/loader/index.ts';
import { slug, testId } from './ids.ts';
import { inputsOf } from './run.ts';
import { selectTests } from './plan.ts';
import type { Selection } from './plan.ts';

const requirements = await loadRequirements();

function planned(file: string, title: string, ...ids: readonly string[]): PlannedTest {
  const id = testId(file, title);
  return { id, suite: id.split('/')[0] ?? '', file, title, requirements: ids, binding: 'aem' };
}

const plan = [
  planned('suites/core/order.suite.ts', 'events run in order', 'AEM-CORE-022'),
  planned('suites/core/zone.suite.ts', 'the zone has room', 'AEM-CORE-019'),
  planned('suites/pexit/ends.suite.ts', 'a fault is told', 'AEM-PEXIT-004'),
  { ...planned('suites/pexit/ends.suite.ts', 'memory fails', 'AEM-PEXIT-004'), flavours: ['debug'] },
];

function titles(selection: Partial<Selection>): readonly string[] {
  const all = { modules: [], requirements: [], flavour: 'base' } as const;
  return selectTests(plan, { ...all, ...selection }, requirements).map(({ title }) => title);
}

test('without a selection all tests are left', () => {
  expect(titles({})).toHaveLength(3);
});

test('what is selected has to fit each kind of selection', () => {
  expect(titles({ modules: ['core'] })).toEqual(['events run in order', 'the zone has room']);
  expect(titles({ modules: ['core', 'pexit'], grep: 'a fault' })).toEqual(['a fault is told']);
  expect(titles({ requirements: ['AEM-CORE-019', 'AEM-PEXIT-004'] })).toEqual(['the zone has room', 'a fault is told']);
});

test('a test of another flavour of the kernel is none of this run', () => {
  expect(titles({ modules: ['pexit'] })).toEqual(['a fault is told']);
  expect(titles({ modules: ['pexit'], flavour: 'debug' })).toEqual(['a fault is told', 'memory fails']);
});

test('of one binding the tests of the other are none', () => {
  const native: PlannedTest = { ...planned('suites/cgl/edge.suite.ts', 'an edge is told', 'PRF.5.0-c'), binding: 'native' };
  const all = { modules: [], requirements: [], flavour: 'base' } as const;

  expect(selectTests([...plan, native], { ...all, binding: 'native' }, requirements)).toEqual([native]);
  expect(titles({ binding: 'aem' })).toHaveLength(3);
});

test('a parent stands for all that comes below it', () => {
  const [parent = ''] = requirements.byId.get('AEM-PEXIT-004')?.parents ?? [];

  expect(titles({ requirements: [parent] })).toContain('a fault is told');
});

test.each<[Partial<Selection>, string]>([
  [{ modules: ['cor'] }, 'there is no module cor'],
  [{ requirements: ['AEM-CORE-9999'] }, 'there is no requirement AEM-CORE-9999'],
  [{ grep: 'no test says this' }, 'no test is left'],
  [{ grep: 'memory fails' }, 'no test is left'],
  [{ modules: ['core'], requirements: ['AEM-PEXIT-004'] }, 'no test is left'],
])('what is not there is an error, not an empty run: %j', (selection, message) => {
  expect(() => titles(selection)).toThrow(message);
});

test('shards are whole files, together everything once', () => {
  const file = (name: string, ...ids: readonly string[]): readonly PlannedTest[] => ids.map((id) => ({ ...(plan[0] as PlannedTest), id, file: name }));
  const all = [...file('b', 'b1', 'b2'), ...file('a', 'a1'), ...file('c', 'c1')];
  const of = (index: number, count: number): readonly string[] =>
    selectTests(all, { modules: [], requirements: [], flavour: 'base', shard: { index, count } }, requirements).map(({ id }) => id);

  expect([of(1, 2), of(2, 2)]).toEqual([['a1', 'c1'], ['b1', 'b2']]);
  expect(of(1, 1)).toHaveLength(4);
  expect(() => of(4, 4)).toThrow('no test file is left for this shard');
});

test('ids are words and digits with hyphens between them', () => {
  expect(slug('main’s end: waits, twice!')).toBe('main-s-end-waits-twice');
  expect(testId('/x/suites/core/order.suite.ts', 'One (1)')).toBe('core/order/one-1');
});

test('a requirement of which a clause is the other binding’s is not judged by one', () => {
  const ids = (binding?: 'aem' | 'native'): readonly string[] => inputsOf(requirements, binding).map(({ id }) => id);

  expect(ids()).toHaveLength(requirements.requirements.length);
  // AVL.5.3-b is native alone, SEC.7.1-a AEM's alone.
  expect(ids('aem')).toContain('AVL.5.3-a');
  expect(ids('aem')).not.toContain('AVL.5.3');
  expect(ids('native')).toContain('SEC.7.1-b');
  expect(ids('native')).not.toContain('SEC.7.1');
  // What AEM has to do for it stands beside a clause.
  expect(ids('native')).toContain('PRF.5.0-c');
});
