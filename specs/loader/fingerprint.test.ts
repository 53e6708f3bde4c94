// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { fingerprint, fingerprintTest } from './fingerprint.ts';
import type { RequirementEntry } from './types.ts';

const requirement: RequirementEntry = {
  id: 'A-1',
  title: 'A title',
  source: { document: 'Doc', part: '1', certainty: 'stated' },
  parents: [],
  priority: 'P1',
  statement: 'The kernel shall do it.',
  verification: 'test',
  bindings: ['aem', 'native'],
  limits: { events: { value: 5, unit: 'events' }, time: { value: 1, unit: 's' } },
};

describe('the fingerprint of a requirement', () => {
  test('is a sha256', () => {
    expect(fingerprint(requirement)).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each<[string, Partial<RequirementEntry>]>([
    ['white space', { statement: ' The kernel\n  shall do it.\n' }],
    [
      'the order of keys',
      { limits: { time: { unit: 's', value: 1 }, events: { unit: 'events', value: 5 } } },
    ],
    ['the order of bindings', { bindings: ['native', 'aem'] }],
    ['title, notes and parents', { title: 'Another', notes: 'A note', parents: ['B-1'] }],
  ])('does not depend on %s', (_what, change) => {
    expect(fingerprint({ ...requirement, ...change })).toBe(fingerprint(requirement));
  });

  test.each<[string, Partial<RequirementEntry>]>([
    ['the id', { id: 'A-2' }],
    ['the statement', { statement: 'The kernel shall not do it.' }],
    ['a figure', { limits: { events: { value: 6, unit: 'events' }, time: { value: 1, unit: 's' } } }],
    ['a unit', { limits: { events: { value: 5, unit: 'events' }, time: { value: 1, unit: 'ms' } } }],
    ['the reading', { reading: 'As said.' }],
    ['the bindings', { bindings: ['aem'] }],
    ['the verification', { verification: 'analysis' }],
  ])('depends on %s', (_what, change) => {
    expect(fingerprint({ ...requirement, ...change })).not.toBe(fingerprint(requirement));
  });
});

describe('the fingerprint of a test', () => {
  test('depends on its lines, and not on white space at their ends', () => {
    expect(fingerprintTest('a();  \r\n\n  b();\n')).toBe(fingerprintTest('a();\n  b();'));
    expect(fingerprintTest('a();\n  b();')).not.toBe(fingerprintTest('a();\n  c();'));
  });
});
