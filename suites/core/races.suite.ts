// SPDX-License-Identifier: GPL-2.0-only
/** Events that meet something else at a bad time. */
import { expect } from 'vitest';
import { each, evf, signals } from '../harness/aem.ts';
import { childrenOf, ended, makeGate, startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { lookMs, noLooks, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';

const { SIGCHLD, SIGUSR1 } = signals;

/** Has a handler of the first thread left. */
async function left(p: Probe): Promise<void> {
  await p.ok('dive', { eid: await startedEvent(p, 0, 'quiet,surface') });
}

verifies('AEM-CORE-205', 'an event and a signal come together after a handler was left', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  await p.ok('catch', { signal: SIGUSR1 });
  await left(p);

  // The handler has run before the thread goes on.
  expect(await p.send('both', { eid, signal: SIGUSR1 })).toMatchObject({ ret: 0, ran: 1 });
  expect(await p.settle()).toMatchObject([{ eid, depth: 1 }]);
  expect(await p.notice('signal')).toMatchObject({ signal: SIGUSR1 });
});

verifies('AEM-CORE-205', 'a signal comes while an event waits for a handler that was left', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  const leaver = await startedEvent(p, 0, `quiet,raise:${eid},surface`);
  await p.ok('catch', { signal: SIGUSR1 });

  // The handler has run before the thread goes on.
  expect(await p.send('dive', { eid: leaver, signal: SIGUSR1 })).toMatchObject({ ret: 0, ran: 1 });
  expect(await p.settle()).toMatchObject([{ eid, depth: 1 }]);
  expect(await p.notice('signal')).toMatchObject({ signal: SIGUSR1 });
});

verifies('AEM-CORE-206', 'a handler that goes on on a signal stack further up its own stack', async ({ probe }) => {
  const p = await probe();
  await p.ok('stacks', { own: true });
  const [first, next] = [await startedEvent(p, 0), await startedEvent(p, 0)];
  await p.ok('on', { eid: first, do: `altstack:${next},return` });

  await p.on('io', 'fire', { eid: first });

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls).toMatchObject([{ eid: first, depth: 1 }, { eid: next, depth: 1 }]);
  expect(await p.notice('did')).toMatchObject({ did: 'altstack', ret: 1 });
  expect(p.returns()[0]?.seq).toBeLessThan(calls[1]?.seq ?? 0);
});

verifies('AEM-CORE-206', 'a handler of higher priority on that signal stack', async ({ probe }) => {
  const p = await probe();
  await p.ok('stacks', { own: true });
  const next = await startedEvent(p, 0);
  const high = await startedEvent(p, 0, `raise:${next}`);
  await p.ok('priority', { eid: high, priority: 5 });
  const first = await startedEvent(p, 0, `altstack:${high},return`);

  await p.on('io', 'fire', { eid: first });

  const calls = [await p.nextCall(), await p.nextCall(), await p.nextCall()];
  expect(calls).toMatchObject([
    { eid: first, depth: 1 },
    { eid: high, depth: 2 },
    { eid: next, depth: 1 },
  ]);
  expect(p.returns()[0]?.seq).toBeLessThan(calls[2]?.seq ?? 0);
});

for (const own of [true, false]) {
  const where = own ? 'a part of the stack' : 'a mapping of its own';

  verifies('AEM-CORE-207', `a handler on a signal stack, ${where}, is left for the stack below`, async ({ probe }) => {
    const p = await probe();
    await p.ok('stacks', { own });
    const [eid, later] = [await startedEvent(p, 0, 'leave'), await startedEvent(p, 0)];
    await p.ok('on-signal', { eid });

    await p.on('io', 'kill', { signal: SIGUSR1 });
    expect(await p.nextCall()).toMatchObject({ eid, depth: 1 });
    // It takes commands again, so it has left the handler.
    await p.ok('gettid');
    await p.on('io', 'fire', { eid: later });

    expect(await p.settle()).toMatchObject([{ eid: later, depth: 1 }]);
  });

  verifies('AEM-CORE-154', `a handler is left from a signal stack, ${where}`, async ({ probe }) => {
    const p = await probe();
    await p.ok('stacks', { own });
    const [eid, later] = [await startedEvent(p, 0, 'hold'), await startedEvent(p, 0)];
    await p.ok('on-signal');
    await p.on('io', 'fire', { eid });
    await p.notice('holding');
    expect(await p.nextCall()).toMatchObject({ eid });

    await p.on('io', 'kill', { signal: SIGUSR1 });
    // It takes commands again, so it has left the handler.
    await p.ok('gettid');
    await p.on('io', 'fire', { eid: later });

    expect(await p.settle()).toMatchObject([{ eid: later, depth: 1 }]);
  });

  verifies('AEM-CORE-207', `a handler on a signal stack, ${where}, is left for the signal’s`, async ({ probe }) => {
    const p = await probe();
    await p.ok('stacks', { own });
    const [eid, then] = [await startedEvent(p, 0, 'below'), await startedEvent(p, 0)];
    await p.ok('on-signal', { eid, then });

    await p.on('io', 'kill', { signal: SIGUSR1 });

    expect(await p.nextCall()).toMatchObject({ eid, depth: 1 });
    expect(await p.nextCall()).toMatchObject({ eid: then, depth: 1 });
    // It ran before the signal's handler went on.
    expect(await p.notice('did')).toMatchObject({ did: 'handled', eid: then, ret: 1 });
  });
}

