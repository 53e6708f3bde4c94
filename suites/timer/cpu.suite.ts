// SPDX-License-Identifier: GPL-2.0-only
/** Timers on the clock of their thread's CPU time. It stands still while the thread waits for the next command. */
import { expect } from 'vitest';
import { startedEvent } from '../harness/handler-process.ts';
import type { Arguments, Call, Probe } from '../harness/probe.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import { armed, create, hour, millisecond, withLittleTime } from './timer.ts';

const clock = 'thread-cpu';

/** Uses so much CPU time and a bit more, so that what expires meanwhile is told. */
async function use(p: Probe, value: number): Promise<void> {
  for (const some of [value, 10 * millisecond, millisecond]) await p.ok('pass', { clock, value: some });
}

/**
 * Uses so much CPU time, and more of it until a call has come. The interrupt may be late where the host is busy, and once the thread
 * waits for the next command it comes no more.
 */
async function told(p: Probe, value: number): Promise<Call> {
  await p.ok('pass', { clock, value });
  for (let more = 0; more < 100; more++) {
    const calls = await p.settle();
    const [call] = calls;
    if (call !== undefined) {
      expect(calls).toHaveLength(1);
      return call;
    }
    await p.ok('pass', { clock, value: 10 * millisecond });
  }
  return p.nextCall();
}

verifies('AEM-TIMER-042', 'a thread that has used so much CPU time is told, never early', async ({ probe }) => {
  const p = await probe();

  for (const how of ['value', 'ahead']) {
    for (const time of [1, 1000, 65_537, millisecond, 20 * millisecond, 200 * millisecond]) {
      const eid = await armed(p, { [how]: time }, { clock });

      const call = await told(p, time);
      expect(call, `${how} ${time} ns`).toMatchObject({ eid, overrun: 0 });
      expect(call.late, `${how} ${time} ns`).toBeGreaterThanOrEqual(0);
    }
  }
});

verifies('AEM-TIMER-043', 'a timer of CPU time stands still while its thread sleeps', async ({ probe }) => {
  const p = await probe();
  const id = await create(p, { clock });

  let calls: readonly Call[] = [];
  const value = await withLittleTime(p, { clock }, 40 * millisecond, async (time) => {
    await p.ok('timer-set', { id, value: time });
    await p.settle();
    await p.ok('native-sleep', { clock: 'monotonic', value: 1.5 * time });
    calls = await p.settle();
  });
  expect(calls).toEqual([]);

  expect(await told(p, value)).toMatchObject({ eid: id });
});

verifies('AEM-TIMER-044', 'what the first thread uses does not count for a second one’s timer', async ({ probe }) => {
  const p = await probe();
  await p.ok('thread', { name: 'second' });
  const id = Number((await p.on('second', 'timer-create', { clock }))['id']);
  expect(await p.on('second', 'timer-set', { id, value: 200 * millisecond })).toMatchObject({ ret: 0 });

  await use(p, 400 * millisecond);
  const left = Number((await p.send('timer-get', { id }))['value']);
  expect(left).toBeGreaterThan(1);
  expect(await p.settle('second')).toEqual([]);

  await p.on('second', 'pass', { clock, value: 400 * millisecond });
  expect(await p.nextCall()).toMatchObject({ eid: id });
});

