// SPDX-License-Identifier: GPL-2.0-only
/** What the tests of timers share. Times are in nanoseconds. */
import { ExpectationError } from '../harness/expectation.ts';
import { startedEvent } from '../harness/handler-process.ts';
import type { Arguments, Probe } from '../harness/probe.ts';

export const clocks = ['aemevent', 'monotonic', 'realtime', 'boottime'] as const;

export const millisecond = 1_000_000;
export const second = 1_000_000_000;
/** What does not come while a test runs. */
export const hour = 3600 * second;

/** Makes a timer. Returns its id. */
export async function create(p: Probe, args: Arguments = {}): Promise<number> {
  const { ret, errno, id } = await p.send('timer-create', args);
  if (ret < 0) throw new ExpectationError('a timer to be created', errno ?? String(ret));
  return Number(id);
}

/** Makes a timer and arms it. Returns its id. */
export async function armed(p: Probe, args: Arguments, how: Arguments = {}): Promise<number> {
  const id = await create(p, how);
  await p.ok('timer-set', { id, ...args });
  return id;
}

/**
 * Does something while the clock, of CPU time, goes on by less than so much, which is `least` or, on a slow machine,
 * more: what a host keeps from a CPU counts for whoever runs there. Returns how much it was.
 */
export async function withLittleTime(p: Probe, clock: Arguments, least: number, body: (time: number) => Promise<void>): Promise<number> {
  const shown = async (): Promise<number> => Number((await p.send('native-clock', { ...clock, reads: 1 }))['now']);
  for (let time = least; time < 100 * least; time *= 2) {
    const from = await shown();
    await body(time);
    if ((await shown()) - from < time) return time;
  }
  throw new Error('the machine is too slow to use so little CPU time');
}

/** How often an event was raised. */
export async function raised(p: Probe, eid: number): Promise<number> {
  return Number((await p.on('io', 'books', { eid }))['raised']);
}

/** Of a probe's first thread: it is in a handler, and none of a timer is called. */
export interface Held {
  /** Sets a timer, from another thread. */
  set(id: number, args: Arguments): Promise<void>;
  /** Sets one, and waits until it has expired. */
  expire(id: number, args: Arguments): Promise<void>;
  /** Lets the handlers that are due be called. */
  release(): Promise<void>;
}

/** Holds the first thread in the handler of an event of another kind. */
export async function hold(p: Probe): Promise<Held> {
  const eid = await startedEvent(p, 0, 'hold');
  await p.on('io', 'fire', { eid });
  await p.notice('holding');
  await p.nextCall();
  const set = async (id: number, args: Arguments): Promise<void> => {
    const { ret, errno } = await p.on('io', 'timer-set', { id, ...args });
    if (ret < 0) throw new ExpectationError('a timer to be set', errno ?? String(ret));
  };
  return {
    set,
    async expire(id, args) {
      const before = await raised(p, id);
      await set(id, args);
      await p.on('io', 'timer-await', { id, raised: before + 1 });
    },
    async release() {
      await p.on('io', 'release', { eid });
    },
  };
}
