// SPDX-License-Identifier: GPL-2.0-only
import { ExitStatus } from '../lib/errors.ts';
import { checkResults } from './check.ts';
import type { Binding, Incident, RequirementResult, Results, TestResult, Verdict } from './results.ts';
import { gainedByFault } from './taint.ts';
import { clipLine, toldLine } from './text.ts';
import { combineVerdicts, countVerdicts, partsOfTests, precedence, type VerdictCounts } from './verdict.ts';

/**
 * - `conformant`: every mandatory requirement passed in a full and finished run.
 * - `selection-passed`: what the filters let through passed; of the rest nothing is known, so it is not
 *   conformant.
 * - `not-conformant`: something mandatory was measured or left untested and does not pass.
 * - `could-not-tell`: the run was cut off, or the infrastructure kept a mandatory requirement from a verdict.
 */
export type Outcome = 'conformant' | 'selection-passed' | 'not-conformant' | 'could-not-tell';

export interface Conclusion {
  readonly outcome: Outcome;
  /** True for the outcome `conformant` only. */
  readonly conformant: boolean;
  readonly exitStatus: ExitStatus;
  /** The outcome in one sentence, the same in every report. */
  readonly headline: string;
  readonly counts: { readonly tests: VerdictCounts; readonly requirements: VerdictCounts };
  /** Ids of mandatory requirements that stand in the way, the worst verdict first. */
  readonly failedRequirements: readonly string[];
  /** Ids of mandatory requirements that filters left out, wholly or in part. */
  readonly leftOut: readonly string[];
  /** Why it is not conformant, one line each, what decides first; empty when it is. */
  readonly reasons: readonly string[];
}

/** Decides pass or fail; nothing else does. Never throws, whatever the results say. */
export function conclude(results: Results): Conclusion {
  const judged = judgeMandatory(results);
  const faults = unaccountedFaults(results);
  const doubts = doubtsAboutRun(results, judged);
  const broken = judged.filter(({ verdict, absent }) => verdict !== 'PASS' && !absent);
  const leftOut = judged.filter(({ partial }) => partial).map(({ requirement }) => requirement.id);

  const failed = broken.some(({ verdict }) => verdict === 'FAIL') || faults.length > 0;
  // On a machine of others a test may lack what it needs of it, which says nothing of the kernel.
  const mayLack = results.target.driver === 'ssh';
  const lacking = broken.some(({ verdict }) => verdict === 'UNSUPPORTED' || (verdict === 'UNTESTED' && !mayLack));
  const outcome: Outcome = failed
    ? 'not-conformant'
    : doubts.length > 0
      ? 'could-not-tell'
      : lacking
        ? 'not-conformant'
        : broken.length > 0
          ? 'could-not-tell'
          : leftOut.length > 0 || Object.keys(results.run.filters).length > 0
            ? 'selection-passed'
            : 'conformant';

  const reasons = [
    ...faults,
    ...doubts,
    ...broken.map(
      ({ requirement, verdict }) => `${requirement.id} is ${verdict}: ${reasonOf(requirement, results)}`,
    ),
    ...reasonsOfFilters(results, leftOut),
  ];
  return {
    outcome,
    conformant: outcome === 'conformant',
    exitStatus: exitStatuses[outcome],
    headline: headlineOf(outcome, results.run.binding),
    counts: {
      tests: countVerdicts(results.tests.map(({ verdict }) => verdict)),
      requirements: countVerdicts(results.requirements.map(({ verdict }) => verdict)),
    },
    failedRequirements: broken.map(({ requirement }) => requirement.id),
    leftOut,
    reasons: outcome === 'conformant' ? [] : reasons,
  };
}

const exitStatuses: Readonly<Record<Outcome, ExitStatus>> = {
  conformant: ExitStatus.Conformant,
  // As a run of one test has to end for whoever repeats or bisects it.
  'selection-passed': ExitStatus.Conformant,
  'not-conformant': ExitStatus.NotConformant,
  'could-not-tell': ExitStatus.Infrastructure,
};

const headlines: Readonly<Record<Outcome, string>> = {
  conformant: 'Conformant: every mandatory requirement passed',
  'selection-passed': 'Selected tests passed: filters were in force, so conformance is not judged',
  'not-conformant': 'Not conformant',
  'could-not-tell': 'Could not tell: the run gave no verdict on conformance',
};

function headlineOf(outcome: Outcome, binding: Binding | undefined): string {
  return binding === undefined ? headlines[outcome] : `${headlines[outcome]} (binding ${binding} only)`;
}

interface JudgedRequirement {
  readonly requirement: RequirementResult;
  /** What counts: of a requirement that filters cut, only what was planned. */
  readonly verdict: Verdict;
  /** Filters left out some of its tests, or all. */
  readonly partial: boolean;
  /** Filters left out all of its tests; `verdict` says nothing then. */
  readonly absent: boolean;
}

function judgeMandatory(results: Results): JudgedRequirement[] {
  const filtered = Object.keys(results.run.filters).length > 0;
  const plannedVerdict = verdictsOfWhatWasPlanned(results);
  return results.requirements
    .filter(({ mandatory }) => mandatory)
    .map((requirement): JudgedRequirement => {
      const partial = !requirement.selected && filtered;
      if (!partial) return { requirement, verdict: requirement.verdict, partial, absent: false };
      const verdict = plannedVerdict(requirement);
      return { requirement, verdict: verdict ?? 'UNTESTED', partial, absent: verdict === undefined };
    })
    .sort((a, b) => precedence.indexOf(a.verdict) - precedence.indexOf(b.verdict));
}

