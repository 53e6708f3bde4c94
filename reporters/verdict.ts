// SPDX-License-Identifier: GPL-2.0-only
import type { FacilityVerdict, PlannedTest, RequirementResult, TestResult, Verdict } from './results.ts';
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

/** A planned test, as far as a facility's verdict goes. */
export type FacilityTest = Pick<PlannedTest, 'id' | 'binding' | 'facility'>;

/** The facilities that tests name, in the order of the tests, each with the verdict of its tests. */
export function facilityVerdicts(
  tests: readonly FacilityTest[],
  verdictOf: (id: string) => Verdict,
): readonly FacilityVerdict[] {
  const parts = new Map<string, Omit<FacilityVerdict, 'verdict'> & { readonly verdicts: Verdict[] }>();
  for (const { id, binding, facility } of tests) {
    if (facility === undefined) continue;
    const key = `${binding} ${facility}`;
    const part = parts.get(key) ?? { facility, binding, verdicts: [] };
    part.verdicts.push(verdictOf(id));
    parts.set(key, part);
  }
  return [...parts.values()].map(({ verdicts: own, ...rest }) => ({ ...rest, verdict: combineVerdicts(own) }));
}

/**
 * The verdicts that a requirement's tests contribute: that of each facility, and of each test that names
 * none. One facility is enough: one that the kernel lacks does not count where another passes.
 */
export function partsOfTests(tests: readonly FacilityTest[], verdictOf: (id: string) => Verdict): readonly Verdict[] {
  const facilities = facilityVerdicts(tests, verdictOf).map(({ verdict }) => verdict);
  const met = facilities.includes('PASS');
  return [
    ...tests.filter(({ facility }) => facility === undefined).map(({ id }) => verdictOf(id)),
    ...facilities.filter((verdict) => !met || verdict !== 'UNSUPPORTED'),
  ];
}

/** What a specification says of a requirement; the rest of its result follows from the tests. */
export type RequirementInput = Omit<
  RequirementResult,
  'verdict' | 'facilities' | 'tests' | 'children' | 'selected'
>;

/**
 * The requirements' results, in the order given.
 *
 * A requirement has the verdict of its own tests and its children; without either it is UNTESTED. A planned
 * test without a result is UNTESTED, and so is each test that filters left out, which makes the requirement
 * `selected: false`; so does a child that is not selected.
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
  const judged = judge(links, tests, plan);
  const verdictOf = verdictsById(tests);
  const planned = new Map(plan.map((test) => [test.id, test]));

  return requirements.map((input, index) => {
    const link = links[index];
    const judgement = judged.get(input.id);
    if (link === undefined || judgement === undefined) throw new Error(`requirement ${input.id} is lost`);
    const facilities = facilityVerdicts(link.tests.flatMap((id) => planned.get(id) ?? []), verdictOf);
    return {
      ...input,
      ...judgement,
      ...(facilities.length === 0 ? {} : { facilities }),
      tests: link.tests,
      children: link.children,
    };
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

/** Which verdict a test has, by its id; UNTESTED when it has no result. */
function verdictsById(tests: readonly TestResult[]): (id: string) => Verdict {
  const verdictOf = new Map(tests.map((test) => [test.id, test.verdict]));
  return (id) => verdictOf.get(id) ?? 'UNTESTED';
}

/** Applies the rules of RequirementResult.verdict; children that are not in the list are UNTESTED. */
export function judge(
  links: readonly RequirementLinks[],
  tests: readonly TestResult[],
  plan: readonly FacilityTest[],
): ReadonlyMap<string, Judgement> {
  const byId = new Map(links.map((link) => [link.id, link]));
  const verdictOf = verdictsById(tests);
  const planned = new Map(plan.map((test) => [test.id, test]));
  const done = new Map<string, Judgement>();
  const open = new Set<string>();

  const visit = (id: string): Judgement => {
    const known = done.get(id);
    if (known !== undefined) return known;
    const link = byId.get(id);
    if (link === undefined) return { verdict: 'UNTESTED', selected: true };
    if (open.has(id)) throw new Error(`requirement ${id} is its own ancestor`);
    open.add(id);
    // One that is not planned names no facility that anybody knows of.
    const own = link.tests.map((test) => planned.get(test) ?? { id: test, binding: 'aem' as const });
    const judgement = judgeOne(link, partsOfTests(own, verdictOf), visit);
    open.delete(id);
    done.set(id, judgement);
    return judgement;
  };

  for (const { id } of links) visit(id);
  return done;
}

function judgeOne(
  link: RequirementLinks,
  own: readonly Verdict[],
  visit: (id: string) => Judgement,
): Judgement {
  const children = link.children.map(visit);
  const leftOut: readonly Verdict[] = link.partlyLeftOut ? ['UNTESTED'] : [];
  return {
    verdict: combineVerdicts([...own, ...children.map(({ verdict }) => verdict), ...leftOut]),
    selected: !link.partlyLeftOut && children.every(({ selected }) => selected),
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
