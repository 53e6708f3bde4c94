// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { InputError } from '../../lib/errors.ts';
import { compareFingerprints, parseFingerprints, renderFingerprints } from './freshness.ts';
import type { Link } from './freshness.ts';

const links: readonly Link[] = [
  { testId: 'core/b', requirementId: 'A-1', requirement: 'r1', test: 't1' },
  { testId: 'core/a', requirementId: 'A-2', requirement: 'r2', test: 't2' },
  { testId: 'core/a', requirementId: 'A-1', requirement: 'r1', test: 't2' },
];
const recorded = parseFingerprints(renderFingerprints(links));

describe('compareFingerprints', () => {
  test('finds nothing where nothing changed, in whatever order', () => {
    expect(compareFingerprints(recorded, [...links].reverse())).toEqual([]);
  });

  test('tells where both ends of a link changed: unrecorded, the next change of one would not show', () => {
    const changed = links.map((link) => ({
      ...link,
      requirement: `${link.requirement}x`,
      test: `${link.test}x`,
    }));

    expect(compareFingerprints(recorded, changed).map(({ kind }) => kind)).toEqual(Array(3).fill('both-changed'));
  });

  test('tells every test of a requirement that changed', () => {
    const changed = links.map((link) =>
      link.requirementId === 'A-1' ? { ...link, requirement: 'new' } : link,
    );

    expect(compareFingerprints(recorded, changed)).toEqual([
      {
        kind: 'requirement-changed',
        testId: 'core/a',
        requirementId: 'A-1',
        message: 'A-1 changed, and its test core/a did not: see whether it still verifies it',
      },
      {
        kind: 'requirement-changed',
        testId: 'core/b',
        requirementId: 'A-1',
        message: 'A-1 changed, and its test core/b did not: see whether it still verifies it',
      },
    ]);
  });

  test('tells every requirement of a test that changed', () => {
    const changed = links.map((link) => (link.testId === 'core/a' ? { ...link, test: 'new' } : link));

    expect(compareFingerprints(recorded, changed)).toMatchObject([
      { kind: 'test-changed', testId: 'core/a', requirementId: 'A-1' },
      { kind: 'test-changed', testId: 'core/a', requirementId: 'A-2' },
    ]);
  });

  test('tells links that are new and links that are gone', () => {
    const added: Link = { testId: 'core/c', requirementId: 'A-3', requirement: 'r3', test: 't3' };

    expect(compareFingerprints(recorded, [...links.slice(1), added])).toMatchObject([
      { kind: 'gone', testId: 'core/b', requirementId: 'A-1' },
      { kind: 'new', testId: 'core/c', requirementId: 'A-3' },
    ]);
  });
});

describe('the file of fingerprints', () => {
  test('is the same text for the same links in any order', () => {
    expect(renderFingerprints([...links].reverse())).toBe(renderFingerprints(links));
  });

  test.each(['', '[]', '{"version":2,"links":{}}', '{"version":1,"links":{"a":{"b":{"test":"t"}}}}'])(
    'is refused when it is none: %s',
    (text) => {
      expect(() => parseFingerprints(text)).toThrow(InputError);
    },
  );
});