verifies('AEM-CORE-208', 'a handler interrupts a wait for a buffer of io_uring', async ({ probe, inState }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  const state = { ended: false };
  const call = p.send('call', { name: 'unregister_buffers' }).finally(() => (state.ended = true));
  await p.notice('entering');

  for (let i = 0; i < 3; i++) {
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    expect(await p.nextCall()).toMatchObject({ eid, tid: p.pid });
  }
  await inState(p.pid, 'S');
  await p.on('io', 'gettid');
  // An answer of the call would have come before this one.
  expect(state.ended).toBe(false);
  await p.on('io', 'feed', { what: 'unregister_buffers' });

  expect(await call).toMatchObject({ ret: 0, errno: null });
});

verifies('AEM-CORE-209', 'a second thread of a handler process runs another program', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const gate = await makeGate(context);
  await p.ok('catch', { signal: SIGCHLD, restart: true });
  const eid = await startedEvent(p, evf.fork | evf.nocldwait, 'thread-exec:1');

  await p.ok('fire', { eid });
  const { tid } = await p.nextCall();
  await context.until(`grep -qx sh /proc/${tid}/comm`);
  expect(await childrenOf(sh, p.pid)).toEqual([tid]);
  await gate.open();
  await ended(p, tid);

  expect(await p.send('reap', { pid: tid })).toMatchObject({ ret: -1, errno: 'ECHILD' });
  expect(await childrenOf(sh, p.pid)).toEqual([]);
  expect(await p.ok('signals')).toBe(0);
});

verifies('AEM-CORE-210', 'an event is raised while aem_evwait() is about to sleep', async ({ probe, limit }) => {
  const p = await probe();
  const count = limit('rounds');

  // With a time-out, though far away: where a wake-up is lost this does not return.
  expect(await p.send('rounds', { count, ms: 3_600_000 })).toMatchObject({ ret: count });
});

for (const [merging, flags] of [['merges', 0], ['does not merge', each]] as const) {
  verifies('AEM-CORE-211', `a one-shot event that ${merging} is raised after its handler was called`, async ({ probe }) => {
    const p = await probe();
    const once = await startedEvent(p, flags | evf.oneshot, 'hold');
    const next = await startedEvent(p, 0, 'hold');
    const [gate] = [await startedEvent(p, 0, 'hold,quiet')];
    await p.on('io', 'fire', { eid: gate });
    await p.notice('holding');
    await p.on('io', 'fire', { eid: once });
    await p.on('io', 'fire', { eid: next });
    await p.on('io', 'release', { eid: gate });

    // Its handler runs, and then the next one of its batch.
    for (const eid of [once, next]) {
      expect(await p.notice('holding')).toMatchObject({ holding: eid });
      await p.on('io', 'fire', { eid: once, count: 3 });
      expect(await p.on('io', 'books', { eid: once })).toMatchObject({ ret: 0, raised: 1, coalesced: 0, pending: 0 });
      await p.on('io', 'release', { eid });
    }

    expect(await p.settle()).toMatchObject([{ eid: once }, { eid: next }]);
  });
}

verifies('AEM-CORE-212', 'an event interrupts a wait for io_uring after a handler was left', async (context) => {
  const { probe, inState } = context;
  await noLooks(context);
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);
  await left(p);
  const call = p.send('call', { name: 'io_uring' });
  await p.notice('entering');
  await inState(p.pid, 'S');

  await p.on('io', 'fire', { eid });

  expect(await p.nextCall()).toMatchObject({ eid, depth: 1 });
  await p.on('io', 'feed', { what: 'pipe' });
  expect(await call).toMatchObject({ ret: 0, errno: null });
});

verifies('AEM-CORE-212', 'an event that waits for a handler that was left interrupts a wait for io_uring', async (context) => {
  // Long enough that the thread waits by then.
  await set(context, lookMs, 2_000);
  const p = await context.probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);
  const leaver = await startedEvent(p, 0, `quiet,raise:${eid},surface`);
  await p.ok('dive', { eid: leaver });

  const call = p.send('call', { name: 'io_uring' });

  // It is looked whether the handler was left, though nothing happens any more.
  expect(await p.nextCall()).toMatchObject({ eid, depth: 1 });
  await p.on('io', 'feed', { what: 'pipe' });
  expect(await call).toMatchObject({ ret: 0, errno: null });
});
