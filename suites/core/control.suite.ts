// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { allEvents, ev } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-CORE-011', 'the handler of an event that was not started does not run', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');

  await p.ok('fire', { eid });

  expect(await p.settle()).toEqual([]);
});

verifies('AEM-CORE-012', 'the handler of a started event runs each time it is raised', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register', { cookie: 4711 });
  await p.ok('start', { eid });

  await p.ok('fire', { eid });
  // It is started already: that changes nothing.
  await p.ok('start', { eid });
  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([
    { eid, cookie: 4711 },
    { eid, cookie: 4711 },
  ]);
});

verifies('AEM-CORE-013', 'what came before the first start is delivered at the start', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');

  await p.ok('fire', { eid });
  await p.ok('start', { eid });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-013', 'what came after a stop is delivered at the next start', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  await p.ok('stop', { eid });
  await p.ok('fire', { eid });
  await p.ok('start', { eid });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-014', 'a stopped event, queued or raised, waits for its start', async ({ probe }) => {
  const p = await probe();
  const [held, eid] = [await p.ok('register'), await p.ok('register')];
  await p.ok('start', { eid: held });
  await p.ok('start', { eid });
  await p.ok('on', { eid: held, do: 'hold' });

  // Queued behind a handler that runs, it is stopped.
  await p.on('io', 'fire', { eid: held });
  await p.notice('holding');
  await p.on('io', 'fire', { eid });
  await p.on('io', 'stop', { eid });
  await p.on('io', 'release', { eid: held });

  expect(await p.settle()).toMatchObject([{ eid: held }]);
  await p.ok('fire', { eid });
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-015', 'an event that is shut down while queued does not run', async ({ probe }) => {
  const p = await probe();
  const [held, eid] = [await p.ok('register'), await p.ok('register')];
  await p.ok('start', { eid: held });
  await p.ok('start', { eid });
  await p.ok('on', { eid: held, do: 'hold' });

  await p.on('io', 'fire', { eid: held });
  await p.notice('holding');
  await p.on('io', 'fire', { eid });
  await p.on('io', 'shutdown', { eid });
  await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: held });

  expect(await p.settle()).toMatchObject([{ eid: held }]);
});

verifies('AEM-CORE-016', 'operations on an event that was shut down fail with EINVAL', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');

  await p.ok('evctl', { eid, opt: ev.jobshtdn });

  for (const opt of [ev.jobstart, ev.jobstop, ev.jobprio, ev.jobshtdn]) {
    expect(await p.send('evctl', { eid, opt })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-017', 'a handler that shuts its event down keeps its data', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable');
  const [eid, other] = [await p.ok('register'), await p.ok('register')];
  await p.ok('priority', { eid: other, priority: 1 });
  await p.ok('on', { eid, do: 'shutdown,hold,return' });
  await p.ok('start', { eid });
  await p.ok('start', { eid: other });

  // Data of another event wants room while the handler has yet to end.
  await p.on('io', 'fire', { eid, data: 'aa'.repeat(64) });
  await p.notice('holding');
  await p.on('io', 'fire', { eid: other, data: 'bb'.repeat(64) });
  await p.on('io', 'release', { eid });

  expect(await p.settle()).toMatchObject([{ eid }, { eid: other }]);
  expect(await p.notice('did')).toMatchObject({ did: 'shutdown', ret: 0 });
  expect(p.returns()).toMatchObject([{ eid, data: 'aa'.repeat(64) }]);
});

verifies('AEM-CORE-018', 'the events of the calling thread are started, no other', async ({ probe }) => {
  const [p, stranger] = [await probe(), await probe()];
  const mine = [await p.ok('register'), await p.ok('register')];
  await p.ok('thread', { name: 't2' });
  const sibling = (await p.on('t2', 'register')).ret;
  const strange = await stranger.ok('register');

  await p.ok('evctl', { eid: allEvents, opt: ev.jobstart });

  for (const eid of [...mine, sibling, strange]) await p.ok('fire', { eid });
  const calls = [...(await p.settle('t2')), ...(await p.settle()), ...(await stranger.settle())];
  expect(calls.map(({ eid }) => eid)).toEqual(mine);
});

