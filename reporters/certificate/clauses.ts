// SPDX-License-Identifier: GPL-2.0-only
import type { RequirementResult, Results } from '../results.ts';

/** An id of CGL 5.0, and the clauses into which this suite divides it. */
export interface ClauseRow {
  readonly requirement: RequirementResult;
  readonly clauses: readonly RequirementResult[];
}

const cglId = /^[A-Z]{3}\.\d+\.\d+$/;

/** The requirement that the suite is for; the others are its neighbours. */
const first = 'PRF.5.0';

/** What the results say of each CGL 5.0 id, in the order of the specs, but for the one that the suite is for. */
export function clauseRows({ requirements }: Pick<Results, 'requirements'>): readonly ClauseRow[] {
  return requirements
    .filter(({ id }) => cglId.test(id))
    .sort((a, b) => Number(b.id === first) - Number(a.id === first))
    .map((requirement): ClauseRow => ({
      requirement,
      clauses: requirements.filter(({ id }) => id.startsWith(`${requirement.id}-`)),
    }));
}
