// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who runs first, on a CPU where several threads compute. The one that raises the event tells, by the CPU time that the
 * other has taken: that has run before it goes on, or not. It raises when its slice has just begun, which by itself the
 * scheduler would let it use up.
 */
import { expect } from 'vitest';
import { startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { noLooks } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { atRest, competitor, countedSince, cpuCount, letRealtimeStarve, meeting, only, raiser, readBooks } from './sched.ts';

const rounds = 20;

/** Of them: where the host takes the virtual CPU away, the turn of who raises may be over by itself. */
const most = rounds / 2;

/** A thread with an event, at rest where one that is to raise it computes beside a third. */
async function company(test: Context): Promise<{ readonly p: Probe; readonly eid: number }> {
  // A handler that takes long on a slow machine would be looked at, and count twice.
  await noLooks(test);
  const p = await test.probe();
  const eid = await startedEvent(p, 0, 'quiet');
  await p.ok('pin', { cpus: only(meeting) });
  await p.ok('thread', { name: 'raiser', cpu: meeting });
  await competitor(p);
  return { p, eid };
}

verifies('AEM-SCHED-005', 'a thread runs for its event before the one that raised it goes on', async (test) => {
  const { p, eid } = await company(test);
  const before = await readBooks(test);

  const { first } = await p.on('raiser', 'provoke', { eid, tid: p.pid, rounds });

  expect(first).toBeGreaterThan(most);
  expect((await countedSince(test, before)).preferred).toBeGreaterThan(most);
  await p.on('io', 'relax');
  expect(await p.ok('calls')).toBe(rounds);
});

verifies('AEM-SCHED-006', 'a thread that waits for its turn is put forward for its event', async (test) => {
  const { p, eid } = await company(test);
  const dozing = p.send('doze');
  await p.notice('did');
  const before = await readBooks(test);

  const { first, tries } = await p.on('raiser', 'provoke', { eid, tid: p.pid, rounds, wake: 1 });

  expect(first).toBeGreaterThan(most);
  expect((await countedSince(test, before)).preferred).toBeGreaterThan(most);
  await p.on('io', 'relax');
  await p.on('io', 'wake');
  expect(await dozing).toMatchObject({ ret: tries });
});

verifies('AEM-SCHED-007', 'a thread that sleeps in its handler is woken up as any other', async (test) => {
  await noLooks(test);
  const cpus = await cpuCount(test);
  const p = await test.probe();
  const eid = await startedEvent(p, 0, 'nap:1');
  const by = await raiser(test);
  const steered: number[] = [];

  for (let round = 0; round < 10; round++) {
    await atRest(test, p, cpus - 1, only(cpus) - 1);
    const before = await readBooks(test);
    await by.ok('fire', { eid });
    // It takes its next command when the handler has ended.
    expect(await p.settle()).toMatchObject([{ eid }]);
    steered.push((await countedSince(test, before)).steered);
  }

  expect(Math.min(...steered)).toBe(1);
  // A claim that stays has it steered once more, but where the machine was busy.
  expect(steered.filter((times) => times === 1).length).toBeGreaterThan(steered.length / 2);
});

verifies('AEM-SCHED-008', 'a thread is not preferred to one of a lower nice value', async (test) => {
  const { p, eid } = await company(test);
  await p.ok('policy', { name: 'other', nice: 1 });
  const before = await readBooks(test);

  await p.on('raiser', 'provoke', { eid, tid: p.pid, rounds });

  expect(await countedSince(test, before)).toMatchObject({ preferred: 0 });
  await p.on('io', 'relax');
  expect(await p.ok('calls')).toBe(rounds);
});

verifies('AEM-SCHED-013', 'a thread is not preferred to one that has events, too', async (test) => {
  const { p, eid } = await company(test);
  const { ret: own } = await p.on('raiser', 'register', { flags: 0 });
  await p.ok('on', { eid: own, do: 'quiet' });
  await p.on('raiser', 'start', { eid: own });
  const before = await readBooks(test);

  await p.on('raiser', 'provoke', { eid, own, tid: p.pid, rounds });

  expect(await countedSince(test, before)).toMatchObject({ preferred: 0 });
  await p.on('io', 'relax');
  expect(await p.ok('calls')).toBe(2 * rounds);
});

verifies('AEM-SCHED-009', 'a thread waits for the realtime task that raised its event to sleep', async (test) => {
  await letRealtimeStarve(test);
  await noLooks(test);
  const p = await test.probe();
  const eid = await startedEvent(p, 0, 'quiet', 100_009);
  const before = await readBooks(test);
  const names = ['fifo', 'rr', 'deadline'];
  for (const name of names) await p.ok('thread', { name });

  for (const name of names) {
    expect(await p.on(name, 'policy', { name })).toMatchObject({ ret: 0 });
    const provoked = await p.on(name, 'provoke', { eid, tid: p.pid, rounds, fetch: 1, turn: 0, spend: 100 });
    expect(provoked, name).toMatchObject({ ret: 0, first: 0 });
  }

  expect(await countedSince(test, before)).toEqual({ steered: 0, preferred: 0 });
  expect(await p.ok('calls')).toBe(3 * rounds);
});

for (const name of ['fifo', 'rr', 'deadline']) {
  verifies('AEM-SCHED-010', `a thread of SCHED_${name.toUpperCase()} is neither steered nor preferred`, async (test) => {
    const cpus = await cpuCount(test);
    const p = await test.probe();
    await p.ok('policy', { name });
    const eid = await startedEvent(p, 0, undefined, 100_010);
    const by = await raiser(test);
    const before = await readBooks(test);

    for (let round = 0; round < rounds; round++) {
      await by.ok('pin', { cpus: only(round % cpus) });
      await test.inState(p.pid, 'S');
      await by.ok('fire', { eid });
      expect(await p.nextCall()).toMatchObject({ eid });
    }

    expect(await countedSince(test, before)).toEqual({ steered: 0, preferred: 0 });
  });
}
