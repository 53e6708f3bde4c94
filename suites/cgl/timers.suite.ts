// SPDX-License-Identifier: GPL-2.0-only
/**
 * PRF.1.4, AVL.25.0, GAP.9.0, GAP.3.0-c: timers and clocks. How late they are depends on the host and is not looked at;
 * but never early, by the clock that they go by.
 */
import { expect } from 'vitest';
import type { Arguments } from '../harness/probe.ts';
import { hour, millisecond, withLittleTime } from '../timer/timer.ts';
import { available } from './available.ts';
import { native, neutral } from './neutral.ts';
import { aemTimer, posixTimers, timerFacilities } from './timers.ts';
import type { Expired, Timers } from './timers.ts';

const clocks = ['monotonic', 'realtime', 'boottime'] as const;

/**
 * Waits until each of the timers has expired once more; others are not to. What sets them may be under way
 * still: the sooner a timer is looked at, the sooner it is seen that it was early.
 */
async function expirations(timers: Timers, ids: readonly number[], ...begun: readonly Promise<void>[]): Promise<readonly Expired[]> {
  const seen: Expired[] = [];
  while (!ids.every((id) => seen.some((one) => one.id === id))) {
    seen.push(...(await timers.wait()));
    for (const { id } of seen) expect(ids).toContain(id);
  }
  await Promise.all(begun);
  return seen;
}

/** What the clock of the guest shows, in nanoseconds. */
async function now({ probe }: Timers): Promise<number> {
  return Number((await probe.send('native-clock', { clock: 'monotonic', reads: 1 }))['now']);
}

neutral('PRF.1.4-a', 'no time is over before it has passed', timerFacilities, async (context, facility) => {
  const timers = await facility.open(context);
  for (const how of ['value', 'ahead'] as const) {
    for (const time of [65_537, millisecond, 20 * millisecond]) {
      for (const clock of clocks) {
        const id = await timers.create(clock);
        const [expired] = await expirations(timers, [id], timers.set(id, { [how]: time }));
        expect(expired?.late, `${how} ${time} ns on ${clock}`).toBeGreaterThanOrEqual(0);
        expect(expired?.count).toBe(1);
      }
    }
  }
});

neutral('PRF.1.4-a', 'timers expire in the order in which they are due', timerFacilities, async (context, facility) => {
  const timers = await facility.open(context);
  const [late, early, between] = [await timers.create('monotonic'), await timers.create('monotonic'), await timers.create('monotonic')];
  const order = [early, between, late];
  // On one CPU: of two the one that stood still tells later.
  await timers.probe.ok('pin', { cpus: 1 });

  // From 40 ms to 1.3 s apart, until the machine is fast enough to set them in a row.
  for (let apart = 40 * millisecond; apart < 2000 * millisecond; apart *= 2) {
    const [from, , , , to, first] = await Promise.all([
      now(timers),
      timers.set(late, { value: 3 * apart }),
      timers.set(early, { value: apart }),
      timers.set(between, { value: 2 * apart }),
      now(timers),
      timers.wait(),
    ]);
    const told = [first];
    while (told.flat().length < order.length) told.push(await timers.wait());
    // Where the machine had stopped between two of the settings, they are due in another order.
    if (to - from >= apart) continue;

    for (const { id, count, late: by } of told.flat()) {
      expect(by, `timer ${id}`).toBeGreaterThanOrEqual(0);
      expect(count).toBe(1);
    }
    // What is told together has no order; but nothing is told before what was due earlier.
    for (const [look] of told.entries()) {
      const ids = told.slice(0, look + 1).flat().map(({ id }) => id);
      expect([...ids].sort()).toEqual(order.slice(0, ids.length).sort());
    }
    return;
  }
  throw new Error('the machine is too slow to set three timers in a row');
});

neutral('PRF.1.4-a', 'a periodic timer expires each time, never early', timerFacilities, async (context, facility) => {
  const timers = await facility.open(context);
  const id = await timers.create('monotonic');
  let begun = [timers.set(id, { value: 40 * millisecond, interval: 5 * millisecond })];

  // One that is told late says how many times it is about; `late` is of the last of them.
  for (let count = 0; count < 10; ) {
    const seen = await expirations(timers, [id], ...begun);
    begun = [];
    for (const expired of seen) {
      expect(expired.count).toBeGreaterThan(0);
      expect(expired.late, `after ${count}`).toBeGreaterThanOrEqual(0);
      count += expired.count;
    }
  }
  await timers.set(id, {});
  await timers.take();
  await timers.probe.ok('pass', { clock: 'monotonic', value: 10 * millisecond });
  expect(await timers.take()).toEqual([]);
});

neutral('PRF.1.4-a', 'a timer that is set anew counts from then', timerFacilities, async (context, facility) => {
  const timers = await facility.open(context);
  const id = await timers.create('monotonic');
  await timers.set(id, { value: hour });
  expect(await timers.left(id)).toBeGreaterThan(hour / 2);

  const [expired] = await expirations(timers, [id], timers.set(id, { value: 40 * millisecond }));

  expect(expired?.late).toBeGreaterThanOrEqual(0);
  expect(await timers.left(id)).toBe(0);
});

