// SPDX-License-Identifier: GPL-2.0-only
import type { PlannedTest, RequirementResult, TestResult, Verdict } from './results.ts';
import { verdicts } from './results.ts';

/** Verdicts from the one that decides most to the one that decides least. */
export const precedence: readonly Verdict[] = ['FAIL', 'UNRESOLVED', 'UNTESTED', 'UNSUPPORTED', 'PASS'];

/** How often each verdict occurs; every verdict has its entry. */
export type VerdictCounts = Readonly<Record<Verdict, number>>;

/** Counts verdicts; those that do not occur count 0. */
export function countVerdicts(list: Iterable<Verdict>): VerdictCounts {
  const counts = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const verdict of list) counts[verdict] += 1;
  return counts;
}

/** The verdict of a whole from its parts: the one with precedence; UNTESTED when there are no parts. */
export function combineVerdicts(parts: Iterable<Verdict>): Verdict {
  const seen = new Set(parts);
  return precedence.find((verdict) => seen.has(verdict)) ?? 'UNTESTED';
}

/** What a specification says of a requirement; the rest of its result follows from the tests. */
export type RequirementInput = Omit<RequirementResult, 'verdict' | 'tests' | 'children' | 'selected'>;

/**
 * The requirements' results, in the order given.
 *
 * A requirement with own tests has the verdict of these. A planned test without a result is UNTESTED, and so
 * is each test that filters left out, which makes the requirement `selected: false`. Without own tests it
 * has its children's verdict and is selected when each child is; without either it is UNTESTED.
 *
 * @param leftOut tests that exist but that filters kept out of the plan
 * @throws Error when parents form a cycle or an id occurs twice: the loader lets neither through
 */
export function deriveRequirementResults(
  requirements: readonly RequirementInput[],
  plan: readonly PlannedTest[],
  tests: readonly TestResult[],
  leftOut: readonly PlannedTest[] = [],
): RequirementResult[] {
  const ownTests = idsByRequirement(plan);
  const missing = idsByRequirement(leftOut);
  const children = childrenByParent(requirements);
  const inputs = new Map(requirements.map((input) => [input.id, input]));
  if (inputs.size !== requirements.length) throw new Error('two requirements have the same id');

  const links: RequirementLinks[] = requirements.map(({ id }) => ({
    id,
    tests: ownTests.get(id) ?? [],
    children: children.get(id) ?? [],
    partlyLeftOut: missing.has(id),
  }));
  const judged = judge(links, tests);

  return requirements.map((input, index) => {
    const link = links[index];
    const judgement = judged.get(input.id);
    if (link === undefined || judgement === undefined) throw new Error(`requirement ${input.id} is lost`);
    return { ...input, ...judgement, tests: link.tests, children: link.children };
  });
}

/** What the verdict of a requirement depends on. */
export interface RequirementLinks {
  readonly id: string;
  readonly tests: readonly string[];
  readonly children: readonly string[];
  /** Filters left out at least one of its own tests. */
  readonly partlyLeftOut: boolean;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly selected: boolean;
}

/** Applies the rules of RequirementResult.verdict; children that are not in the list are UNTESTED. */
export function judge(
  links: readonly RequirementLinks[],
  tests: readonly TestResult[],
): ReadonlyMap<string, Judgement> {
  const byId = new Map(links.map((link) => [link.id, link]));
  const testVerdicts = new Map(tests.map((test) => [test.id, test.verdict]));
  const done = new Map<string, Judgement>();
  const open = new Set<string>();

  const visit = (id: string): Judgement => {
    const known = done.get(id);
    if (known !== undefined) return known;
    const link = byId.get(id);
    if (link === undefined) return { verdict: 'UNTESTED', selected: true };
    if (open.has(id)) throw new Error(`requirement ${id} is its own ancestor`);
    open.add(id);
    const judgement = judgeOne(link, testVerdicts, visit);
    open.delete(id);
    done.set(id, judgement);
    return judgement;
  };

  for (const { id } of links) visit(id);
  return done;
}

function judgeOne(
  link: RequirementLinks,
  testVerdicts: ReadonlyMap<string, Verdict>,
  visit: (id: string) => Judgement,
): Judgement {
  if (link.tests.length > 0 || link.partlyLeftOut) {
    const parts = link.tests.map((id) => testVerdicts.get(id) ?? 'UNTESTED');
    if (link.partlyLeftOut) parts.push('UNTESTED');
    return { verdict: combineVerdicts(parts), selected: !link.partlyLeftOut };
  }
  const parts = link.children.map(visit);
  return {
    verdict: combineVerdicts(parts.map((part) => part.verdict)),
    selected: parts.every((part) => part.selected),
  };
}

function idsByRequirement(plan: readonly PlannedTest[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const test of plan) {
    for (const id of new Set(test.requirements)) append(map, id, test.id);
  }
  return map;
}

function childrenByParent(requirements: readonly RequirementInput[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const { id, parents } of requirements) {
    for (const parent of new Set(parents)) append(map, parent, id);
  }
  return map;
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