verifies('AEM-CORE-018', 'the events of the calling thread are stopped, no other', async ({ probe }) => {
  const [p, stranger] = [await probe(), await probe()];
  const mine = [await p.ok('register'), await p.ok('register')];
  await p.ok('thread', { name: 't2' });
  const sibling = (await p.on('t2', 'register')).ret;
  const strange = await stranger.ok('register');
  for (const eid of [...mine, sibling]) await p.ok('start', { eid });
  await stranger.ok('start', { eid: strange });

  await p.ok('evctl', { eid: allEvents, opt: ev.jobstop });

  for (const eid of [...mine, sibling, strange]) await p.ok('fire', { eid });
  const calls = [...(await p.settle()), ...(await p.settle('t2')), ...(await stranger.settle())];
  expect(calls.map(({ eid }) => eid)).toEqual([sibling, strange]);
});

verifies('AEM-CORE-018', 'the events of the calling thread are shut down, no other', async ({ probe }) => {
  const [p, stranger] = [await probe(), await probe()];
  const mine = [await p.ok('register'), await p.ok('register')];
  await p.ok('thread', { name: 't2' });
  const sibling = (await p.on('t2', 'register')).ret;
  const strange = await stranger.ok('register');

  await p.ok('evctl', { eid: allEvents, opt: ev.jobshtdn });

  for (const eid of mine) {
    expect(await p.send('evctl', { eid, opt: ev.jobstart })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await p.send('evctl', { eid: sibling, opt: ev.jobstart })).toMatchObject({ ret: 0 });
  expect(await stranger.send('evctl', { eid: strange, opt: ev.jobstart })).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-018', 'the events of the calling thread get the priority, no other', async ({ probe }) => {
  const p = await probe();
  const mine = [await p.ok('register'), await p.ok('register')];
  const held = await p.ok('register');
  await p.ok('thread', { name: 't2' });
  const sibling = (await p.on('t2', 'register')).ret;
  const siblingHeld = (await p.on('t2', 'register')).ret;

  await p.ok('evctl', { eid: allEvents, opt: ev.jobprio, arg: 2 });

  for (const eid of [held, siblingHeld]) {
    await p.ok('priority', { eid, priority: 1 });
    await p.ok('on', { eid, do: 'hold' });
  }
  for (const eid of [...mine, held, sibling, siblingHeld]) await p.ok('start', { eid });
  // What is above 1 interrupts a handler of 1, what is not waits for its end.
  for (const eid of [held, siblingHeld]) {
    await p.on('io', 'fire', { eid });
    await p.notice('holding');
  }
  for (const eid of [...mine, sibling]) await p.on('io', 'fire', { eid });
  for (const eid of [held, siblingHeld]) await p.on('io', 'release', { eid });
  const calls = [...(await p.settle('t2')), ...(await p.settle())];
  const idsAt = (depth: number): number[] =>
    calls.filter((call) => call.depth === depth).map(({ eid }) => eid);
  expect(idsAt(2)).toEqual(mine);
  expect(idsAt(1)).toEqual([held, siblingHeld, sibling]);
});

verifies('AEM-CORE-019', 'an id that no event has is answered with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const eid of [0, 0x7fffffff, 0x80000000, 0xfffffffe]) {
    for (const opt of [ev.jobstart, ev.jobstop, ev.jobprio, ev.jobshtdn]) {
      expect(await p.send('evctl', { eid, opt })).toMatchObject({ ret: -1, errno: 'EINVAL' });
    }
  }
});

