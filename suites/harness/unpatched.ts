// SPDX-License-Identifier: GPL-2.0-only
import type { Results } from '../../reporters/results.ts';

/**
 * Why a run on the kernel without AEM proves nothing of its tests, one line each; empty when it does: the
 * kernel without the series came up, every test ran on it, none of AEM passed, and all of what the kernel has
 * of its own did. A run in which nothing boots has no passed test either.
 */
export function unpatchedDoubts({ run, subject, target, plan, tests, incidents }: Results): readonly string[] {
  const { release, patches } = subject.kernel;
  const doubts: string[] = [];
  if (!run.complete) doubts.push(`the run was cut off: ${run.interruption ?? 'no reason given'}`);
  if (plan.length === 0 || tests.length !== plan.length) doubts.push(`${tests.length} of ${plan.length} tests have a result`);
  if (patches.length > 0 || subject.modules.length > 0) doubts.push('patches or modules of AEM were there');
  if (!/-plain(-|$)/.test(release)) doubts.push(`the kernel says that it is ${release}`);
  if (target.accelerator === undefined) doubts.push('no target came up');
  // What the emulator did cost a boot; that each test had its verdict all the same is looked at below.
  for (const { kind } of incidents.filter(({ blame }) => blame === 'kernel')) doubts.push(`${kind} of the target, blamed on the kernel`);
  const native = new Set(plan.filter(({ binding }) => binding === 'native').map(({ id }) => id));
  for (const { id, verdict, boot, startedAt, reason = 'no reason' } of tests) {
    if (native.has(id)) {
      if (verdict !== 'PASS') doubts.push(`${id} needs no AEM and is ${verdict}: ${reason}`);
    } else if (verdict === 'PASS') doubts.push(`${id} passes, so it verifies nothing`);
    else if (boot === undefined || startedAt === undefined) doubts.push(`${id} did not run: ${reason}`);
    else if (verdict !== 'FAIL') doubts.push(`${id} is ${verdict}: ${reason}`);
  }
  return doubts;
}
