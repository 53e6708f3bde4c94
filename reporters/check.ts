// SPDX-License-Identifier: GPL-2.0-only
import { isDeepStrictEqual } from 'node:util';
import { runsOn } from '../lib/runs-on.ts';
import { isRanges, parseRanges } from './ranges.ts';
import type { LinesByFile, RequirementResult, Results } from './results.ts';
import { facilityVerdicts, judge, type RequirementLinks } from './verdict.ts';

/** One thing wrong with results: a JSON pointer into the document, and what is wrong there. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}

/**
 * What a schema cannot see: that the plan and the results are the same set, that ids are unique, that links
 * hold both ways and that every verdict follows from its evidence. An empty list means that the results
 * agree with themselves, not that anything passed.
 */
export function checkResults(results: Results): Problem[] {
  return [
    ...checkTimes(results),
    ...checkUnique(results),
    ...checkPlanAgainstTests(results),
    ...checkFlavours(results),
    ...checkBinding(results),
    ...checkTests(results),
    ...checkLinks(results),
    ...checkVerdicts(results),
    ...checkLines(results),
  ];
}

/** A time that looks like one need not be: a month of 99. */
function checkTimes({ run, tests, incidents }: Results): Problem[] {
  const times: readonly (readonly [pointer: string, time: string | undefined])[] = [
    ['/run/startedAt', run.startedAt],
    ['/run/finishedAt', run.finishedAt],
    ...tests.map(({ startedAt }, index) => [`/tests/${index}/startedAt`, startedAt] as const),
    ...incidents.map(({ at }, index) => [`/incidents/${index}/at`, at] as const),
  ];
  return times.flatMap(([pointer, time]) =>
    time === undefined || !Number.isNaN(Date.parse(time)) ? [] : [{ pointer, message: `there is no such time: ${time}` }],
  );
}

function checkUnique(results: Results): Problem[] {
  const problems: Problem[] = [];
  for (const list of ['plan', 'tests', 'requirements'] as const) {
    const first = new Map<string, number>();
    results[list].forEach(({ id }, index) => {
      const before = first.get(id);
      if (before === undefined) first.set(id, index);
      else
        problems.push({ pointer: `/${list}/${index}/id`, message: `"${id}" is already /${list}/${before}` });
    });
  }
  return problems;
}

function checkPlanAgainstTests({ plan, tests }: Results): Problem[] {
  const planned = new Set(plan.map(({ id }) => id));
  const reported = new Set(tests.map(({ id }) => id));
  return [
    ...plan.flatMap(({ id }, index) =>
      reported.has(id)
        ? []
        : [{ pointer: `/plan/${index}`, message: `"${id}" was planned and has no entry in /tests` }],
    ),
    ...tests.flatMap(({ id }, index) =>
      planned.has(id)
        ? []
        : [{ pointer: `/tests/${index}`, message: `"${id}" has a result and was not planned` }],
    ),
  ];
}

/** A test is in the plan of each run on its flavours, and of no other. */
function checkFlavours({ plan, elsewhere = [], subject }: Results): Problem[] {
  const { flavour } = subject.kernel;
  const odd = (list: 'plan' | 'elsewhere', message: string): Problem[] =>
    (list === 'plan' ? plan : elsewhere).flatMap((test, index) =>
      runsOn(test, flavour) === (list === 'plan')
        ? []
        : [{ pointer: `/${list}/${index}/flavours`, message: `"${test.id}" ${message} ${flavour}` }],
    );
  return [...odd('plan', 'is not for the flavour'), ...odd('elsewhere', 'was left out of a run on its own flavour')];
}

/** A run of one binding has neither tests nor requirements of the other. */
function checkBinding({ run: { binding }, plan, requirements }: Results): Problem[] {
  if (binding === undefined) return [];
  const message = (id: string): string => `"${id}" is not of the binding ${binding}`;
  return [
    ...plan.flatMap((test, index) =>
      test.binding === binding ? [] : [{ pointer: `/plan/${index}/binding`, message: message(test.id) }],
    ),
    ...requirements.flatMap(({ id, bindings }, index) =>
      bindings.includes(binding) ? [] : [{ pointer: `/requirements/${index}/bindings`, message: message(id) }],
    ),
  ];
}

function checkTests({ tests, incidents }: Results): Problem[] {
  const problems: Problem[] = [];
  const ids = new Set(tests.map(({ id }) => id));
  tests.forEach((test, index) => {
    const at = (message: string): void => void problems.push({ pointer: `/tests/${index}`, message });
    if (test.verdict === 'PASS' && test.assertions === 0)
      at('PASS without an executed assertion is UNTESTED');
    if (test.verdict === 'PASS' && test.startedAt === undefined) at('PASS of a test that was not started');
    if (test.verdict !== 'PASS' && test.reason === undefined) at(`${test.verdict} without a reason`);
  });
  incidents.forEach(({ testId }, index) => {
    if (testId !== undefined && !ids.has(testId)) {
      problems.push({ pointer: `/incidents/${index}/testId`, message: `no test has the id "${testId}"` });
    }
  });
  return problems;
}

