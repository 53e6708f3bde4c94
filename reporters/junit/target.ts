// SPDX-License-Identifier: GPL-2.0-only
import type { Incident, Results } from '../results.ts';
import { clip, clipLine, plain, toldLine } from '../text.ts';
import type { JUnitCase, JUnitProperty, JUnitSuite } from './adapter.ts';

const messageLimit = 500;

/**
 * What happened to the target while no test ran, a case each: no test's case would show it. A fault of the
 * kernel is a failure; what the infrastructure did cost nothing that was measured, so it makes nothing red.
 */
export function targetSuite(
  { incidents }: Results,
  properties: readonly JUnitProperty[],
  limit: number,
): JUnitSuite[] {
  const stray = incidents.filter(({ testId }) => testId === undefined);
  const [first] = stray;
  if (first === undefined) return [];
  return [
    { name: 'target', timestamp: first.at, properties, cases: stray.map((one, index) => caseOf(one, index, limit)) },
  ];
}

function caseOf(incident: Incident, index: number, limit: number): JUnitCase {
  const { kind, blame, boot, excerpt } = incident;
  const message = clipLine(`${kind} while no test ran: ${toldLine(incident)}`, messageLimit);
  return {
    name: `${kind} while no test ran, boot ${boot} (${index + 1})`,
    className: 'aemcert.target',
    seconds: 0,
    properties: [],
    outcome:
      blame === 'kernel'
        ? { element: 'failure', type: 'FAIL', message, text: clip(plain(excerpt), limit) }
        : { element: 'skipped', type: 'UNTESTED', message },
  };
}
