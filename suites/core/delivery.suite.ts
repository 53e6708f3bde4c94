// SPDX-License-Identifier: GPL-2.0-only
/** Batches: events that wait together, and what may happen while their handlers run. */
import { expect } from 'vitest';
import { allEvents, each, ev, evf, signals, zone } from '../harness/aem.ts';
import type { Answer, Call, Probe } from '../harness/probe.ts';
import { lookMs, set } from '../harness/setting.ts';
import { enterTracing, tracing } from '../harness/tracing.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { together } from './batch.ts';
import { firedInWait } from './waits.ts';

const { SIGSEGV, SIGUSR2 } = signals;

const device = '/dev/aem-core';

/** Registers and starts `count` events of a thread. */
async function started(p: Probe, count: number, flags = 0, thread = 'main'): Promise<readonly number[]> {
  const eids: number[] = [];
  while (eids.length < count) {
    const { ret: eid } = await p.on(thread, 'register', { flags });
    expect(eid).toBeGreaterThan(0);
    expect(await p.on(thread, 'start', { eid })).toMatchObject({ ret: 0 });
    eids.push(eid);
  }
  return eids;
}

/** Raises an event while the handler of another is held, which is then left. */
async function leftAfter(p: Probe, left: number, early: number): Promise<void> {
  await p.ok('on', { eid: left, do: 'hold,leave' });
  await p.on('io', 'fire', { eid: left });
  await p.notice('holding');
  expect(await p.nextCall()).toMatchObject({ eid: left });

  await p.on('io', 'fire', { eid: early });
  await p.on('io', 'release', { eid: left });
}

const ids = (calls: readonly Call[]): readonly number[] => calls.map(({ eid }) => eid);

/** What the kernel says of its own from here on, for traced(). */
async function trace({ sh, after }: Context, pid: number): Promise<void> {
  after(() => sh(`cd ${tracing} && echo 0 > tracing_on && echo 0 > events/enable && echo 0 > events/raw_syscalls/sys_enter/filter`));
  await sh(
    `${enterTracing} && echo 0 > tracing_on && echo > trace && echo 1 > events/aem/enable && ` +
      `echo 'common_pid == ${pid}' > events/raw_syscalls/sys_enter/filter && ` +
      `echo 1 > events/raw_syscalls/sys_enter/enable && echo 1 > tracing_on`,
  );
}

interface Traced {
  readonly what: string;
  readonly id: number;
  readonly ran: boolean;
}

async function traced({ sh }: Context): Promise<readonly Traced[]> {
  const lines = await sh(`echo 0 > ${tracing}/tracing_on; grep -v '^#' ${tracing}/trace`);
  return lines.split('\n').map((line) => ({
    what: /: ([a-z_]+): /.exec(line)?.[1] ?? /: ([a-z_]+)\b/.exec(line)?.[1] ?? line,
    id: Number(/ id=(\d+)/.exec(line)?.[1]),
    ran: line.includes(' ran=1'),
  }));
}

verifies('AEM-CORE-140', 'events that wait together are delivered by one entry into the program', async (context) => {
  const p = await context.probe();
  const count = context.limit('events');
  const { first } = await p.send('many', { count, quiet: true, idle: true });
  await p.ok('fire-each', { eid: first as number, count });
  await trace(context, p.pid);

  await p.ok('evctl', { eid: allEvents, opt: ev.jobstart });
  await p.settle();

  expect(await p.send('calls')).toMatchObject({ ret: count, once: count });
  const events = await traced(context);
  expect(events.filter(({ what, ran }) => what === 'aem_return' && ran)).toHaveLength(count);
  const from = events.findIndex(({ what }) => what === 'aem_deliver');
  const to = events.findLastIndex(({ what }) => what === 'aem_return');
  const calls = events.slice(from, to).filter(({ what }) => what === 'sys_enter');
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.length).toBeLessThanOrEqual(context.limit('system-calls'));
});

/** Who does something to an event that waits in the batch of another, which is held. */
const actors = ['an earlier handler of the batch', 'another thread'] as const;

