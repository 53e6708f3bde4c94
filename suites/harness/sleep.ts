// SPDX-License-Identifier: GPL-2.0-only
import { ExpectationError } from './expectation.ts';
import type { Answer, Probe } from './probe.ts';
import type { Context } from './verifies.ts';

/**
 * A call that sleeps, with handlers on top of it: `fires` of them, or as many as go in. Where the host is so slow
 * that the sleep was over before, a longer one is tried, but not where it has ended early. Nor does one with as many as
 * go in count, where it has slept for its whole length after the last: each may have begun it anew. With `ticks` its time
 * is counted from the last tick on, as the kernel does. Returns the call's answer and its length in milliseconds.
 */
export async function sleepWithHandlers(
  p: Probe,
  inState: Context['inState'],
  { name, eid, fires, ticks }: { readonly name: string; readonly eid: number; readonly fires: number; readonly ticks?: boolean | undefined },
): Promise<{ readonly answer: Answer; readonly length: number }> {
  for (const length of [300, 1_500, 7_500, 30_000]) {
    const state = { ended: false };
    const sleeping = (): boolean => !state.ended;
    const call = p.send('call', { name, ms: length, ticks }).finally(() => (state.ended = true));
    await p.notice('entering');
    await inState(p.pid, 'S');
    const handled: number[] = [];
    while (sleeping() && handled.length < fires) {
      await p.on('io', 'fire', { eid });
      const ran = await p.settle('io');
      if (sleeping()) handled.push(...ran.map(({ t }) => t));
    }
    const answer = await call;
    const early = Number(answer['elapsed']) < length * 1_000_000;
    const anew = fires === Infinity && Number(answer['ended']) >= (handled.at(-1) ?? 0) + length * 1_000_000;
    if (early || (handled.length >= Math.min(2, fires) && !anew)) return { answer, length };
  }
  throw new ExpectationError(`handlers while ${name} sleeps, and its end soon after the last`, 'none in a sleep of 30 s, or one that began anew');
}