verifies('AEM-CORE-019', 'an unknown operation is answered with EINVAL', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');

  // The fifth is of another kind of event.
  for (const opt of [0, 6, 99, 2 ** 32 + ev.jobstart, 0x100, -1]) {
    expect(await p.send('evctl', { eid, opt })).toMatchObject({ ret: -1, errno: 'EINVAL' });
    expect(await p.send('evctl', { eid: allEvents, opt })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-019', 'an unknown zone is answered with EINVAL', async ({ probe }) => {
  const p = await probe();
  await p.ok('register');

  for (const arg of [2, 99]) {
    expect(await p.send('evctl', { opt: ev.tblinit, arg })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-020', 'aemCORE_event_start() is EVJOBSTART', async ({ probe }) => {
  const p = await probe();
  const [eid, twin] = [await p.ok('register'), await p.ok('register')];

  expect(await p.send('start', { eid })).toMatchObject({ ret: 0 });
  expect(await p.send('evctl', { eid: twin, opt: ev.jobstart })).toMatchObject({ ret: 0 });

  await p.ok('fire', { eid });
  await p.ok('fire', { eid: twin });
  expect(await p.settle()).toMatchObject([{ eid }, { eid: twin }]);
  expect(await p.send('start', { eid: 0 })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.send('evctl', { eid: 0, opt: ev.jobstart })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-020', 'aemCORE_event_stop() is EVJOBSTOP', async ({ probe }) => {
  const p = await probe();
  const [eid, twin] = [await p.ok('register'), await p.ok('register')];
  await p.ok('start', { eid });
  await p.ok('start', { eid: twin });

  expect(await p.send('stop', { eid })).toMatchObject({ ret: 0 });
  expect(await p.send('evctl', { eid: twin, opt: ev.jobstop })).toMatchObject({ ret: 0 });

  await p.ok('fire', { eid });
  await p.ok('fire', { eid: twin });
  expect(await p.settle()).toEqual([]);
  expect(await p.send('stop', { eid: 0 })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.send('evctl', { eid: 0, opt: ev.jobstop })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-020', 'aemCORE_event_shutdown() is EVJOBSHTDN', async ({ probe }) => {
  const p = await probe();
  const [eid, twin] = [await p.ok('register'), await p.ok('register')];

  expect(await p.send('shutdown', { eid })).toMatchObject({ ret: 0 });
  expect(await p.send('evctl', { eid: twin, opt: ev.jobshtdn })).toMatchObject({ ret: 0 });

  expect(await p.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.send('fire', { eid: twin })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.send('shutdown', { eid: 0 })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.send('evctl', { eid: 0, opt: ev.jobshtdn })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-020', 'aemCORE_event_priority() is EVJOBPRIO', async ({ probe }) => {
  const p = await probe();
  const [held, eid, twin] = [await p.ok('register'), await p.ok('register'), await p.ok('register')];
  for (const each of [held, eid, twin]) await p.ok('start', { eid: each });
  await p.ok('on', { eid: held, do: 'hold' });

  expect(await p.send('priority', { eid, priority: 1 })).toMatchObject({ ret: 0 });
  expect(await p.send('evctl', { eid: twin, opt: ev.jobprio, arg: 2 })).toMatchObject({ ret: 0 });

  // The handler of priority 0 is interrupted by both.
  await p.on('io', 'fire', { eid: held });
  await p.notice('holding');
  // The higher first, so that it cannot interrupt the other.
  for (const each of [twin, eid]) await p.on('io', 'fire', { eid: each });
  await p.on('io', 'release', { eid: held });
  expect((await p.settle()).map(({ depth }) => depth)).toEqual([1, 2, 2]);
  for (const [of, priority] of [[0, 1], [eid, 32], [eid, -1]] as const) {
    expect(await p.send('priority', { eid: of, priority })).toMatchObject({ ret: -1, errno: 'EINVAL' });
    const evctl = await p.send('evctl', { eid: of, opt: ev.jobprio, arg: priority });
    expect(evctl).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-021', 'a handler registers, starts, stops and shuts down events', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');
  const toStart = await p.ok('register');
  const toStop = await p.ok('register');
  const toShutDown = await p.ok('register');
  for (const started of [eid, toStop, toShutDown]) await p.ok('start', { eid: started });
  await p.ok('on', { eid, do: `register:4711,start:${toStart},stop:${toStop},shutdown:${toShutDown}` });

  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid }]);
  const registered = await p.notice('did');
  expect(registered).toMatchObject({ did: 'register' });
  expect(registered.ret).toBeGreaterThan(0);
  expect(await p.notice('did')).toMatchObject({ did: 'start', ret: 0 });
  expect(await p.notice('did')).toMatchObject({ did: 'stop', ret: 0 });
  expect(await p.notice('did')).toMatchObject({ did: 'shutdown', ret: 0 });
  await p.ok('start', { eid: registered.ret });
  for (const fired of [registered.ret, toStart, toStop]) await p.ok('fire', { eid: fired });
  expect(await p.settle()).toMatchObject([{ eid: registered.ret, cookie: 4711 }, { eid: toStart }]);
  expect(await p.send('fire', { eid: toShutDown })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});