/** A batch of three whose first has `action` done to the last, by whom is told. */
async function disturbed(p: Probe, actor: (typeof actors)[number], verb: string, priority?: number): Promise<readonly number[]> {
  await p.ok('thread', { name: 't2' });
  const eids = await started(p, 3);
  const [first, , last] = eids;
  const other = actor === 'another thread';
  const more = priority === undefined ? '' : `:${priority}`;
  await p.ok('on', { eid: first, do: other ? 'hold' : `${priority === undefined ? verb : 'rank'}:${last}${more}` });
  await together(p, eids);
  if (!other) return eids;
  expect(await p.notice('holding')).toMatchObject({ holding: first });
  expect(await p.on('t2', verb, { eid: last, priority })).toMatchObject({ ret: 0 });
  await p.on('io', 'release', { eid: first });
  return eids;
}

for (const actor of actors) {
  verifies('AEM-CORE-141', `an event that ${actor} stops is not called`, async ({ probe }) => {
    const p = await probe();
    const [first, next] = await disturbed(p, actor, 'stop');

    expect(ids(await p.settle())).toEqual([first, next]);
  });

  verifies('AEM-CORE-142', `an event that ${actor} stopped runs once it is started`, async ({ probe }) => {
    const p = await probe();
    const [, , last] = await disturbed(p, actor, 'stop');
    await p.settle();

    await p.ok('start', { eid: last });

    expect(ids(await p.settle())).toEqual([last]);
  });

  verifies('AEM-CORE-143', `an event that ${actor} shuts down is not called`, async ({ probe }) => {
    const p = await probe();
    const [first, next, last] = await disturbed(p, actor, 'shutdown');

    expect(ids(await p.settle())).toEqual([first, next]);
    expect(await p.send('evctl', { eid: last, opt: ev.jobstart })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  });

  verifies('AEM-CORE-144', `an event that ${actor} ranks higher runs before the rest`, async ({ probe }) => {
    const p = await probe();
    const [first, next, last] = await disturbed(p, actor, 'priority', 20);

    expect(ids(await p.settle())).toEqual([first, last, next]);
  });
}

verifies('AEM-CORE-145', 'an event of higher priority interrupts a batch', async ({ probe }) => {
  const p = await probe();
  const [first, next, urgent] = await started(p, 3);
  await p.ok('priority', { eid: urgent, priority: 5 });
  await p.ok('on', { eid: first, do: 'hold' });
  await together(p, [first ?? 0, next ?? 0]);
  await p.notice('holding');
  expect(await p.nextCall()).toMatchObject({ eid: first, depth: 1 });

  await p.on('io', 'fire', { eid: urgent });

  expect(await p.nextCall()).toMatchObject({ eid: urgent, depth: 2 });
  await p.on('io', 'release', { eid: first });
  expect(await p.settle()).toMatchObject([{ eid: next, depth: 1 }]);
});

verifies('AEM-CORE-146', 'an event that ran and is raised again comes before one raised after it', async ({ probe }) => {
  const p = await probe();
  const [again, raiser, later] = await started(p, 3);
  await p.ok('on', { eid: raiser, do: `raise:${again},raise:${later}` });

  await together(p, [again ?? 0, raiser ?? 0]);

  expect(ids(await p.settle())).toEqual([again, raiser, again, later]);
});

verifies('AEM-CORE-147', 'a one-shot event that ran is gone for the next handler of the batch', async ({ probe }) => {
  const p = await probe();
  const [once] = await started(p, 1, evf.oneshot);
  const [next] = await started(p, 1);
  await p.ok('on', { eid: next, do: `stop:${once}` });

  await together(p, [once ?? 0, next ?? 0]);

  expect(await p.notice('did')).toMatchObject({ did: 'stop', eid: next, ret: -1, errno: 'EINVAL' });
  expect(ids(await p.settle())).toEqual([once, next]);
});

verifies('AEM-CORE-148', 'what one handler blocks is not blocked in the next of its batch', async ({ probe }) => {
  const p = await probe();
  const [first, next] = await started(p, 2);
  await p.ok('on', { eid: first, do: `block:${SIGUSR2}` });

  await together(p, [first ?? 0, next ?? 0]);

  expect(await p.settle()).toMatchObject([{ eid: first, mask: 0 }, { eid: next, mask: 0 }]);
});

/** What a handler tells of its data: the first bytes, in hex. */
const head = (byte: string): string => byte.repeat(64);

verifies('AEM-CORE-149', 'events whose data does not fit together run one after the other', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v, size: 4096 });
  const [a, b, c] = await started(p, 3);

  const [gate] = await started(p, 1);
  await p.ok('on', { eid: gate, do: 'hold,quiet' });
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');
  // Two of them are more than the zone.
  await p.on('io', 'fire', { eid: a, len: 2500, byte: 0xaa });
  await p.on('io', 'fire', { eid: b, len: 2500, byte: 0xbb });
  await p.on('io', 'fire', { eid: c, len: 64, byte: 0xcc });
  await p.on('io', 'release', { eid: gate });

  expect(await p.settle()).toMatchObject([
    { eid: a, data: head('aa') },
    { eid: b, data: head('bb') },
    { eid: c, data: head('cc') },
  ]);
});

