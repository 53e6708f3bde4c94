// SPDX-License-Identifier: GPL-2.0-only
/** EVF_CAPSULE: handlers in processes that were made ahead. */
import { expect } from 'vitest';
import { evf, signals } from '../harness/aem.ts';
import { childrenOf, ended, makeGate, startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';

/** As many wait, from here to the test's end. */
function poolOf(context: Pick<Context, 'sh' | 'after'>, size: number): Promise<void> {
  return set(context, '/proc/sys/aem/capsules', size);
}

/** The capsules of an owner that has no other children, when all of them wait. */
async function waiting({ sh, inState }: Pick<Context, 'sh' | 'inState'>, p: Probe): Promise<readonly number[]> {
  const capsules = await childrenOf(sh, p.pid);
  for (const pid of capsules) await inState(pid, 'S');
  return capsules;
}

verifies('AEM-CORE-111', 'the handler runs in a child that was there before the event', async (context) => {
  const p = await context.probe();
  const eid = await startedEvent(p, evf.capsule);
  const capsules = await waiting(context, p);

  await p.ok('fire', { eid });

  const call = await p.nextCall();
  expect(capsules).toContain(call.tid);
  expect(call).toMatchObject({ eid, ppid: p.pid });
  await ended(p, call.tid);
  expect(await p.send('books', { eid })).toMatchObject({ delivered: 1, pending: 0 });
});

verifies('AEM-CORE-112', 'the handler finds the memory of the time when its capsule was made', async (context) => {
  const p = await context.probe();
  await poolOf(context, 1);
  await p.ok('on', { eid: 0, do: 'count:0' });
  await p.ok('count', { add: 1 });
  const eid = await startedEvent(p, evf.capsule);
  await waiting(context, p);
  await p.ok('count', { add: 1 });

  // Made before the second, and made when that one was used.
  for (const seen of [1, 2]) {
    await p.ok('fire', { eid });
    expect(await p.notice('did')).toMatchObject({ did: 'count', ret: seen });
    await ended(p, (await p.nextCall()).tid);
    await p.ok('gettid');
    await waiting(context, p);
    await p.ok('count', { add: 1 });
  }
});

verifies('AEM-CORE-113', 'a capsule finds its data, also in a zone that was made after it', async (context) => {
  const { probe } = context;
  await poolOf(context, 1);
  for (const zone of [0, 1]) {
    const p = await probe();
    await p.ok('on', { eid: 0, do: `fill:90` });
    const eid = await startedEvent(p, evf.capsule, undefined, 113);
    const capsules = await waiting(context, p);
    const { addr } = await p.send('vmtable', { zone, size: 4096 });

    await p.ok('fire', { eid, data: '0102' });

    const call = await p.nextCall();
    expect(capsules).toContain(call.tid);
    expect(call).toMatchObject({ addr, len: 2, data: '0102', cookie: 113 });
    await ended(p, call.tid);
    expect(await p.send('left', { eid })).toMatchObject({ data: '5a5a' });
  }
});

verifies('AEM-CORE-114', 'a used capsule is replaced', async (context) => {
  const { probe } = context;
  const p = await probe();
  const gate = await makeGate(context);
  await p.ok('on', { eid: 0, do: 'gate:1' });
  const eid = await startedEvent(p, evf.capsule);
  const first = await waiting(context, p);
  await p.ok('fire', { eid });
  const used = await gate.reached(p);
  expect(first).toContain(used);
  await p.ok('gettid');

  // One works, and as many as before wait.
  const then = await childrenOf(context.sh, p.pid);
  expect(then).toHaveLength(first.length + 1);
  await gate.open();
  await ended(p, used);
  expect(await waiting(context, p)).toEqual(then.filter((pid) => pid !== used));

  // The fresh one serves as well as the first.
  for (let i = 0; i < first.length; i++) {
    await p.ok('fire', { eid });
    const pid = await gate.reached(p);
    expect(then).toContain(pid);
    await gate.open();
    await ended(p, pid);
  }
});

verifies('AEM-CORE-115', 'as many capsules wait as the sysctl says', async (context) => {
  const { probe, sh } = context;
  expect(await sh('cat /proc/sys/aem/capsules')).toBe('2');
  for (const size of [1, 2, 5]) {
    await poolOf(context, size);
    const p = await probe();
    expect(await childrenOf(sh, p.pid)).toEqual([]);
    await p.ok('register', { flags: evf.capsule });
    expect(await childrenOf(sh, p.pid)).toHaveLength(size);
    // They are for all events of the thread.
    await p.ok('register', { flags: evf.capsule });
    await p.ok('register');
    expect(await childrenOf(sh, p.pid)).toHaveLength(size);
  }
});

verifies('AEM-CORE-116', 'without a pool the handler runs in a process made for the event', async (context) => {
  const { probe, sh } = context;
  await poolOf(context, 0);
  const p = await probe();
  const eid = await startedEvent(p, evf.capsule);
  expect(await childrenOf(sh, p.pid)).toEqual([]);

  for (let i = 0; i < 3; i++) {
    await p.ok('fire', { eid });
    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, ppid: p.pid });
    await ended(p, call.tid);
    expect(await p.send('reap', { pid: call.tid })).toMatchObject({ ret: -1, errno: 'ECHILD' });
    expect(await childrenOf(sh, p.pid)).toEqual([]);
  }
});

