// SPDX-License-Identifier: GPL-2.0-only
/** Operations that fail for want of something: they leave nothing behind and can be done again. */
import { expect } from 'vitest';
import { evf, ev, zone } from '../harness/aem.ts';
import { footprint } from '../harness/faults.ts';
import { ended, startedEvent } from '../harness/handler-process.ts';
import { set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';

const alice = { uid: 1001, gid: 1001 };
const zoneQuota = '/proc/sys/aem/max_user_zone_kb';

/** Too little to map anything more. */
const nothing = { max: 4096 };

verifies('AEM-CORE-190', 'a thread that cannot have its ring gets no event, and one when there is room', async ({ probe, sh }) => {
  const p = await probe();
  await p.ok('init', { module: 'example' });
  await p.ok('init', { module: 'core' });
  const before = await footprint(sh);
  await p.ok('address-space', nothing);

  expect(await p.send('register')).toMatchObject({ ret: -1, errno: 'ENOMEM' });

  expect(await footprint(sh)).toBe(before);
  await p.ok('address-space');
  const eid = await startedEvent(p, 0);
  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-191', 'a zone that cannot be mapped is none and costs nothing', async ({ probe, sh, after }) => {
  await set({ sh, after }, zoneQuota, 64);
  for (const kind of [zone.v, zone.u]) {
    const p = await probe(alice);
    await p.ok('init', { module: 'core' });
    await p.ok('address-space', nothing);

    for (let i = 0; i < 2; i++) {
      expect(await p.send('vmtable', { zone: kind })).toMatchObject({ ret: -1, errno: 'ENOMEM' });
    }

    // The whole quota of the user is there.
    await p.ok('address-space');
    expect(await p.send('vmtable', { zone: kind, size: 65536 })).toMatchObject({ ret: 0 });
    await p.ok('exit', { now: true });
    await p.ended();
  }
});

verifies('AEM-CORE-192', 'a zone is not there when its program cannot be told where', async ({ probe, sh, after }) => {
  await set({ sh, after }, zoneQuota, 64);
  for (const kind of [zone.v, zone.u]) {
    const p = await probe(alice);
    const maps = (): Promise<string> => sh(`grep -c aem-core /proc/${p.pid}/maps || true`);

    expect(await p.send('unanswered', { call: 'vmtable', zone: kind })).toMatchObject({ ret: -1, errno: 'EFAULT' });

    expect(await maps()).toBe('0');
    const made = await p.send('vmtable', { zone: kind });
    expect(made.ret).toBe(0);
    const eid = await startedEvent(p, 0);
    await p.ok('fire', { eid, data: '0102' });
    expect(await p.settle()).toMatchObject([{ eid, data: '0102' }]);
    await p.ok('heap');
    await p.ok('exit', { now: true });
    await p.ended();
  }
});

verifies('AEM-CORE-193', 'handlers run when the thread that waits for them cannot be told', async ({ probe, inState }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  const told = p.send('unanswered', { call: 'wait' });
  await p.notice('entering');
  await inState(p.pid, 'S');

  await p.on('io', 'fire', { eid });

  expect(await told).toMatchObject({ ret: -1, errno: 'EFAULT' });
  expect(await p.settle()).toMatchObject([{ eid, depth: 1 }]);
  // It is all over: the thread waits as before.
  await p.on('io', 'fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid, depth: 1 }]);
  expect(await p.send('books', { eid })).toMatchObject({ raised: 2, delivered: 2, pending: 0 });
});

for (const [id, flags] of [['AEM-CORE-194', evf.fork | evf.nocldwait], ['AEM-CORE-195', evf.capsule]] as const) {
  const what = flags & evf.fork ? 'a handler process' : 'a capsule';
  verifies(id, `${what} that cannot map its data is replaced when there is room`, async ({ probe, until }) => {
    const p = await probe();
    await p.ok('vmtable', { zone: zone.v, size: 16384 });
    await p.ok('register');
    await p.ok('on', { eid: 0, do: 'fill:9' });
    // Before the capsules are made: the limit is theirs, too.
    await p.ok('address-space', nothing);
    const eid = await startedEvent(p, flags);

    await p.ok('fire', { eid, data: '0102' });

    // The last column is what was refused.
    await until(`grep -q "^${eid} .* [1-9][0-9]*$" /sys/kernel/debug/aem/events`);
    expect(await p.on('io', 'books', { eid })).toMatchObject({ raised: 1, delivered: 0 });
    await p.ok('address-space');
    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, data: '0102', ppid: p.pid });
    await ended(p, call.tid);
    expect(await p.send('books', { eid })).toMatchObject({ delivered: 1, pending: 0 });
    expect(await p.send('left', { eid })).toMatchObject({ data: '0909' });
    expect(await p.settle()).toEqual([]);
  });
}

