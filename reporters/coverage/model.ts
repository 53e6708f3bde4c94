// SPDX-License-Identifier: GPL-2.0-only
import { conclude, reasonOf, type Conclusion } from '../conclude.ts';
import type { PlannedTest, RequirementResult, Results, TestResult, Verdict } from '../results.ts';
import { rerunCommand, rerunRequirement } from '../text.ts';
import { countVerdicts, precedence, type VerdictCounts } from '../verdict.ts';
import { lineReport, type LineReport } from './lines.ts';

/** What coverage.json holds and the other coverage reports render. Derived from results.json alone. */
export interface CoverageModel {
  readonly format: 'aemcert-coverage';
  readonly version: 1;
  /** What the results are, and all that they are. */
  readonly claim: string;
  readonly conclusion: Conclusion;
  readonly run: Results['run'];
  readonly subject: Results['subject'];
  readonly target: Results['target'];
  readonly modules: readonly ModuleRow[];
  /** Tests that verify no known requirement. */
  readonly orphanTests: readonly string[];
  /**
   * Requirements that no test verifies, neither itself nor through children; without those that filters left
   * out.
   */
  readonly requirementsWithoutTests: readonly string[];
  /** Requirements of which filters left out tests. */
  readonly leftOut: readonly string[];
  /** What needs attention first. */
  readonly requirements: readonly RequirementRow[];
  /** In the order of the plan. */
  readonly tests: readonly TestRow[];
  /** Ids of requirements without parents: where each trace starts. */
  readonly roots: readonly string[];
  readonly incidents: Results['incidents'];
  /** Absent when the run counted no lines. */
  readonly lines?: LineReport;
}

export interface ModuleRow {
  readonly name: string;
  readonly tests: number;
  readonly counts: VerdictCounts;
}

export interface RequirementRow extends RequirementResult {
  /** Why it does not pass; absent when it does. */
  readonly reason?: string;
  readonly rerun: string;
  /** Its tests that need another flavour of the kernel; absent when there are none. */
  readonly elsewhere?: readonly PlannedTest[];
}

export interface TestRow extends PlannedTest, TestResult {
  readonly rerun: string;
}

export const claim = 'Results against CGL 5.0 ids, as measured by aemcert on the kernel named here.';

/** The verdicts that need somebody to look, in the order in which reports show them. */
export const attentionOrder: readonly Verdict[] = ['FAIL', 'UNTESTED', 'UNRESOLVED', 'UNSUPPORTED', 'PASS'];

/** Everything that the coverage reports say. */
export function coverageModel(results: Results): CoverageModel {
  const tests = testRows(results);
  const known = new Set(results.requirements.map(({ id }) => id));
  const unverified = withoutTests(results.requirements);
  const rows = results.requirements.map((requirement): RequirementRow => ({
    ...requirement,
    ...(requirement.verdict === 'PASS' ? {} : { reason: reasonOf(requirement, results) }),
    rerun: rerunRequirement(requirement.id, results.target),
    ...elsewhereOf(requirement, results),
  }));
  const rank = (row: RequirementRow): number =>
    (unverified.has(row.id) && row.selected ? 0 : 10) + attentionOrder.indexOf(row.verdict);
  const lines = lineReport(results);
  return {
    format: 'aemcert-coverage',
    version: 1,
    claim,
    conclusion: conclude(results),
    run: results.run,
    subject: results.subject,
    target: results.target,
    modules: moduleRows(tests),
    orphanTests: tests.filter((test) => !test.requirements.some((id) => known.has(id))).map(({ id }) => id),
    requirementsWithoutTests: rows
      .filter(({ id, selected }) => unverified.has(id) && selected)
      .map(({ id }) => id),
    leftOut: rows.filter(({ selected }) => !selected).map(({ id }) => id),
    requirements: rows.sort((a, b) => rank(a) - rank(b)),
    tests,
    roots: results.requirements
      .filter(({ parents }) => !parents.some((id) => known.has(id)))
      .map(({ id }) => id),
    incidents: results.incidents,
    ...(lines === undefined ? {} : { lines }),
  };
}

/** Sorts verdicts as precedence does, and leaves equals in their order. */
export function byPrecedence(a: { readonly verdict: Verdict }, b: { readonly verdict: Verdict }): number {
  return precedence.indexOf(a.verdict) - precedence.indexOf(b.verdict);
}

function elsewhereOf({ id }: RequirementResult, { elsewhere = [] }: Results): Pick<RequirementRow, 'elsewhere'> {
  const own = elsewhere.filter(({ requirements }) => requirements.includes(id));
  return own.length === 0 ? {} : { elsewhere: own };
}

function testRows({ plan, tests, target }: Results): TestRow[] {
  const byId = new Map(tests.map((test) => [test.id, test]));
  return plan.map((planned): TestRow => {
    const result = byId.get(planned.id) ?? {
      id: planned.id,
      verdict: 'UNTESTED',
      durationMs: 0,
      assertions: 0,
      reason: 'planned, and without a result',
    };
    return { ...planned, ...result, rerun: rerunCommand(planned, target) };
  });
}

function moduleRows(tests: readonly TestRow[]): ModuleRow[] {
  const names = [...new Set(tests.map(({ suite }) => suite))];
  return names.map((name) => {
    const own = tests.filter(({ suite }) => suite === name);
    return { name, tests: own.length, counts: countVerdicts(own.map(({ verdict }) => verdict)) };
  });
}

function withoutTests(requirements: readonly RequirementResult[]): ReadonlySet<string> {
  const byId = new Map(requirements.map((requirement) => [requirement.id, requirement]));
  const reached = (id: string, above: readonly string[]): boolean => {
    const requirement = byId.get(id);
    if (requirement === undefined || above.includes(id)) return false;
    if (requirement.tests.length > 0) return true;
    return requirement.children.some((child) => reached(child, [...above, id]));
  };
  return new Set(requirements.filter(({ id }) => !reached(id, [])).map(({ id }) => id));
}