neutral('PRF.1.4-b', 'no sleep is over before its time', [native('clock_nanosleep')], async ({ probe }) => {
  const { send } = await probe();
  for (const clock of clocks) {
    for (const how of ['value', 'ahead'] as const) {
      for (const time of [1000, 65_537, 5 * millisecond]) {
        const { ret, late } = await send('native-sleep', { clock, [how]: time });
        expect(ret).toBe(0);
        expect(late, `${how} ${time} ns on ${clock}`).toBeGreaterThanOrEqual(0);
      }
    }
  }
});

neutral('PRF.1.4-b', 'clocks go on in small steps and never back', [native('clock_gettime')], async ({ probe, limit }) => {
  const { send } = await probe();
  for (const clock of clocks) {
    const { resolution, back } = await send('native-clock', { clock, reads: 2000 });
    expect(resolution, clock).toBeLessThanOrEqual(limit('resolution'));
    expect(back, clock).toBe(0);
  }
});

/** Heartbeats: a timer each, which a beat sets anew. */
neutral('AVL.25.0', 'of several heartbeats those that are missed are reported', timerFacilities, async (context, facility) => {
  const timers = await facility.open(context);
  const beats: number[] = [];
  for (let number = 0; number < context.limit('heartbeats'); number++) {
    const id = await timers.create('monotonic');
    beats.push(id);
    await timers.set(id, { value: hour });
  }
  const [calm, quick, brisk] = beats;
  if (calm === undefined || quick === undefined || brisk === undefined) throw new Error('three heartbeats at least');

  await timers.set(quick, { value: 20 * millisecond });
  await timers.set(brisk, { value: 40 * millisecond });
  const missed = await expirations(timers, [quick, brisk]);

  expect(missed.map(({ id }) => id).sort((a, b) => a - b)).toEqual([quick, brisk].sort((a, b) => a - b));
  expect(await timers.left(calm)).toBeGreaterThan(0);
  // One that was missed beats again.
  await timers.set(quick, { value: hour });
  expect(await timers.left(quick)).toBeGreaterThan(hour / 2);
  expect(await timers.take()).toEqual([]);
});

neutral('AVL.25.0', 'one that beats in time is not reported', timerFacilities, async (context, facility) => {
  const timers = await facility.open(context);
  const [beating, clock] = [await timers.create('monotonic'), await timers.create('monotonic')];
  const period = 400 * millisecond;

  // All in one go; on a slow machine a beat may be too late itself, by its own clock.
  let took = period;
  for (let tries = 0; tries < 10 && took >= period; tries++) {
    await timers.take();
    const [from, , , to] = await Promise.all([
      now(timers),
      timers.set(beating, { value: period }),
      timers.set(beating, { value: hour }),
      now(timers),
    ]);
    took = to - from;
  }
  if (took >= period) throw new Error('the machine is too slow for a beat to be in time');
  await timers.set(clock, { value: period + 20 * millisecond });

  expect((await timers.wait()).map(({ id }) => id)).toEqual([clock]);
});

/** The timer has not expired after that, since the clock showed less than the threshold. */
async function nothingExpires(timers: Timers, id: number, clock: Arguments, least: number, set: (threshold: number) => Promise<void>): Promise<number> {
  let seen: readonly Expired[] = [];
  const threshold = await withLittleTime(timers.probe, clock, least, async (time) => {
    // Of the try before.
    await timers.set(id, {});
    await timers.take();
    await set(time);
    seen = await timers.take();
  });
  expect(seen).toEqual([]);
  return threshold;
}

neutral('GAP.9.0', 'the CPU time of a thread is told, however long it sleeps', [posixTimers, aemTimer], async (context, facility) => {
  const timers = await facility.open(context);
  const { ok } = timers.probe;
  const id = await timers.create('thread-cpu');

  const threshold = await nothingExpires(timers, id, { clock: 'thread-cpu' }, 40 * millisecond, async (time) => {
    await timers.set(id, { value: time });
    await ok('native-sleep', { clock: 'monotonic', value: 1.5 * time });
  });
  await ok('native-spend', { us: (1.5 * threshold) / 1000 });

  const expired = await expirations(timers, [id]);
  expect(expired).toMatchObject([{ id, count: 1 }]);
  expect(expired[0]?.late).toBeGreaterThanOrEqual(0);
});

neutral('GAP.3.0-c', 'that another process has used so much CPU time is told', [posixTimers], async (context, facility) => {
  const [timers, other] = [await facility.open(context), await context.probe()];
  const { send, ok } = timers.probe;
  const { ret: id } = available(context, await send('native-timer', { via: 'signal', pid: other.pid }), 'POSIX timers');
  const threshold = context.limit('threshold-resolution') * millisecond;

  const used = await nothingExpires(timers, id, { pid: other.pid }, threshold, async (time) => {
    await ok('native-timer-set', { id, value: time });
    await ok('native-spend', { us: 20_000 });
  });
  await other.ok('native-spend', { us: 20_000 + used / 1000 });

  const expired = await expirations(timers, [id]);
  expect(expired).toMatchObject([{ id, count: 1 }]);
  expect(expired[0]?.late).toBeGreaterThanOrEqual(0);
});
