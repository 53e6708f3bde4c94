// SPDX-License-Identifier: GPL-2.0-only
/** An event that is raised while its thread waits for it. */
import type { Answer, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';

/** Raises the event in a call of aem_evwait(), which may have a request refused, `fail`; the call's answer is still to come. */
export async function firedInWait(
  { inState }: Pick<Context, 'inState'>,
  p: Probe,
  eid: number,
  fail?: number,
): Promise<{ readonly call: Promise<Answer> }> {
  const call = p.send('call', { name: 'evwait', fail });
  await p.notice('entering');
  await inState(p.pid, 'S');
  await p.on('io', 'fire', { eid });
  return { call };
}
