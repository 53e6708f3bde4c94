// SPDX-License-Identifier: GPL-2.0-only
import type { PlannedTest, RequirementResult, Results, TargetInfo, TestResult } from '../results.ts';
import { conclude } from '../conclude.ts';
import { clip, clipLine, plain, rerunCommand, rerunRequirement, targetName, targetRemarks } from '../text.ts';
import {
  buildJUnit,
  type JUnitCase,
  type JUnitOutcome,
  type JUnitProperty,
  type JUnitSuite,
} from './adapter.ts';
import { targetSuite } from './target.ts';

/**
 * - `base`: what Jenkins' junit plugin, GitLab and the GitHub publishers read; each case has its own
 *   properties.
 * - `xunit`: for readers that validate (Jenkins' xunit plugin): the same without properties of cases, which
 *   stand in the suite's instead, as `requirements:<case>`.
 */
export type JUnitProfile = (typeof junitProfiles)[number];
export const junitProfiles = ['base', 'xunit'] as const;

export interface JUnitOptions {
  readonly profile?: JUnitProfile;
  /** Upper bound of the document in bytes; GitLab refuses 30 MB. Texts are cut further to keep to it. */
  readonly maxBytes?: number;
}

const defaultMaxBytes = 28_000_000;

/** Limits of one text, in characters, tried in turn until the document is small enough. */
const textLimits = [64_000, 16_000, 4_000, 1_000, 250] as const;
const messageLimit = 500;

/** The results as a JUnit document: suite = module, case = test. */
export function junitXml(results: Results, options: JUnitOptions = {}): string {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  let xml = '';
  for (const limit of textLimits) {
    xml = buildJUnit('aemcert', suitesOf(results, options.profile ?? 'base', limit));
    if (Buffer.byteLength(xml) <= maxBytes) break;
  }
  return xml;
}

function suitesOf(results: Results, profile: JUnitProfile, limit: number): JUnitSuite[] {
  const byTest = new Map(results.tests.map((test) => [test.id, test]));
  const requirements = new Map(results.requirements.map((requirement) => [requirement.id, requirement]));
  const modules = new Map<string, PlannedTest[]>();
  for (const test of results.plan) modules.set(test.suite, [...(modules.get(test.suite) ?? []), test]);

  const suitesOfModules = [...modules].map(([module, planned]): JUnitSuite => {
    const names = uniqueNames(planned);
    const cases = planned.map((test, index): JUnitCase => {
      const result = byTest.get(test.id) ?? lost(test);
      return caseOf(results, test, result, names[index] ?? test.title, requirements, profile, limit);
    });
    const caseProperties = planned.map((test, index) => ({
      name: `requirements:${names[index] ?? test.title}`,
      value: test.requirements.join(' '),
    }));
    return {
      name: module,
      timestamp: startOf(results, planned, byTest),
      properties: [...runProperties(results), ...(profile === 'xunit' ? caseProperties : [])],
      cases,
    };
  });
  const suites = [...suitesOfModules, ...targetSuite(results, runProperties(results), limit)];
  const red = suites.some(({ cases }) =>
    cases.some(({ outcome }) => outcome !== undefined && outcome.element !== 'skipped'),
  );
  return red ? suites : [...suites, ...conclusionSuite(results)];
}

/**
 * Readers know the sum of the cases only. When the run does not pass and no case says so (it was cut off,
 * the plan was empty, a mandatory requirement has no test), a case of its own does, so that no reader shows
 * green.
 */
function conclusionSuite(results: Results): JUnitSuite[] {
  const { outcome, headline, reasons } = conclude(results);
  if (outcome === 'conformant' || outcome === 'selection-passed') return [];
  const failed = outcome === 'not-conformant';
  return [
    {
      name: 'conclusion',
      timestamp: results.run.finishedAt ?? results.run.startedAt,
      properties: runProperties(results),
      cases: [
        {
          name: 'every mandatory requirement passes',
          className: 'aemcert.conclusion',
          seconds: 0,
          properties: [],
          outcome: {
            element: failed ? 'failure' : 'error',
            type: failed ? 'FAIL' : 'UNRESOLVED',
            message: clipLine(`${headline}: ${reasons[0] ?? ''}`, messageLimit),
            text: clip([headline, ...reasons.map((reason) => `- ${reason}`)].join('\n'), 16_000),
          },
        },
      ],
    },
  ];
}

function caseOf(
  results: Results,
  planned: PlannedTest,
  result: TestResult,
  name: string,
  requirements: ReadonlyMap<string, RequirementResult>,
  profile: JUnitProfile,
  limit: number,
): JUnitCase {
  const outcome = outcomeOf(planned, result, requirements, { target: results.target, limit });
  const facts: JUnitProperty[] = [
    ...planned.requirements.map((id) => ({ name: 'requirement', value: id })),
    { name: 'verdict', value: result.verdict },
    { name: 'binding', value: planned.binding },
    ...(planned.facility === undefined ? [] : [{ name: 'facility', value: planned.facility }]),
    { name: 'kernel', value: results.subject.kernel.release },
    { name: 'test', value: planned.id },
    { name: 'file', value: planned.file },
  ];
  return {
    name,
    className: classNameOf(planned),
    seconds: result.durationMs / 1000,
    properties: profile === 'base' ? facts : [],
    ...(outcome === undefined ? {} : { outcome }),
  };
}