verifies('AEM-CORE-196', 'an event is not fired with data that ends where memory does', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });
  const eid = await startedEvent(p, 0);

  expect(await p.send('fire-torn', { eid })).toMatchObject({ ret: -1, errno: 'EFAULT' });

  expect(await p.settle()).toEqual([]);
  expect(await p.send('books', { eid })).toMatchObject({ raised: 0, pending: 0 });
  await p.ok('fire', { eid, data: '0102' });
  expect(await p.settle()).toMatchObject([{ eid, data: '0102' }]);
});

verifies('AEM-CORE-197', 'an operation whose arguments are nowhere fails with EFAULT', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);

  expect(await p.send('unread')).toMatchObject({ ret: 0 });

  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
  expect(await p.ok('evctl', { eid, opt: ev.jobshtdn })).toBe(0);
});

verifies('AEM-CORE-199', 'a list of which only the beginning is read keeps no event', async ({ probe, sh }) => {
  const p = await probe();
  const before = await footprint(sh);
  const { first } = await p.send('many', { count: 200, idle: true });

  for (let i = 0; i < 3; i++) {
    expect(await p.ok('read', { path: '/sys/kernel/debug/aem/events', len: 4096 })).toBeGreaterThan(2048);
  }

  for (let i = 0; i < 200; i++) await p.ok('shutdown', { eid: Number(first) + i });
  // The thread's context is left, the one thing that it keeps of core.
  const core = (text: string): string => text.replace(/aem_core \d+/, 'aem_core');
  expect(core(await footprint(sh))).toBe(core(before));
});

verifies('AEM-CORE-200', 'an event of another kind is none of a kind’s', async ({ probe, spawn }) => {
  const p = await probe();
  const sleeper = await spawn(['sleep', '1000']);
  const eid = await p.ok('register', { module: 'pexit', pid: sleeper.pid });
  await p.ok('start', { eid });

  expect(await p.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });

  expect(await p.settle()).toEqual([]);
  await sleeper.kill(9);
  expect(await p.nextCall()).toMatchObject({ eid, pid: sleeper.pid });
});

verifies('AEM-CORE-201', 'an activation that is taken back and merges with a later one is in the books', async ({ probe }) => {
  const p = await probe();
  const [held, eid] = [await startedEvent(p, 0, 'hold'), await startedEvent(p, 0)];
  for (const one of [held, eid]) await p.ok('stop', { eid: one });
  for (const one of [held, eid]) await p.on('io', 'fire', { eid: one });
  // Both are in the batch that this makes due.
  const starting = p.send('evctl', { eid: 0xffffffff, opt: ev.jobstart });
  await p.notice('holding');

  await p.on('io', 'fire', { eid });
  await p.on('io', 'stop', { eid });
  await p.on('io', 'release', { eid: held });

  expect(await starting).toMatchObject({ ret: 0 });
  expect(await p.settle()).toMatchObject([{ eid: held }]);
  expect(await p.send('books', { eid })).toMatchObject({ raised: 2, delivered: 0, coalesced: 1, pending: 1 });
  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
  expect(await p.send('books', { eid })).toMatchObject({ raised: 2, delivered: 1, coalesced: 1, pending: 0 });
});

verifies('AEM-CORE-202', 'a user’s processes together have no larger zones than the quota', async ({ probe, sh, after }) => {
  const [one, two, other] = [await probe(alice), await probe(alice), await probe({ uid: 1002, gid: 1002 })];
  await set({ sh, after }, zoneQuota, 96);

  await one.ok('vmtable', { zone: zone.v, size: 65536 });

  expect(await two.send('vmtable', { zone: zone.v, size: 65536 })).toMatchObject({ ret: -1, errno: 'ENOMEM' });
  await other.ok('vmtable', { zone: zone.v, size: 65536 });
  await two.ok('vmtable', { zone: zone.v, size: 32768 });
});

verifies('AEM-CORE-203', 'a zone in the brk area counts as data of the process', async ({ probe }) => {
  const p = await probe();
  await p.ok('address-space', { data: true, max: 4096 });

  expect(await p.send('vmtable', { zone: zone.u })).toMatchObject({ ret: -1, errno: 'ENOMEM' });

  await p.ok('address-space', { data: true });
  expect(await p.send('vmtable', { zone: zone.u })).toMatchObject({ ret: 0 });
});