/** A handler that holds most of the zone, and events above it whose data finds no room. */
async function starved({ probe, until }: Context, count: number): Promise<{ p: Probe; holder: number; waiting: readonly number[] }> {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v, size: 4096 });
  const [holder = 0] = await started(p, 1);
  const waiting = await started(p, count);
  await p.ok('on', { eid: holder, do: 'hold' });
  await p.on('io', 'fire', { eid: holder, len: 2500, byte: 0xaa });
  await p.notice('holding');
  for (const eid of waiting) {
    await p.on('io', 'priority', { eid, priority: 5 });
    await p.on('io', 'fire', { eid, len: 2500, byte: 0xbb });
    await until(`grep -q '^${eid} .* starved ' /sys/kernel/debug/aem/events`);
  }
  return { p, holder, waiting };
}

verifies('AEM-CORE-150', 'events that found no room in the zone run when there is some', async (context) => {
  const { p, holder, waiting } = await starved(context, 2);

  await p.on('io', 'release', { eid: holder });

  const [held, ...rest] = await p.settle();
  expect(held).toMatchObject({ eid: holder, data: head('aa') });
  expect(rest).toMatchObject(waiting.map((eid) => ({ eid, data: head('bb'), depth: 1 })));
});

verifies('AEM-CORE-151', 'an event that waits for room and is stopped runs when it is started', async (context) => {
  const { p, holder, waiting } = await starved(context, 1);
  const [eid] = waiting;

  await p.on('io', 'stop', { eid });
  await p.on('io', 'release', { eid: holder });
  expect(ids(await p.settle())).toEqual([holder]);

  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ eid, data: head('bb') }]);
});

verifies('AEM-CORE-152', 'an event that waits for room and is shut down does not run', async (context) => {
  const { p, holder, waiting } = await starved(context, 1);
  const [eid] = waiting;

  expect(await p.on('io', 'shutdown', { eid })).toMatchObject({ ret: 0 });
  await p.on('io', 'release', { eid: holder });

  expect(ids(await p.settle())).toEqual([holder]);
  expect(await p.send('evctl', { eid, opt: ev.jobstart })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-153', 'a program that overwrites its ring harms no other, nor the kernel', async ({ probe }) => {
  const other = await probe();
  const [theirs] = await started(other, 1);

  // With the last it calls what is no code, and may end.
  for (const byte of [0, 255, 4, 3]) {
    const p = await probe();
    const [first, next] = await started(p, 2, each);
    await p.ok('ring');
    await p.ok('on', { eid: first, do: `wipe:${byte}` });
    // In one batch, so that what is overwritten has a call that is not made yet.
    await together(p, [first ?? 0, next ?? 0]);
    for (let i = 0; i < 3; i++) {
      for (const eid of [first, next]) await other.send('fire', { eid, count: 3 });
      await other.ok('fire', { eid: theirs });
    }
    // It has ended its batches.
    await p.ok('gettid');
    expect(await other.settle(), `with ${byte}`).toMatchObject([{ eid: theirs }, { eid: theirs }, { eid: theirs }]);
  }
});

verifies('AEM-CORE-153', 'a program that writes into its ring all the time harms no other', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const [theirs] = await started(other, 1);
  const eids = await started(p, 8, each);
  for (const eid of eids) await p.ok('on', { eid, do: 'quiet' });
  const { addr } = await p.send('ring');

  await p.ok('thread', { name: 't2' });
  const spoiling = p.on('t2', 'spoil', { addr: addr ?? 0, seed: 20_260_101 });
  for (let i = 0; i < 40; i++) {
    for (const eid of eids) await other.send('fire', { eid, count: 20 });
  }
  await other.ok('fire', { eid: theirs });

  expect(await other.settle()).toMatchObject([{ eid: theirs }]);
  await p.on('io', 'spoilt');
  expect(await spoiling).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-154', 'what waits behind a handler that is left by siglongjmp() is delivered', async ({ probe }) => {
  const p = await probe();
  const [left, rest, later] = await started(p, 3);
  await p.ok('on', { eid: left, do: 'leave' });

  await together(p, [left ?? 0, rest ?? 0]);
  expect(await p.nextCall()).toMatchObject({ eid: left });
  // It takes commands again, so it has left the handler.
  await p.ok('gettid');
  await p.on('io', 'fire', { eid: later });

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls).toMatchObject([{ depth: 1 }, { depth: 1 }]);
  expect([...ids(calls)].sort((a, b) => a - b)).toEqual([rest, later]);
  // The event that was left has run, and can again.
  await p.ok('on', { eid: left });
  await p.ok('fire', { eid: left });
  expect(await p.settle()).toMatchObject([{ eid: left, depth: 1 }]);
});

