// SPDX-License-Identifier: GPL-2.0-only
/** Events and user namespaces: what they give, and what they do not. */
import { expect } from 'vitest';
import { evf, returned } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';

const [alice, bob, carol] = [1001, 1002, 1003].map((id) => ({ uid: id, gid: id }));

/** A user namespace that alice makes: her own id is root in it, bob's is 1. */
const inside = ['probe', 'inside', '1001', '0:1001:1,1:1002:1', '0'];

verifies('AEM-CORE-174', 'a process in a user and a pid namespace has events as outside', async ({ probe }) => {
  const p = await probe({ argv: [...inside, 'pid'] });
  const eid = await startedEvent(p, 0);
  const forks = await startedEvent(p, evf.fork);
  const pid = await p.ok('child', { how: 'return', arg: 3 });
  const watch = await p.ok('register', { module: 'pexit', pid });
  await p.ok('start', { eid: watch });

  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid, tid: 1 }]);
  await p.ok('fire', { eid: forks });
  const { tid } = await p.nextCall();
  expect(tid).toBeGreaterThan(1);
  expect(await p.ok('reap', { pid: tid })).toBe(returned(0));
  await p.ok('let');

  expect(await p.nextCall()).toMatchObject({ eid: watch, pid, status: returned(3) });
});

verifies('AEM-CORE-175', 'the quota of a user holds for what it is inside a namespace', async ({ probe, sh, after }) => {
  const [out, root, other] = [await probe(alice), await probe({ argv: inside }), await probe(bob)];
  await set({ sh, after }, maxUserEvents, 3);

  await out.ok('register');
  await root.ok('register');
  await root.ok('register');

  expect(await root.send('register')).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  expect(await out.send('register')).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await other.ok('register');
});

verifies('AEM-CORE-176', 'root of a user namespace raises the events of its other users', async ({ probe }) => {
  const root = await probe({ argv: inside });
  const owner = await probe({ argv: ['probe', 'beside', String(root.pid), '1'] });
  const stranger = await probe(carol);
  const eid = await startedEvent(owner, 0);

  expect(await root.send('fire', { eid })).toMatchObject({ ret: 0 });
  expect(await owner.settle()).toMatchObject([{ eid }]);
  expect(await stranger.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EPERM' });
  expect(await owner.settle()).toEqual([]);
});

verifies('AEM-CORE-177', 'root of a user namespace is nobody to other users outside', async ({ probe, spawn, line }) => {
  const root = await probe({ argv: inside });
  for (const user of [bob, undefined]) {
    const other = await probe(user);
    const eid = await startedEvent(other, 0);
    const target = await spawn(['probe', 'target', 'return'], user);
    await line(target);

    expect(await root.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EPERM' });
    expect(await root.send('register', { module: 'pexit', pid: target.pid })).toMatchObject({ ret: -1, errno: 'EPERM' });
    expect(await other.settle()).toEqual([]);
  }
  // It is alice, who may.
  const own = await probe(alice);
  const eid = await startedEvent(own, 0);
  await root.ok('fire', { eid });
  expect(await own.settle()).toMatchObject([{ eid }]);
});
