// SPDX-License-Identifier: GPL-2.0-only
import { runsOn } from '../../lib/runs-on.ts';
import { suggestion } from './suggest.ts';
import type { RequirementSet } from './types.ts';

/** A test, as far as links go: its id and the requirements that it says it verifies. */
export interface LinkedTest {
  readonly id: string;
  readonly requirements: readonly string[];
  /** The flavours of the kernel on which it runs; absent: on all. */
  readonly flavours?: readonly string[];
}

export type LinkProblemKind =
  | 'unknown-requirement'
  | 'retired-requirement'
  | 'repeated-requirement'
  | 'test-without-requirement'
  | 'duplicate-test'
  | 'untested-requirement'
  | 'untested-on-base';

export interface LinkProblem {
  readonly kind: LinkProblemKind;
  /**
   * A warning is a requirement without tests, or without one that runs on the
   * flavour `base`, that is not mandatory: it is reported as UNTESTED and stops
   * nothing. All else is an error.
   */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly test?: string;
  readonly requirement?: string;
  /** file:line of the requirement. */
  readonly where?: string;
  readonly hint?: string;
}

/**
 * What is wrong between requirements and tests, all of it: tests first, in
 * the order given, then requirements in theirs. A requirement with children
 * needs no test of its own.
 */
export function checkLinks(set: RequirementSet, tests: readonly LinkedTest[]): readonly LinkProblem[] {
  const seen = new Set<string>();
  const problems = tests.flatMap((test): readonly LinkProblem[] => {
    const duplicate = seen.has(test.id);
    seen.add(test.id);
    return [
      ...(duplicate ? [error('duplicate-test', `two tests have the id ${test.id}`, { test: test.id })] : []),
      ...checkTest(set, test),
    ];
  });
  return [...problems, ...untested(set, tests)];
}

function checkTest(set: RequirementSet, test: LinkedTest): readonly LinkProblem[] {
  if (test.requirements.length === 0) {
    return [error('test-without-requirement', `the test ${test.id} verifies nothing`, { test: test.id })];
  }
  return test.requirements.flatMap((id, index): readonly LinkProblem[] => {
    const about = { test: test.id, requirement: id };
    if (test.requirements.indexOf(id) < index) {
      return [error('repeated-requirement', `the test ${test.id} names ${id} twice`, about)];
    }
    if (set.byId.has(id)) return [];
    const where = set.retired.get(id);
    if (where !== undefined) {
      const message = `the test ${test.id} verifies ${id}, which is retired`;
      return [error('retired-requirement', message, { ...about, where })];
    }
    const message = `the test ${test.id} verifies ${id}, which does not exist`;
    return [error('unknown-requirement', message, { ...about, ...suggestion(id, set.byId.keys()) })];
  });
}

function untested(set: RequirementSet, tests: readonly LinkedTest[]): readonly LinkProblem[] {
  // What is certified runs on it.
  const onBase = new Set(tests.filter((test) => runsOn(test, 'base')).flatMap((test) => test.requirements));
  const verified = new Set(tests.flatMap((test) => test.requirements));
  return set.requirements
    .filter(({ id, verification, children }) =>
      verification === 'test' && (verified.has(id) ? !onBase.has(id) : children.length === 0))
    .map(({ id, title, mandatory, file, line }) => ({
      kind: verified.has(id) ? 'untested-on-base' : 'untested-requirement',
      severity: mandatory ? 'error' : 'warning',
      message: `no test ${verified.has(id) ? 'on the flavour base ' : ''}verifies ${id} (${title})`,
      requirement: id,
      where: `${file}:${line}`,
    }));
}

function error(
  kind: LinkProblemKind,
  message: string,
  about: Omit<LinkProblem, 'kind' | 'severity' | 'message'>,
): LinkProblem {
  return { kind, severity: 'error', message, ...about };
}