verifies('AEM-CORE-154', 'what was raised before a handler was left by siglongjmp() is delivered', async ({ probe }) => {
  const p = await probe();
  const [left, early, later] = await started(p, 3);
  await leftAfter(p, left ?? 0, early ?? 0);
  // It takes commands again, so it has left the handler.
  await p.ok('gettid');
  await p.on('io', 'fire', { eid: later });

  expect(ids([await p.nextCall(), await p.nextCall()])).toEqual([early, later]);
});

verifies('AEM-CORE-225', 'a wait that a handler left by siglongjmp() leaves nothing to the next one', async (context) => {
  const { probe } = context;
  // Not so soon that it is seen between the two calls.
  await set(context, lookMs, 60_000);
  const p = await probe();
  const [left, later] = await started(p, 2);
  await p.ok('on', { eid: left, do: 'leave' });

  await firedInWait(context, p, left ?? 0);
  expect(await p.nextCall()).toMatchObject({ eid: left, depth: 1 });

  expect(await p.send('call', { name: 'evwait' })).toMatchObject({ ret: 1 });
  await p.notice('entering');
  const { call } = await firedInWait(context, p, later ?? 0);
  expect(await p.nextCall()).toMatchObject({ eid: later, depth: 1 });
  expect(await call).toMatchObject({ ret: 1 });
});

verifies('AEM-CORE-226', 'a handler closes the descriptor of libaem', async (context) => {
  const p = await context.probe();
  const [closes, later] = await started(p, 2);
  await p.ok('on', { eid: closes, do: 'close-core' });

  // In a wait, and in a dispatcher.
  const { call } = await firedInWait(context, p, closes ?? 0);
  expect(await call).toMatchObject({ ret: 1 });
  await p.ok('fire', { eid: later });
  await p.ok('fire', { eid: closes });
  await p.ok('fire', { eid: later });

  const order = [closes, later, closes, later];
  expect(await p.settle()).toMatchObject(order.map((eid) => ({ eid, depth: 1 })));
});

verifies('AEM-CORE-221', 'what waits behind a handler that is left is delivered without a further event', async ({ probe }) => {
  const p = await probe();
  const [left, rest] = await started(p, 2);
  await p.ok('on', { eid: left, do: 'leave' });

  await together(p, [left ?? 0, rest ?? 0]);

  expect(ids([await p.nextCall(), await p.nextCall()])).toEqual([left, rest]);
});

verifies('AEM-CORE-221', 'what was raised before a handler was left is delivered without a further event', async ({ probe }) => {
  const p = await probe();
  const [left, early] = await started(p, 2);
  await leftAfter(p, left ?? 0, early ?? 0);

  expect(await p.nextCall()).toMatchObject({ eid: early, depth: 1 });
});

verifies('AEM-CORE-166', 'what waits behind a handler that is left comes before what is raised later', async ({ probe }) => {
  const p = await probe();
  const [left, b, c, later] = await started(p, 4);
  await p.ok('on', { eid: left, do: 'hold,leave' });

  await together(p, [left ?? 0, c ?? 0, b ?? 0]);
  expect(await p.notice('holding')).toMatchObject({ holding: left });
  // Raised before it is seen that the handler was left, so that it is there to be passed.
  await p.on('io', 'fire', { eid: later });
  await p.on('io', 'release', { eid: left });

  expect(ids([await p.nextCall(), await p.nextCall(), await p.nextCall(), await p.nextCall()])).toEqual([left, c, b, later]);
});

