// SPDX-License-Identifier: GPL-2.0-only
/** Events of threads whose system calls are filtered. */
import { expect } from 'vitest';
import { evf, signals } from '../harness/aem.ts';
import { childrenOf, ended, startedEvent } from '../harness/handler-process.ts';
import { verifies } from '../harness/verifies.ts';

const quiet = evf.fork | evf.nocldwait;

/** Numbers of system calls, on x86-64. */
const nr = { ioctl: 16, clone: 56, fork: 57, vfork: 58, getpgrp: 111, clone3: 435 };

/** What makes a process. */
const makers = [nr.clone, nr.fork, nr.vfork, nr.clone3].join('+');

verifies('AEM-CORE-167', 'an activation whose process a filter refuses is kept and tried again', async ({ probe, sh }) => {
  const p = await probe();
  const [eid, other] = [await startedEvent(p, quiet), await startedEvent(p, 0)];
  await p.ok('refuse', { calls: makers, errno: 1 });

  await p.ok('fire', { eid });
  await p.ok('fire', { eid: other });

  expect(await p.settle()).toMatchObject([{ eid: other, tid: p.pid }]);
  for (let refused = 0; refused < 2; ) {
    const books = await p.send('books', { eid });
    expect(books).toMatchObject({ ret: 0, raised: 1, delivered: 0, pending: 1 });
    refused = Number(books['refused']);
  }
  expect(await childrenOf(sh, p.pid)).toEqual([]);
});

verifies('AEM-CORE-168', 'a filter that kills for making a process ends the owner', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const eid = await startedEvent(p, quiet, undefined, 168);
  const theirs = await startedEvent(other, 0);
  await p.ok('refuse', { calls: makers });

  await other.ok('fire', { eid });

  expect(await p.ended()).toMatchObject({ signal: signals.SIGSYS });
  expect(await other.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  await other.ok('fire', { eid: theirs });
  expect(await other.settle()).toMatchObject([{ eid: theirs }]);
});

verifies('AEM-CORE-169', 'what a filter refuses the owner it refuses the handler process', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, quiet, `syscall:${nr.getpgrp}`);
  await p.ok('fire', { eid });
  await ended(p, (await p.nextCall()).tid);
  expect((await p.notice('did')).errno).toBeUndefined();
  await p.ok('refuse', { calls: nr.getpgrp, errno: 42 });

  await p.ok('fire', { eid });

  const { tid } = await p.nextCall();
  expect(tid).not.toBe(p.pid);
  expect(await p.notice('did')).toMatchObject({ did: 'syscall', ret: -1, errno: 'ENOMSG' });
  await ended(p, tid);
});

verifies('AEM-CORE-170', 'a thread to which ioctl() is refused loses no activation', async ({ probe }) => {
  const p = await probe();
  const [plain, forks] = [await startedEvent(p, 0), await startedEvent(p, quiet)];
  await p.ok('refuse', { calls: nr.ioctl, errno: 1 });
  expect(await p.send('stop', { eid: plain })).toMatchObject({ ret: -1, errno: 'EPERM' });

  for (let i = 0; i < 3; i++) {
    await p.on('io', 'fire', { eid: plain });
    expect(await p.nextCall()).toMatchObject({ eid: plain, tid: p.pid, depth: 1 });
  }
  await p.on('io', 'fire', { eid: forks });
  // Of a process that was not announced the kernel learns at the next event.
  for (let refused = 0; refused < 2; ) {
    await p.on('io', 'fire', { eid: plain });
    expect(await p.nextCall()).toMatchObject({ eid: plain, tid: p.pid, depth: 1 });
    const books = await p.on('io', 'books', { eid: forks });
    expect(books).toMatchObject({ ret: 0, raised: 1, delivered: 0 });
    refused = Number(books['refused']);
  }
});
