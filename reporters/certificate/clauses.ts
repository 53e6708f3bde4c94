// SPDX-License-Identifier: GPL-2.0-only
import type { RequirementResult, Results } from '../results.ts';

/** An id of CGL 5.0, and the clauses into which this suite divides it. */
export interface ClauseRow {
  readonly requirement: RequirementResult;
  readonly clauses: readonly RequirementResult[];
}

const cglId = /^[A-Z]{3}\.\d+\.\d+$/;

/** What the results say of each CGL 5.0 id, in the order of the specs. */
export function clauseRows({ requirements }: Pick<Results, 'requirements'>): readonly ClauseRow[] {
  return requirements
    .filter(({ id }) => cglId.test(id))
    .map((requirement): ClauseRow => ({
      requirement,
      clauses: requirements.filter(({ id }) => id.startsWith(`${requirement.id}-`)),
    }));
}
