// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { returned } from '../harness/aem.ts';
import { armFaults, eachRegistration, footprint, injecting, leaks } from '../harness/faults.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import { pidIn, watch } from './watch.ts';

const alice = { uid: 1001, gid: 1001 };
const bob = { uid: 1002, gid: 1002 };
const capSysPtrace = 19;

verifies('AEM-PEXIT-018', 'a pid that no process has is refused with ESRCH', async ({ probe, spawn }) => {
  const p = await probe();
  const reaped = await spawn(['probe', 'target', 'return']);
  await reaped.write('\n');
  await reaped.exited;

  for (const pid of [reaped.pid, 4_194_304, 0x7fffffff]) {
    expect(await p.send('register', { module: 'pexit', pid })).toMatchObject({ ret: -1, errno: 'ESRCH' });
  }
});

verifies('AEM-PEXIT-019', 'a pid of zero or less is refused with EINVAL', async ({ probe, spawn, line }) => {
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return']);
  await line(target);

  for (const pid of [0, -1, -target.pid, -0x80000000]) {
    expect(await p.send('register', { module: 'pexit', pid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-PEXIT-020', 'the watcher’s own process is refused with EINVAL', async ({ probe }) => {
  const p = await probe();
  await p.ok('thread', { name: 't2' });

  const first = await p.send('register', { module: 'pexit', pid: p.pid });
  const second = await p.on('t2', 'register', { module: 'pexit', pid: p.pid });

  expect(first).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(second).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-PEXIT-021', 'the id of a further thread is refused with EINVAL', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'threaded']);
  const tid = pidIn(await line(target));
  await line(target);

  expect(await p.send('register', { module: 'pexit', pid: tid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.ok('register', { module: 'pexit', pid: target.pid })).toBeGreaterThan(0);
});

verifies('AEM-PEXIT-022', 'another user’s process is refused with EPERM', async ({ probe, spawn, line }) => {
  const p = await probe(alice);
  const targets = [
    await spawn(['probe', 'target', 'return'], bob),
    await spawn(['probe', 'target', 'return']),
  ];

  for (const target of targets) {
    await line(target);
    const answer = await p.send('register', { module: 'pexit', pid: target.pid });
    expect(answer).toMatchObject({ ret: -1, errno: 'EPERM' });
  }
});

verifies('AEM-PEXIT-023', 'a process that is not dumpable is refused with EPERM', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe(alice);
  const closed = await spawn(['probe', 'target', 'undumpable'], alice);
  const open = await spawn(['probe', 'target', 'return'], alice);
  await line(closed);
  await line(open);

  const answer = await p.send('register', { module: 'pexit', pid: closed.pid });
  expect(answer).toMatchObject({ ret: -1, errno: 'EPERM' });
  expect(await p.ok('register', { module: 'pexit', pid: open.pid })).toBeGreaterThan(0);
});

verifies('AEM-PEXIT-024', 'a watcher with CAP_SYS_PTRACE can watch every user’s', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  await p.ok('become', { uid: bob.uid, cap: capSysPtrace });
  const targets = [
    await spawn(['probe', 'target', 'return', '42'], alice),
    await spawn(['probe', 'target', 'undumpable', '42'], alice),
    await spawn(['probe', 'target', 'return', '42']),
  ];

  for (const target of targets) {
    await line(target);
    await watch(p, target.pid);
    await target.write('\n');
    await target.exited;

    expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
  }
});

verifies('AEM-PEXIT-038', 'a refused watch is no event and costs no quota', async ({ probe, spawn, line, sh, after }) => {
  const theirs = await spawn(['probe', 'target', 'return'], bob);
  await line(theirs);
  const [p, own] = [await probe(alice), await spawn(['sleep', '1000'], alice)];
  await p.ok('init', { module: 'pexit' });
  await set({ sh, after }, maxUserEvents, 1);

  for (let i = 0; i < 3; i++) {
    expect(await p.send('register', { module: 'pexit', pid: theirs.pid })).toMatchObject({ ret: -1, errno: 'EPERM' });
  }

  expect(await footprint(sh)).toMatch(/^0\n[^]*aem_pexit 0/);
  const eid = await watch(p, own.pid);
  await own.kill(9);
  expect(await p.nextCall()).toMatchObject({ eid, pid: own.pid });
});

verifies('AEM-PEXIT-038', 'a watch, whatever is refused', async (context) => {
  const { probe, spawn, sh } = context;
  await armFaults(context);
  const [p, own] = [await probe(), await spawn(['sleep', '1000'])];
  await p.ok('register');
  const before = await footprint(sh);

  const failed = await eachRegistration(p, sh, { verb: 'register', args: { module: 'pexit', pid: own.pid }, before });

  expect(failed).toBeGreaterThan(3);
  const eid = await watch(p, own.pid);
  await own.kill(9);
  expect(await p.nextCall()).toMatchObject({ eid, pid: own.pid });
  expect(await leaks(sh)).toBe('');
}, injecting);
