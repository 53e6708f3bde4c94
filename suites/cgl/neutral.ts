// SPDX-License-Identifier: GPL-2.0-only
/** Tests that are written once, for whatever facility meets a requirement: AEM's, or the kernel's own. */
import type { Binding } from '../../reporters/results.ts';
import type { RequirementId } from '../../specs/generated/ids.ts';
import type { Need } from '../harness/needs.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';

/** Through what a requirement is met; `name` is what the reports call it. */
export interface Facility {
  readonly name: string;
  readonly binding: Binding;
  /** What it takes on a machine that was not made for the tests. */
  readonly needs?: readonly Need[];
}

/** Defines a test for each of the facilities; `needs` are those of all, see needs.ts. */
export function neutral<F extends Facility>(
  requirements: RequirementId | readonly RequirementId[],
  title: string,
  facilities: readonly F[],
  body: (context: Context, facility: F) => Promise<void>,
  ...needs: readonly Need[]
): void {
  for (const facility of facilities) {
    verifies(requirements, `${title} (${facility.name})`, (context) => body(context, facility), {
      binding: facility.binding,
      facility: facility.name,
      source: body.toString(),
      needs: [...(facility.needs ?? []), ...needs],
    });
  }
}

/** Of tests that are of one facility. */
export const native = (name: string, ...needs: readonly Need[]): Facility => ({ name, binding: 'native', needs });

/** Seeded faults that are here leave the tests of AEM itself alone; see suites/controls/cgl.yaml. */
export const asNeutral = { env: { AEMCERT_CGL: '1' } } as const;