verifies('AEM-CORE-155', 'a handler may be left by siglongjmp() into the one that it interrupted', async ({ probe }) => {
  const p = await probe();
  const [low, next, high] = await started(p, 3);
  await p.ok('priority', { eid: high, priority: 5 });
  await p.ok('on', { eid: low, do: 'catch,hold,hold' });
  await p.ok('on', { eid: high, do: 'throw' });
  await together(p, [low ?? 0, next ?? 0]);
  expect(await p.notice('holding')).toMatchObject({ holding: low });
  expect(await p.nextCall()).toMatchObject({ eid: low, depth: 1 });

  await p.on('io', 'fire', { eid: high });
  expect(await p.nextCall()).toMatchObject({ eid: high, depth: 2 });
  expect(await p.notice('did')).toMatchObject({ did: 'catch', eid: low });
  expect(await p.notice('holding')).toMatchObject({ holding: low });
  await p.on('io', 'on', { eid: high });
  await p.on('io', 'fire', { eid: high });
  expect(await p.nextCall()).toMatchObject({ eid: high, depth: 2 });
  await p.on('io', 'release', { eid: low });

  expect(await p.settle()).toMatchObject([{ eid: next, depth: 1 }]);
  await p.ok('on', { eid: low });
  await p.ok('fire', { eid: low });
  expect(await p.settle()).toMatchObject([{ eid: low, depth: 1 }]);
});

for (const [action, where] of [
  ['altstack', 'on a signal’s stack of its own'],
  ['coroutine', 'on another stack by swapcontext()'],
] as const) {
  verifies('AEM-CORE-156', `a handler that goes on ${where} is not taken for left`, async ({ probe }) => {
    const p = await probe();
    // Before the thread, so that the stacks are above the thread's.
    await p.ok('stacks');
    await p.ok('thread', { name: 't2' });
    const [first, next] = await started(p, 2, 0, 't2');
    await p.ok('on', { eid: first, do: `${action}:${next},return` });

    await p.on('io', 'fire', { eid: first });

    const calls = [await p.nextCall(), await p.nextCall()];
    expect(calls).toMatchObject([{ eid: first, depth: 1 }, { eid: next, depth: 1 }]);
    expect(await p.notice('did')).toMatchObject({ did: action, ret: 1 });
    expect(p.returns()[0]?.seq).toBeLessThan(calls[1]?.seq ?? 0);
  });
}

/** What came of an event's activations; for each there is an entry. */
async function books(p: Probe, eid: number, sums: Partial<Record<string, number>>): Promise<void> {
  const answer: Answer = await p.on('io', 'books', { eid });
  expect(answer).toMatchObject({ ret: 0, refused: 0, ...sums });
  const entry = (name: string): number => Number(answer[name]);
  expect(entry('raised')).toBe(entry('delivered') + entry('coalesced') + entry('pending'));
}

verifies('AEM-CORE-157', 'the books of an event that merges balance', async ({ probe }) => {
  const p = await probe();
  const [gate = 0, eid = 0] = await started(p, 2);
  await p.ok('on', { eid: gate, do: 'hold' });
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  await p.on('io', 'fire', { eid, count: 3 });
  await books(p, eid, { raised: 3, delivered: 0, coalesced: 2, pending: 1 });
  await p.on('io', 'release', { eid: gate });
  expect(await p.settle()).toHaveLength(2);
  await books(p, eid, { raised: 3, delivered: 1, coalesced: 2, pending: 0 });
  await p.ok('stop', { eid });
  await p.ok('fire', { eid, count: 2 });
  await books(p, eid, { raised: 5, delivered: 1, coalesced: 3, pending: 1 });
});

verifies('AEM-CORE-157', 'the books of an event that does not merge balance', async ({ probe }) => {
  const p = await probe();
  const [eid = 0] = await started(p, 1, each);
  await p.ok('stop', { eid });

  await p.ok('fire', { eid, count: 7 });
  await books(p, eid, { raised: 7, delivered: 0, coalesced: 0, pending: 7 });
  await p.ok('start', { eid });
  expect(await p.settle()).toHaveLength(7);
  await books(p, eid, { raised: 7, delivered: 7, coalesced: 0, pending: 0 });
});

