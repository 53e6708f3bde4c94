// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { checkLinks } from './links.ts';
import type { Requirement, RequirementSet } from './types.ts';

function requirement(id: string, changes: Partial<Requirement> = {}): Requirement {
  return {
    id,
    title: 'A title',
    source: { document: 'Doc', part: '1', certainty: 'stated' },
    parents: [],
    priority: 'P1',
    statement: 'It shall.',
    verification: 'test',
    bindings: ['aem'],
    limits: {},
    mandatory: true,
    module: 'core',
    children: [],
    fingerprint: '',
    file: 'specs/a.yaml',
    line: 7,
    ...changes,
  };
}

function setOf(requirements: readonly Requirement[]): RequirementSet {
  return {
    requirements,
    byId: new Map(requirements.map((one) => [one.id, one])),
    retired: new Map([['ABC-009', 'specs/a.yaml:90']]),
    files: ['specs/a.yaml'],
  };
}

describe('checkLinks', () => {
  test('finds nothing where every requirement is verified and every id exists', () => {
    const set = setOf([requirement('ABC-001'), requirement('ABC-002')]);

    expect(checkLinks(set, [{ id: 'core/one', requirements: ['ABC-001', 'ABC-002'] }])).toEqual([]);
  });

  test('needs no test of its own for a parent, nor for what is not verified by test', () => {
    const set = setOf([
      requirement('ABC-001', { children: ['ABC-002'] }),
      requirement('ABC-002'),
      requirement('ABC-003', { verification: 'analysis' }),
    ]);

    expect(checkLinks(set, [{ id: 'core/one', requirements: ['ABC-002'] }])).toEqual([]);
  });

  test('needs a test on the flavour base for what is mandatory', () => {
    const set = setOf([
      requirement('ABC-001'),
      requirement('ABC-002'),
      requirement('ABC-003', { mandatory: false }),
    ]);

    const problems = checkLinks(set, [
      { id: 'core/one', requirements: ['ABC-001'] },
      { id: 'core/two', requirements: ['ABC-001', 'ABC-002', 'ABC-003'], flavours: ['debug'] },
    ]);

    expect(problems).toEqual([
      {
        kind: 'untested-on-base',
        severity: 'error',
        message: 'no test on the flavour base verifies ABC-002 (A title)',
        requirement: 'ABC-002',
        where: 'specs/a.yaml:7',
      },
      expect.objectContaining({ kind: 'untested-on-base', severity: 'warning', requirement: 'ABC-003' }),
    ]);
  });

  test('finds everything at once, tests first', () => {
    const set = setOf([
      requirement('ABC-001'),
      requirement('ABC-002'),
      requirement('ABC-003', { mandatory: false }),
    ]);

    const problems = checkLinks(set, [
      { id: 'core/one', requirements: ['ABC-001', 'ABC-01', 'ABC-009', 'ABC-001'] },
      { id: 'core/two', requirements: [] },
      { id: 'core/one', requirements: ['ABC-001'] },
    ]);

    expect(problems).toEqual([
      {
        kind: 'unknown-requirement',
        severity: 'error',
        message: 'the test core/one verifies ABC-01, which does not exist',
        test: 'core/one',
        requirement: 'ABC-01',
        hint: 'did you mean ABC-001?',
      },
      {
        kind: 'retired-requirement',
        severity: 'error',
        message: 'the test core/one verifies ABC-009, which is retired',
        test: 'core/one',
        requirement: 'ABC-009',
        where: 'specs/a.yaml:90',
      },
      {
        kind: 'repeated-requirement',
        severity: 'error',
        message: 'the test core/one names ABC-001 twice',
        test: 'core/one',
        requirement: 'ABC-001',
      },
      {
        kind: 'test-without-requirement',
        severity: 'error',
        message: 'the test core/two verifies nothing',
        test: 'core/two',
      },
      {
        kind: 'duplicate-test',
        severity: 'error',
        message: 'two tests have the id core/one',
        test: 'core/one',
      },
      {
        kind: 'untested-requirement',
        severity: 'error',
        message: 'no test verifies ABC-002 (A title)',
        requirement: 'ABC-002',
        where: 'specs/a.yaml:7',
      },
      {
        kind: 'untested-requirement',
        severity: 'warning',
        message: 'no test verifies ABC-003 (A title)',
        requirement: 'ABC-003',
        where: 'specs/a.yaml:7',
      },
    ]);
  });
});
