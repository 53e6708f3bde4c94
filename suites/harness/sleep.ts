// SPDX-License-Identifier: GPL-2.0-only
import { ExpectationError } from './expectation.ts';
import type { Answer, Probe } from './probe.ts';
import type { Context } from './verifies.ts';

/**
 * A call that sleeps, with handlers on top of it: `fires` of them, or as many as go in. Where the host is so slow
 * that the sleep was over before, a longer one is tried, but not where it has ended early. Returns the call's answer and its length in milliseconds.
 */
export async function sleepWithHandlers(
  p: Probe,
  inState: Context['inState'],
  { name, eid, fires }: { readonly name: string; readonly eid: number; readonly fires: number },
): Promise<{ readonly answer: Answer; readonly length: number }> {
  for (const length of [300, 1_500, 7_500, 30_000]) {
    const state = { ended: false };
    const sleeping = (): boolean => !state.ended;
    const call = p.send('call', { name, ms: length }).finally(() => (state.ended = true));
    await p.notice('entering');
    await inState(p.pid, 'S');
    let during = 0;
    while (sleeping() && during < fires) {
      await p.on('io', 'fire', { eid });
      const ran = (await p.settle('io')).length;
      if (sleeping()) during += ran;
    }
    const answer = await call;
    const early = Number(answer['elapsed']) < length * 1_000_000;
    if (early || during >= Math.min(2, fires)) return { answer, length };
  }
  throw new ExpectationError(`a handler while ${name} sleeps`, 'none in a sleep of 30 s');
}