function checkLines({ tests, lines }: Results): Problem[] {
  if (lines === undefined) return [];
  const texts = [...lines.files.map(({ instrumented }) => instrumented), ...[lines.boot, ...Object.values(lines.tests)].flatMap((one) => Object.values(one))];
  const endless = texts.find((text) => !isRanges(text));
  if (endless !== undefined) return [{ pointer: '/lines', message: `no lines of a file: ${endless.slice(0, 40)}` }];
  const ids = new Set(tests.map(({ id }) => id));
  const counted = new Map(lines.files.map(({ path, instrumented }) => [path, new Set(parseRanges(instrumented))]));
  const check = (pointer: string, reached: LinesByFile): Problem[] =>
    Object.entries(reached).flatMap(([path, ranges]) => {
      const known = counted.get(path);
      if (known === undefined) return [{ pointer, message: `"${path}" is not among /lines/files` }];
      const odd = parseRanges(ranges).find((line) => !known.has(line));
      return odd === undefined ? [] : [{ pointer, message: `line ${odd} of "${path}" is not instrumented` }];
    });
  return [
    ...check('/lines/boot', lines.boot),
    ...Object.entries(lines.tests).flatMap(([id, reached]) => {
      const pointer = `/lines/tests/${id.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      return ids.has(id) ? check(pointer, reached) : [{ pointer, message: `no test has the id "${id}"` }];
    }),
  ];
}

function checkLinks({ plan, requirements }: Results): Problem[] {
  const problems: Problem[] = [];
  const byId = new Map(requirements.map((requirement) => [requirement.id, requirement]));
  const naming = new Map<string, Set<string>>();
  for (const { id, requirements: named } of plan) {
    for (const requirement of named) {
      naming.set(requirement, (naming.get(requirement) ?? new Set()).add(id));
    }
  }

  requirements.forEach((requirement, index) => {
    const at = (field: string, message: string): void =>
      void problems.push({
        pointer: `/requirements/${index}/${field}`,
        message: `${requirement.id}: ${message}`,
      });

    const expected = naming.get(requirement.id) ?? new Set();
    for (const id of requirement.tests) {
      if (!expected.has(id)) at('tests', `names test "${id}", which does not verify it`);
    }
    for (const id of expected) {
      if (!requirement.tests.includes(id)) at('tests', `leaves out test "${id}", which verifies it`);
    }
    for (const id of requirement.children) {
      if (byId.get(id)?.parents.includes(requirement.id) !== true) at('children', `"${id}" is not its child`);
    }
    for (const id of requirement.parents) {
      const parent = byId.get(id);
      if (parent === undefined) at('parents', `there is no requirement "${id}"`);
      else if (!parent.children.includes(requirement.id))
        at('parents', `"${id}" does not have it as a child`);
    }
  });
  return problems;
}

function checkVerdicts({ requirements, tests, plan, run }: Results): Problem[] {
  let judged: ReturnType<typeof judge>;
  try {
    judged = judge(requirements.map(linksOf), tests, plan);
  } catch (error) {
    return [{ pointer: '/requirements', message: error instanceof Error ? error.message : String(error) }];
  }
  const filtered = Object.keys(run.filters).length > 0;
  const verdictOf = new Map(tests.map((test) => [test.id, test.verdict]));
  return requirements.flatMap((requirement, index) => {
    const { id, verdict, selected, facilities = [] } = requirement;
    const problems: Problem[] = [];
    const named = facilityVerdicts(
      plan.filter((test) => requirement.tests.includes(test.id)),
      (test) => verdictOf.get(test) ?? 'UNTESTED',
    );
    if (!isDeepStrictEqual(facilities, named)) {
      problems.push({
        pointer: `/requirements/${index}/facilities`,
        message: `${id}: its tests name other facilities, or give them other verdicts`,
      });
    }
    const own = judged.get(id);
    if (own !== undefined && own.verdict !== verdict) {
      problems.push({
        pointer: `/requirements/${index}/verdict`,
        message: `${id} is ${verdict}, but its tests and children make it ${own.verdict}`,
      });
    }
    if (own !== undefined && own.selected !== selected) {
      problems.push({
        pointer: `/requirements/${index}/selected`,
        message: `${id}: selected is ${String(selected)}, but its children make it ${String(own.selected)}`,
      });
    }
    if (!selected && !filtered) {
      problems.push({
        pointer: `/requirements/${index}/selected`,
        message: `${id} was left out, but /run/filters names no filter`,
      });
    }
    return problems;
  });
}

function linksOf({ id, tests, children, selected }: RequirementResult): RequirementLinks {
  // Whether its own tests were left out or a child's: the verdict is no better than UNTESTED either way.
  return { id, tests, children, partlyLeftOut: !selected };
}