verifies('AEM-TIMER-045', 'a periodic timer of CPU time counts each period, never early', async ({ probe }) => {
  const p = await probe();
  const eid = await armed(p, { value: 5 * millisecond, interval: 5 * millisecond }, { clock });

  let count = 0;
  while (count < 10) {
    await p.ok('pass', { clock, value: 5 * millisecond });
    for (const { late, overrun } of await p.settle()) {
      expect(late, `after ${count}`).toBeGreaterThanOrEqual(0);
      count += 1 + Number(overrun);
    }
  }

  // What passes while the event is stopped is one call.
  await p.ok('stop', { eid });
  await p.settle();
  await use(p, 50 * millisecond);
  await p.ok('start', { eid });
  const call = await p.nextCall();
  expect(call.overrun).toBeGreaterThanOrEqual(9);
  expect(call.late).toBeGreaterThanOrEqual(0);

  await p.ok('timer-set', { id: eid, value: 0 });
  await p.settle();
  await use(p, 20 * millisecond);
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIMER-046', 'the CPU time that is left is what the thread has still to use', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, { value: hour, interval: 7 * millisecond }, { clock });
  const left = async (): Promise<number> => Number((await p.send('timer-get', { id }))['value']);
  const before = await left();
  expect(before).toBeGreaterThan(hour / 2);
  expect(before).toBeLessThanOrEqual(hour);

  await p.ok('pass', { clock, value: 5 * millisecond });
  const after = await left();
  expect(after).toBeLessThanOrEqual(before - 5 * millisecond);

  let used = 0;
  const time = await withLittleTime(p, { clock }, 100 * millisecond, async (little) => {
    const from = await left();
    await p.ok('native-sleep', { clock: 'monotonic', value: 2 * little });
    used = from - (await left());
  });
  expect(used).toBeLessThan(time);
  expect(await p.send('timer-set', { id, value: 0, old: true })).toMatchObject({ interval: 7 * millisecond });
  expect(await left()).toBe(0);
});

verifies('AEM-TIMER-047', 'a CPU time that has passed comes at once, though the thread sleeps', async ({ probe, inState }) => {
  const p = await probe();
  const id = await create(p, { clock });
  // The time of what waits for commands, from here on.
  await p.settle();

  for (const at of [1, 1000]) {
    await inState(p.pid, 'S');
    expect(await p.on('io', 'timer-set', { id, at })).toMatchObject({ ret: 0 });

    expect(await p.nextCall()).toMatchObject({ eid: id, overrun: 0 });
  }
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIMER-048', 'a thread has so many timers of CPU time and no more', async ({ probe, limit }) => {
  const p = await probe();
  const ids: number[] = [];
  while (ids.length < limit('timers')) ids.push(await create(p, { clock }));

  expect(await p.send('timer-create', { clock })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await create(p);
  await p.ok('timer-delete', { id: ids[0] ?? 0 });
  await create(p, { clock });
});

const alice = { uid: 1001, gid: 1001 };

/** Makes timers until there is no room for one more. Returns their ids. */
async function asManyAsGo(p: Probe, how: Arguments): Promise<readonly number[]> {
  const ids: number[] = [];
  for (;;) {
    const { ret, errno, id } = await p.send('timer-create', how);
    if (ret === 0) ids.push(Number(id));
    else {
      expect(errno).toBe('EAGAIN');
      return ids;
    }
  }
}

/** Of CPU time there is room for a few, where there is for 24 others. */
async function fewDear(p: Probe): Promise<readonly number[]> {
  const ids = await asManyAsGo(p, { clock });
  expect(ids.length).toBeGreaterThan(1);
  expect(ids.length).toBeLessThan(12);
  return ids;
}

verifies('AEM-TIMER-049', 'a timer of CPU time counts as several events until it is deleted', async (context) => {
  const p = await context.probe(alice);
  await set(context, maxUserEvents, 24);

  for (let round = 0; round < 2; round++) {
    for (const id of await fewDear(p)) await p.ok('timer-delete', { id });
    const cheap = await asManyAsGo(p, {});
    expect(cheap).toHaveLength(24);
    for (const id of cheap) await p.ok('timer-delete', { id });
  }
});

verifies('AEM-TIMER-049', 'armed timers of a program that is over, by execve() or its end, count no more', async (context) => {
  const [p, other] = [await context.probe(alice), await context.probe(alice)];
  await set(context, maxUserEvents, 24);
  /** Some that expire soon, and some that do not. */
  const armAll = async (): Promise<void> => {
    for (const [turn, id] of (await fewDear(p)).entries()) await p.ok('timer-set', { id, value: turn % 2 === 0 ? 2 * millisecond : hour, interval: hour });
  };
  const eid = await startedEvent(p, 0, 'exec-probe');
  await armAll();

  await other.ok('fire', { eid });
  await p.notice('ready');
  const cheap = await asManyAsGo(p, {});
  expect(cheap).toHaveLength(24);
  for (const id of cheap) await p.ok('timer-delete', { id });

  await armAll();
  await p.ok('exit', { now: true });
  await p.exited;
  expect(await asManyAsGo(other, {})).toHaveLength(24);
});
