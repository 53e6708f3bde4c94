// SPDX-License-Identifier: GPL-2.0-only
import type { Target } from '../../kernel/target/target.ts';
import type { Incident } from '../../reporters/results.ts';

/** kmemleak tells of no object that is younger, in seconds. */
const youth = 5;

const file = '/sys/kernel/debug/kmemleak';

/**
 * Prints what kmemleak finds to be lost, on a kernel that has it. It takes two
 * looks: for the first one every object has just changed, and is left alone.
 */
export const leakScript = `test -e ${file} || exit 0
sleep ${youth + 1}; echo scan > ${file}; echo scan > ${file}; cat ${file}`;

/** At the end of a run: memory that is lost is a fault of the kernel, whichever test lost it. */
export async function findLeaks(target: Target): Promise<readonly Incident[]> {
  const { stdout } = await target.exec(['sh', '-c', leakScript]);
  // The scan's own words on the console among them.
  const { incidents } = await target.health();
  if (stdout === '') return incidents;
  const excerpt = stdout.split('\n').slice(0, 60).join('\n');
  return [
    ...incidents.filter(({ excerpt: text }) => !text.includes('kmemleak:')),
    { kind: 'warning', blame: 'kernel', at: new Date().toISOString(), boot: target.boot, excerpt },
  ];
}
