// SPDX-License-Identifier: GPL-2.0-only
import { digestValue } from '../../lib/digest.ts';
import { runsOn } from '../../lib/runs-on.ts';
import type { Binding, PlannedTest, RequirementResult, Results } from '../results.ts';
import { plural } from '../text.ts';
import type { RequirementInput } from '../verdict.ts';

/** The suite at hand, as far as results follow from it. */
export interface SuiteAtHand {
  readonly revision: string;
  readonly files: { readonly sha256: string };
  /** All tests that it has. */
  readonly plan: readonly PlannedTest[];
  /** What a run of a binding is judged by, or of both. */
  inputsOf(binding: Binding | undefined): readonly RequirementInput[];
}

/**
 * In what results depart from the suite that they name: tests or requirements that were left out, that the suite has
 * not, or that are other than the suite's. Verdicts follow from the rest, as checkResults() sees to.
 */
export function departuresFrom(suite: SuiteAtHand, { run, subject, plan, elsewhere = [], requirements }: Results): readonly string[] {
  const judged = suite.plan.filter(({ binding }) => run.binding === undefined || binding === run.binding);
  const here = (test: PlannedTest): boolean => runsOn(test, subject.kernel.flavour);
  return [
    ...differences('test', judged.filter(here), plan),
    ...differences('test for other kernels', judged.filter((test) => !here(test)), elsewhere),
    ...differences('requirement', suite.inputsOf(run.binding), requirements.map(inputOf)),
  ];
}

interface Named {
  readonly id: string;
}

function differences(what: string, wanted: readonly Named[], seen: readonly Named[]): readonly string[] {
  const [expected, found] = [byId(wanted), byId(seen)];
  const lost = wanted.filter(({ id }) => !found.has(id));
  const foreign = seen.filter(({ id }) => !expected.has(id));
  const other = seen.filter(({ id }) => expected.has(id) && found.get(id) !== expected.get(id));
  const tell = (list: readonly Named[], words: string): readonly string[] => {
    const [first] = list;
    return first === undefined ? [] : [`${plural(list.length, what, what.replace(/^\w+/, '$&s'))} ${words}: ${first.id}${list.length > 1 ? ' …' : ''}`];
  };
  return [...tell(lost, 'of the suite left out'), ...tell(foreign, 'that the suite has not'), ...tell(other, 'not as the suite has it')];
}

function byId(list: readonly Named[]): ReadonlyMap<string, string> {
  return new Map(list.map((one) => [one.id, digestValue(one)]));
}

/** A requirement without what a run has made of it. */
export function inputOf(requirement: RequirementResult): RequirementInput {
  const { verdict: _verdict, facilities: _facilities, tests: _tests, children: _children, selected: _selected, ...input } = requirement;
  return input;
}