/** A requirement's verdict without the tests that filters left out; undefined when none is left. */
function verdictsOfWhatWasPlanned(results: Results): (requirement: RequirementResult) => Verdict | undefined {
  const verdictOf = new Map(results.tests.map(({ id, verdict }) => [id, verdict]));
  const byId = new Map(results.requirements.map((requirement) => [requirement.id, requirement]));
  const visited = new Set<string>();

  const visit = (requirement: RequirementResult): Verdict | undefined => {
    if (requirement.selected) return requirement.verdict;
    if (visited.has(requirement.id)) return undefined;
    visited.add(requirement.id);
    const children = requirement.children.flatMap((id) => byId.get(id) ?? []);
    const parts = [
      ...partsOfTests(
        results.plan.filter(({ id }) => requirement.tests.includes(id)),
        (id) => verdictOf.get(id) ?? 'UNTESTED',
      ),
      ...children.map(visit).filter((verdict) => verdict !== undefined),
    ];
    return parts.length === 0 ? undefined : combineVerdicts(parts);
  };
  return (requirement) => {
    visited.clear();
    return visit(requirement);
  };
}

/** Faults of the kernel that no failed test accounts for; a green run must not hide them. */
function unaccountedFaults({ incidents, tests, plan, requirements }: Results): string[] {
  const byId = new Map(tests.map((test) => [test.id, test]));
  const known = new Set(requirements.map(({ id }) => id));
  const verifying = new Set(
    plan.filter((test) => test.requirements.some((id) => known.has(id))).map(({ id }) => id),
  );
  const accounted = (incident: Incident): boolean => {
    const test = incident.testId === undefined ? undefined : byId.get(incident.testId);
    return test !== undefined && test.verdict === 'FAIL';
  };
  return [
    ...incidents
      .filter((incident) => incident.blame === 'kernel' && !accounted(incident))
      .map((incident) => {
        const where =
          incident.testId === undefined
            ? `outside any test (boot ${incident.boot})`
            : `during ${incident.testId}, and no failed test accounts for it`;
        return `the kernel had a fault (${incident.kind}) ${where}: ${clipLine(toldLine(incident), 200)}`;
      }),
    ...tests
      .filter((test) => test.verdict === 'PASS' && gainedFaultTaint(test))
      .map((test) => `the kernel was tainted by a fault during ${test.id}, which passed`),
    ...tests
      .filter((test) => test.verdict === 'FAIL' && !verifying.has(test.id))
      .map((test) => `${test.id} failed and verifies no known requirement`),
  ];
}

function gainedFaultTaint({ taint }: TestResult): boolean {
  return taint !== undefined && gainedByFault(taint) !== 0;
}

function doubtsAboutRun(results: Results, judged: readonly JudgedRequirement[]): string[] {
  const { run, plan } = results;
  const doubts = checkResults(results).map(
    ({ pointer, message }) => `results contradict themselves at ${pointer}: ${message}`,
  );
  if (!run.complete) doubts.push(`the run was cut off: ${run.interruption ?? 'no reason given'}`);
  else if (run.finishedAt === undefined) doubts.push('the run has no end: /run/finishedAt is missing');
  if (plan.length === 0) doubts.push('the plan is empty: nothing was tested');
  else if (judged.length === 0) doubts.push('there is no mandatory requirement to judge by');
  else if (judged.every(({ absent }) => absent)) {
    doubts.push('filters left out every test of a mandatory requirement');
  }
  return doubts;
}

function reasonsOfFilters({ run }: Results, leftOut: readonly string[]): string[] {
  const filters = Object.entries(run.filters).map(([name, value]) => `${name}=${value}`);
  if (filters.length === 0) return [];
  const what = leftOut.length === 0 ? '' : `, and left out tests of ${leftOut.length} mandatory requirements`;
  return [`filters were in force (${filters.join(', ')})${what}`];
}

/** Why a requirement does not pass, in one line; from its worst test, or its children. */
export function reasonOf(requirement: RequirementResult, { tests, requirements }: Results): string {
  const own = tests.filter(({ id, verdict }) => verdict !== 'PASS' && requirement.tests.includes(id));
  own.sort((a, b) => precedence.indexOf(a.verdict) - precedence.indexOf(b.verdict));
  const told = (worst: TestResult): string =>
    `${worst.reason ?? 'no reason given'}${own.length > 1 ? ` (and ${own.length - 1} more)` : ''}`;
  const [worst] = own;
  const deciding = own.find(({ verdict }) => verdict === requirement.verdict);
  if (deciding !== undefined) return told(deciding);
  const children = requirements.filter(
    ({ id, verdict }) => verdict !== 'PASS' && requirement.children.includes(id),
  );
  if (children.length > 0) return children.map(({ id, verdict }) => `${id} ${verdict}`).join(', ');
  if (worst !== undefined) return told(worst);
  if (requirement.tests.length > 0) return 'not all of its tests were run';
  return requirement.verification === 'test'
    ? 'no test verifies it'
    : `its ${requirement.verification} is not on record`;
}