verifies('AEM-CORE-117', 'an event for which no capsule waits gets a process of its own', async (context) => {
  const { probe } = context;
  await poolOf(context, 1);
  const p = await probe();
  const holder = await startedEvent(p, 0, 'hold');
  await p.ok('on', { eid: 0, do: '' });
  const events = [await startedEvent(p, evf.capsule), await startedEvent(p, evf.capsule)];
  const capsules = await waiting(context, p);
  expect(capsules).toHaveLength(1);

  // Both wait when the owner can make its calls: no time to make a fresh one between them.
  await p.on('io', 'fire', { eid: holder });
  await p.notice('holding');
  for (const eid of events) await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: holder });

  await p.nextCall();
  const calls = [await p.nextCall(), await p.nextCall()].sort((a, b) => a.eid - b.eid);
  expect(calls).toMatchObject(events.map((eid) => ({ eid, ppid: p.pid })));
  expect(calls.filter(({ tid }) => capsules.includes(tid))).toHaveLength(1);
  expect(calls[0]?.tid).not.toBe(calls[1]?.tid);
});

verifies('AEM-CORE-118', 'capsules that wait end with their owner', async (context) => {
  const { probe } = context;
  const other = await probe();
  for (const end of ['exit', 'signal', 'exec'] as const) {
    const p = await probe();
    await p.ok('register', { flags: evf.capsule });
    const capsules = await waiting(context, p);
    expect(capsules).toHaveLength(2);

    if (end === 'exit') await p.ok('exit', { now: true });
    if (end === 'signal') await p.process.kill(9);
    if (end === 'exec') {
      p.send('exec').catch(() => undefined);
      await p.notice('ready');
    }

    for (const pid of capsules) await ended(other, pid);
    for (const pid of capsules) await context.until(`! test -e /proc/${pid}`);
  }
});

verifies('AEM-CORE-119', 'a capsule leaves no zombie and sends no SIGCHLD', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  await p.ok('catch', { signal: signals.SIGCHLD, restart: true });
  const eid = await startedEvent(p, evf.capsule);
  const capsules = await waiting(context, p);

  // One that has served, and one that is killed while it waits.
  await p.ok('fire', { eid });
  const { tid } = await p.nextCall();
  await ended(p, tid);
  const idle = capsules.find((pid) => pid !== tid) ?? 0;
  await sh(`kill -9 ${idle}`);
  await ended(p, idle);

  for (const pid of capsules) {
    expect(await p.send('reap', { pid })).toMatchObject({ ret: -1, errno: 'ECHILD' });
  }
  expect(await p.ok('signals')).toBe(0);
});

verifies('AEM-CORE-120', 'a capsule that a signal killed is replaced at the next delivery', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const other = await startedEvent(p, 0);
  await startedEvent(p, evf.capsule);
  const capsules = await waiting(context, p);
  for (const pid of capsules) {
    await sh(`kill -TERM ${pid}`);
    await ended(p, pid);
  }
  expect(await childrenOf(sh, p.pid)).toEqual([]);

  await p.ok('fire', { eid: other });
  await p.ok('gettid');

  const fresh = await waiting(context, p);
  expect(fresh).toHaveLength(capsules.length);
  const eid = await startedEvent(p, evf.capsule);
  await p.ok('fire', { eid });
  expect(await p.nextCall()).toMatchObject({ eid: other });
  expect(fresh).toContain((await p.nextCall()).tid);
});

verifies('AEM-CORE-121', 'a capsule that catches a signal goes on waiting', async (context) => {
  const { probe, sh, inState } = context;
  for (const restart of [true, false]) {
    const p = await probe();
    await p.ok('catch', { signal: signals.SIGUSR1, restart });
    const eid = await startedEvent(p, evf.capsule);
    const capsules = await waiting(context, p);

    for (const pid of [...capsules, ...capsules]) {
      await sh(`kill -USR1 ${pid}`);
      expect(await p.notice('signal')).toMatchObject({ signal: signals.SIGUSR1, tid: pid });
      await inState(pid, 'S');
    }

    expect(await waiting(context, p)).toEqual(capsules);
    await p.ok('fire', { eid });
    expect(capsules).toContain((await p.nextCall()).tid);
  }
});

for (const { what, verb, args, line } of [
  { what: 'credentials', verb: 'become', args: { uid: 65534 }, line: 'Uid:\t65534\t65534\t65534\t65534' },
  { what: 'system calls', verb: 'refuse', args: { calls: 111, errno: 1 }, line: 'Seccomp:\t2' },
]) {
  verifies('AEM-CORE-219', `no handler has ${what} that the owner gave up after its capsules were made`, async (context) => {
    const p = await context.probe();
    const gate = await makeGate(context);
    await p.ok('on', { eid: 0, do: 'gate:1' });
    const eid = await startedEvent(p, evf.capsule);
    const capsules = await waiting(context, p);

    await p.ok(verb, args);
    await p.on('io', 'fire', { eid });

    const pid = await gate.reached(p);
    expect(capsules.length).toBeGreaterThan(0);
    expect(capsules).not.toContain(pid);
    expect(await context.sh(`cat /proc/${pid}/status`)).toContain(line);
    for (const capsule of capsules) await ended(p, capsule);
    await gate.open();
    await ended(p, pid);
    expect(await p.on('io', 'books', { eid })).toMatchObject({ delivered: 1, pending: 0 });
  });
}
