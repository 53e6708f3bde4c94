// SPDX-License-Identifier: GPL-2.0-only
/** What a thread with events takes from its equals: its turn sooner, and no more than its share. */
import { expect } from 'vitest';
import { startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { begins, countedSince, meeting, only, readBooks } from './sched.ts';

/** A probe whose first thread shares a CPU with an equal, and one that raises its event from another CPU. */
async function neighbours({ probe }: Context): Promise<{ readonly p: Probe; readonly equal: number }> {
  const p = await probe();
  const equal = await p.ok('thread', { name: 'equal', cpu: meeting });
  await p.ok('thread', { name: 'raiser', cpu: 0 });
  await p.ok('pin', { cpus: only(meeting) });
  return { p, equal };
}

/** Of the CPU time of a thread that gets events all the time and of its equal, how many percent the first has. */
async function shareOf({ limit }: Context, p: Probe, equal: number, eid: number): Promise<number> {
  await begins(p, 'equal', 'busy');
  await begins(p, 'raiser', 'storm', { eid });

  const times = async (): Promise<readonly [number, number]> => {
    const { first, second } = await p.on('io', 'cpu-times', { first: p.pid, second: equal });
    return [Number(first), Number(second)];
  };
  const begin = await times();
  let [theirs, others] = [0, 0];
  while (theirs + others < 1000 * limit('cpu-time')) {
    const now = await times();
    [theirs, others] = [now[0] - begin[0], now[1] - begin[1]];
  }

  await p.on('io', 'relax');
  return (100 * theirs) / (theirs + others);
}

verifies('AEM-SCHED-011', 'a thread takes no more than its share for its events, computing in their handlers or not', async (test) => {
  for (const handler of ['quiet', 'quiet,burn:2000']) {
    const { p, equal } = await neighbours(test);
    const eid = await startedEvent(p, 0, handler);
    if (handler === 'quiet') await begins(p, 'main', 'busy');
    const before = await readBooks(test);

    expect(await shareOf(test, p, equal, eid), handler).toBeLessThanOrEqual(test.limit('most'));

    expect((await countedSince(test, before)).preferred, handler).toBeGreaterThan(0);
    expect(await p.ok('calls'), handler).toBeGreaterThan(0);
  }
});