/**
 * Verdict to element. UNTESTED and UNSUPPORTED are never left bare: without `<skipped>` a case reads as
 * passed.
 */
function outcomeOf(
  planned: PlannedTest,
  result: TestResult,
  requirements: ReadonlyMap<string, RequirementResult>,
  look: StoryLook,
): JUnitOutcome | undefined {
  const { verdict } = result;
  const reason = clipLine(result.reason ?? 'no reason given', messageLimit);
  switch (verdict) {
    case 'PASS':
      return undefined;
    case 'FAIL':
      return {
        element: 'failure',
        type: verdict,
        message: reason,
        text: story(planned, result, requirements, look),
      };
    case 'UNRESOLVED':
      return {
        element: 'error',
        type: verdict,
        message: reason,
        text: story(planned, result, requirements, look),
      };
    case 'UNSUPPORTED':
    case 'UNTESTED':
      return { element: 'skipped', type: verdict, message: `${verdict}: ${reason}` };
  }
}

interface StoryLook {
  /** On what it ran, and so is to run again. */
  readonly target: TargetInfo;
  /** Characters of a text at most. */
  readonly limit: number;
}

/** Clause, expected, observed, evidence, and how to run this one test again. */
function story(
  planned: PlannedTest,
  result: TestResult,
  requirements: ReadonlyMap<string, RequirementResult>,
  { target, limit }: StoryLook,
): string {
  const part = (label: string, text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : [`${label}: ${clip(plain(text), limit)}`];
  const block = (label: string, text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : ['', `${label}:`, clip(plain(text), limit)];
  const clauses = planned.requirements.flatMap((id) => {
    const requirement = requirements.get(id);
    return requirement === undefined
      ? [`${id}: no such requirement`]
      : [`${id}: ${clip(plain(requirement.statement), limit)}`];
  });
  const again = planned.requirements[0];
  return [
    ...clauses,
    '',
    ...part('verdict ', result.verdict),
    ...part('reason  ', result.reason),
    ...part('expected', result.expected),
    ...part('observed', result.observed),
    ...block('details', result.details),
    ...block('console', result.console),
    '',
    `run this test again:  ${rerunCommand(planned, target)}`,
    ...(again === undefined ? [] : [`run its requirement:  ${rerunRequirement(again, target)}`]),
  ].join('\n');
}

function runProperties(results: Results): JUnitProperty[] {
  const { subject, target, run } = results;
  const remarks = targetRemarks(results);
  const filters = Object.entries(run.filters).map(([name, value]) => `${name}=${value}`);
  return [
    { name: 'kernel', value: subject.kernel.release },
    { name: 'kernel.source', value: subject.kernel.source },
    { name: 'kernel.flavour', value: subject.kernel.flavour },
    {
      name: 'target',
      value: targetName(target),
    },
    { name: 'suite.revision', value: `${run.suite.revision}${run.suite.dirty ? ' (changed since)' : ''}` },
    { name: 'binding', value: run.binding ?? 'aem and native' },
    { name: 'filters', value: filters.length === 0 ? 'none' : filters.join(', ') },
    ...remarks.map((value, index) => ({ name: `target.remark.${index + 1}`, value })),
    { name: 'command', value: run.command.join(' ') },
  ];
}

/** `aemcert.pexit.fault`: from the id, which stays when a title is reworded or a folder moves. */
function classNameOf({ id, suite }: PlannedTest): string {
  const file = id.split('/')[1];
  return ['aemcert', suite, ...(file === undefined || file === '' ? [] : [file])].join('.');
}

/** GitLab keeps the first of equal names, so the binding, and then the id, tells them apart. */
function uniqueNames(planned: readonly PlannedTest[]): string[] {
  const titles = planned.map((test) => ({ test, name: clipLine(test.title, 300) }));
  const key = (test: PlannedTest, name: string): string => `${classNameOf(test)}\n${name}`;
  const count = (list: readonly { test: PlannedTest; name: string }[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { test, name } of list) counts.set(key(test, name), (counts.get(key(test, name)) ?? 0) + 1);
    return counts;
  };
  const bare = count(titles);
  const bound = titles.map(({ test, name }) => ({
    test,
    name: (bare.get(key(test, name)) ?? 0) > 1 ? `${name} (${test.binding})` : name,
  }));
  const still = count(bound);
  return bound.map(({ test, name }) =>
    (still.get(key(test, name)) ?? 0) > 1 ? `${name} [${test.id}]` : name,
  );
}

function startOf(
  results: Results,
  planned: readonly PlannedTest[],
  tests: ReadonlyMap<string, TestResult>,
): string {
  const starts = planned.map(({ id }) => tests.get(id)?.startedAt).filter((start) => start !== undefined);
  return starts.sort()[0] ?? results.run.startedAt;
}

function lost({ id }: PlannedTest): TestResult {
  return { id, verdict: 'UNTESTED', durationMs: 0, assertions: 0, reason: 'planned, and without a result' };
}
