// SPDX-License-Identifier: GPL-2.0-only
/** Whose events they are: threads, processes, users, and what ends with them. */
import { expect } from 'vitest';
import { ev } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';

const alice = { uid: 1001, gid: 1001 };
const bob = { uid: 1002, gid: 1002 };

verifies('AEM-CORE-069', 'a forked child has none of its parent’s events', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  const child = await p.send('fork', { eid, opt: ev.jobstop });

  // It may not control it, and no handler of its parent's runs in it.
  expect(child).toMatchObject({ control: 'EPERM', fired: '', ran: 0 });
  expect(await p.settle()).toMatchObject([{ eid, tid: p.pid }]);
});

verifies('AEM-CORE-070', 'exec removes the events', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  // The fresh program says that it is ready; the old one answers no more.
  p.send('exec').catch(() => undefined);
  await p.notice('ready');

  expect(await other.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await other.send('start', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-071', 'the end of a process removes its events', async ({ probe }) => {
  const other = await probe();

  for (const end of ['exit', 'signal', 'fault in a handler']) {
    const p = await probe();
    const eid = await p.ok('register');
    await p.ok('start', { eid });
    if (end === 'exit') await p.ok('exit', { now: true });
    if (end === 'signal') await p.process.kill(9);
    if (end === 'fault in a handler') {
      await p.ok('on', { eid, do: '_exit:3' });
      await other.ok('fire', { eid });
    }
    await p.exited;
    expect(await other.send('fire', { eid }), end).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-072', 'the end of a thread removes its events and no other’s', async ({ probe, until }) => {
  const p = await probe();
  const tid = await p.ok('thread', { name: 't2' });
  const mine = await p.ok('register');
  const { ret: theirs } = await p.on('t2', 'register');
  await p.ok('start', { eid: mine });
  await p.ok('start', { eid: theirs });

  await p.on('t2', 'thread-exit');
  await until(`! test -e /proc/${p.pid}/task/${tid}`);

  expect(await p.send('fire', { eid: theirs })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  await p.ok('fire', { eid: mine });
  expect(await p.settle()).toMatchObject([{ eid: mine }]);
});

verifies('AEM-CORE-073', 'every thread controls the events of the process’s other threads', async ({ probe }) => {
  const p = await probe();
  await p.ok('thread', { name: 't2' });
  const eid = await p.ok('register');

  expect(await p.on('t2', 'start', { eid })).toMatchObject({ ret: 0 });
  expect(await p.on('t2', 'priority', { eid, priority: 3 })).toMatchObject({ ret: 0 });
  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid, tid: p.pid }]);
  expect(await p.on('t2', 'stop', { eid })).toMatchObject({ ret: 0 });
  await p.ok('fire', { eid });
  expect(await p.settle()).toEqual([]);
  expect(await p.on('t2', 'shutdown', { eid })).toMatchObject({ ret: 0 });
  expect(await p.send('start', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-074', 'another process may not control an event, root included', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  for (const opt of [ev.jobstart, ev.jobstop, ev.jobprio, ev.jobshtdn]) {
    expect(await other.send('evctl', { eid, opt, arg: 1 })).toMatchObject({ ret: -1, errno: 'EPERM' });
  }

  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-075', 'a user without privileges registers, starts and receives', async ({ probe }) => {
  const p = await probe(alice);
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-076', 'a user may not raise another’s events', async ({ probe }) => {
  const [p, other] = [await probe(alice), await probe(bob)];
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  expect(await other.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EPERM' });

  expect(await p.settle()).toEqual([]);
});
