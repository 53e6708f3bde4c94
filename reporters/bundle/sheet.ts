// SPDX-License-Identifier: GPL-2.0-only
import { stringify } from 'csv-stringify/sync';
import type { Results, RequirementResult, Verdict } from '../results.ts';
import { byFacility, oneLine } from '../text.ts';
import { clauseRows } from '../certificate/clauses.ts';
import type { Product } from './product.ts';
import type { JudgedWaiver } from './waivers.ts';

const columns = ['CGL id', 'Description', 'Priority', 'Disclosure type', 'Package or patch', 'Version', 'Comply', 'Notes'];

/** What was measured says of "comply": a verdict that is none is no "no". */
const comply: Readonly<Record<Verdict, string>> = {
  PASS: 'yes',
  FAIL: 'no',
  UNSUPPORTED: 'no',
  UNRESOLVED: 'not shown',
  UNTESTED: 'not shown',
};

/**
 * The rows for CGL's registration sheet, a row a CGL 5.0 id, as CSV (RFC 4180). They are what this suite measured;
 * what else a vendor discloses is theirs to add. Nothing in it is a formula to a spreadsheet.
 */
export function sheetCsv(results: Results, product: Product, waivers: readonly JudgedWaiver[]): string {
  const { kernel } = results.subject;
  const byPatch = kernel.patches.length > 0;
  const rows = clauseRows(results).map(({ requirement, clauses }) => [
    requirement.id,
    requirement.title,
    requirement.priority,
    byPatch ? 'patch' : 'package',
    byPatch ? patchesOf(kernel.patches) : kernel.source,
    `${product.product} ${product.version}, Linux ${kernel.release}`,
    comply[requirement.verdict],
    notes(requirement, clauses, waivers),
  ]);
  return stringify([columns, ...rows.map((row) => row.map(oneLine))], { record_delimiter: 'windows', escape_formulas: true });
}

function patchesOf([first = '', ...rest]: readonly string[]): string {
  return rest.length === 0 ? first : `${first} and ${rest.length} more`;
}

function notes(requirement: RequirementResult, clauses: readonly RequirementResult[], waivers: readonly JudgedWaiver[]): string {
  const { id, verdict } = requirement;
  const parts = clauses.map((clause) => `${clause.id} ${clause.verdict}${through(clause)}`);
  const waived = waivers
    .filter(({ requirement, state }) => state === 'waived' && [id, ...clauses.map((clause) => clause.id)].includes(requirement))
    .map(({ requirement, class: kind, ticket, expires }) => `${requirement} waived (${kind}, ${ticket}, until ${expires})`);
  return [`measured: ${verdict}${through(requirement)}`, ...(parts.length === 0 ? [] : [`clauses of the suite's own division: ${parts.join(', ')}`]), ...waived].join('; ');
}

function through(requirement: RequirementResult): string {
  return requirement.facilities === undefined ? '' : ` (${byFacility(requirement)})`;
}