verifies('AEM-CORE-158', 'what was refused is in the books', async ({ probe, limit }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });
  const eid = await p.ok('register', { flags: each });
  const backlog = limit('backlog');
  await p.ok('fire', { eid, data: '01', times: backlog });

  for (let i = 0; i < 3; i++) {
    expect(await p.send('fire', { eid, data: '02' })).toMatchObject({ ret: -1, errno: 'ENOBUFS' });
  }

  expect(await p.send('books', { eid })).toMatchObject({ ret: 0, raised: backlog, pending: backlog, refused: 3 });
});

verifies('AEM-CORE-159', 'another process’s books are refused with EPERM', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const [eid] = await started(p, 1);

  expect(await other.send('books', { eid })).toMatchObject({ ret: -1, errno: 'EPERM' });
  expect(await p.send('books', { eid })).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-160', 'the books of an event that is not there are refused with EINVAL', async ({ probe }) => {
  const p = await probe();
  const [gone] = await started(p, 1);
  await p.ok('shutdown', { eid: gone });

  for (const eid of [0, gone, 0x7fffffff, allEvents]) {
    expect(await p.send('books', { eid }), String(eid)).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-161', 'an activation is seen raised, delivered and returned in tracefs', async (context) => {
  const p = await context.probe();
  const [eid] = await started(p, 1);
  await trace(context, p.pid);

  await p.ok('fire', { eid });
  expect(await p.settle()).toHaveLength(1);

  const events = (await traced(context)).filter(({ id }) => id === eid);
  expect(events.map(({ what }) => what)).toEqual(['aem_raise', 'aem_deliver', 'aem_return']);
  expect(events[2]).toMatchObject({ ran: true });
});

verifies('AEM-CORE-162', 'the ring of a thread that has ended is not mapped any more', async ({ probe, sh, until }) => {
  const p = await probe();
  await started(p, 1);
  const tid = await p.ok('thread', { name: 't2' });
  await started(p, 1, 0, 't2');
  const mappings = `grep -c ${device} /proc/${p.pid}/maps`;
  expect(await sh(mappings)).toBe('2');

  await p.on('t2', 'thread-exit');
  await until(`! test -e /proc/${p.pid}/task/${tid}`);

  expect(await sh(mappings)).toBe('1');
});

verifies('AEM-CORE-163', 'a forked child has no mapping of the ring and the zone', async ({ probe, sh, after }) => {
  const p = await probe();
  const [eid] = await started(p, 1);
  await p.ok('vmtable', { zone: zone.v });
  expect(await sh(`grep -c ${device} /proc/${p.pid}/maps`)).toBe('2');

  const { pid } = await p.send('fork', { eid, stay: true });
  after(() => sh(`kill -9 ${pid}`));

  expect(await sh(`grep -c ${device} /proc/${pid}/maps || :`)).toBe('0');
});

verifies('AEM-CORE-164', 'an event for a program that has unmapped its ring ends that program', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const [[eid], [theirs]] = [await started(p, 1), await started(other, 1)];
  const { addr, size } = await p.send('ring');
  await p.ok('unmap', { addr: addr ?? 0, size: size ?? 0 });

  await other.ok('fire', { eid });

  expect(await p.ended()).toMatchObject({ signal: SIGSEGV });
  await other.ok('fire', { eid: theirs });
  expect(await other.settle()).toMatchObject([{ eid: theirs }]);
});

verifies('AEM-CORE-165', 'a handler interrupts a wait for io_uring, which goes on', async ({ probe, inState }) => {
  const p = await probe();
  const [eid] = await started(p, 1);
  await p.ok('prepare');

  const state = { ended: false };
  const call = p.send('call', { name: 'io_uring' }).finally(() => (state.ended = true));
  await p.notice('entering');
  for (let i = 0; i < 3; i++) {
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    expect(await p.nextCall()).toMatchObject({ eid, tid: p.pid });
  }
  await p.on('io', 'gettid');
  expect(state.ended).toBe(false);
  await p.on('io', 'feed', { what: 'pipe' });

  expect(await call).toMatchObject({ ret: 0 });
});
