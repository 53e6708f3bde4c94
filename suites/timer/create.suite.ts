// SPDX-License-Identifier: GPL-2.0-only
/** Timers are created, and what their handlers are given. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import { ended } from '../harness/handler-process.ts';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';
import { armed, clocks, create, hour, millisecond } from './timer.ts';

verifies('AEM-TIMER-001', 'a handler gets its timer’s id and user argument', async ({ probe }) => {
  const p = await probe();
  const one = await create(p, { arg: 0x100001 });
  const other = await create(p, { arg: 0x200003 });

  await p.ok('timer-set', { id: other, value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: other, arg: 0x200003 });
  await p.ok('timer-set', { id: one, value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: one, arg: 0x100001 });
});

verifies('AEM-TIMER-002', 'any value is a user argument', async ({ probe }) => {
  const p = await probe();

  // No address, one that is not mapped, the kernel's, one of neither, and the last.
  for (const arg of [0, 1, -0x7f000000, -(2 ** 50), -1]) {
    const eid = await armed(p, { value: 1 }, { arg });
    expect(await p.nextCall()).toMatchObject({ eid, arg });
  }
});

verifies('AEM-TIMER-003', 'timers are made on each of the four clocks', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    const eid = await create(p, { clock });
    expect(eid).toBeGreaterThan(0);
    await p.ok('timer-set', { id: eid, value: millisecond });
    expect(await p.nextCall()).toMatchObject({ eid });
  }
});

verifies('AEM-TIMER-004', 'other clocks are refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  // Raw, the coarse ones, those of alarms, TAI; and none.
  for (const clock of [4, 5, 6, 8, 9, 11, 12, 63, 65, -1, 0x7fffffff]) {
    const answer = await p.send('timer-create', { clock });
    expect(answer, `clock ${clock}`).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-TIMER-005', 'clocks of others’ CPU time are refused with ENOTSUP', async ({ probe }) => {
  const p = await probe();

  // Of the process, as clock_getcpuclockid() has it, and as pthread_getcpuclockid() has that of the first process.
  for (const clock of ['process-cpu', -6, (~1 << 3) | 6]) {
    const answer = await p.send('timer-create', { clock });
    expect(answer, `clock ${clock}`).toMatchObject({ ret: -1, errno: 'EOPNOTSUPP' });
  }
  // The thread's own is none of them.
  const tid = await p.ok('gettid');
  for (const clock of [-2, (~tid << 3) | 6]) await create(p, { clock });
});

verifies('AEM-TIMER-006', 'no sigevent, another notification, no place for the id: EINVAL', async ({ probe }) => {
  const p = await probe();

  // SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID, and none.
  for (const notify of [0, 1, 2, 4, -1]) {
    const answer = await p.send('timer-create', { notify });
    expect(answer, `notify ${notify}`).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  for (const missing of ['event', 'id']) {
    expect(await p.send('timer-create', { null: missing })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await create(p)).toBeGreaterThan(0);
});

verifies('AEM-TIMER-007', 'a timer is created disarmed', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    const id = await create(p, { clock });
    expect(await p.send('timer-get', { id })).toMatchObject({ ret: 0, value: 0, interval: 0 });
    await p.ok('start', { eid: id });
  }
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIMER-027', 'another thread sets a timer; its handler runs in the thread that created it', async ({ probe }) => {
  const p = await probe();
  const tid = await p.ok('gettid');
  await p.ok('thread', { name: 't2' });
  await p.on('t2', 'register');
  const id = await create(p);

  expect(await p.on('t2', 'timer-set', { id, value: 1 })).toMatchObject({ ret: 0 });
  expect(await p.nextCall()).toMatchObject({ eid: id, tid });

  expect(await p.on('t2', 'timer-set', { id, value: hour })).toMatchObject({ ret: 0 });
  expect(await p.on('t2', 'timer-delete', { id })).toMatchObject({ ret: 0 });
});

verifies('AEM-TIMER-028', 'a timer that runs once is gone then, whatever its interval', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, { value: 1, interval: hour }, { flags: evf.oneshot });

  expect(await p.nextCall()).toMatchObject({ eid: id });

  expect(await p.send('timer-get', { id })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-TIMER-028', 'a timer’s handler runs in a process of its own', async ({ probe }) => {
  const p = await probe();
  await armed(p, { value: 1 }, { flags: evf.fork | evf.nocldwait });

  const call = await p.nextCall();

  expect(call.tid).not.toBe(p.pid);
  expect(call.ppid).toBe(p.pid);
  await ended(p, call.tid);
});

verifies('AEM-TIMER-031', 'aemTimer_init() tells whether the module is there', async ({ probe, sh, after }) => {
  const p = await probe();
  after(() => sh(ensureLoaded('timer')));

  expect(await p.send('init', { module: 'timer' })).toMatchObject({ ret: 0 });
  await sh('rmmod aem_timer');
  expect(await p.send('init', { module: 'timer' })).toMatchObject({ ret: -1 });
  await sh(insmod('timer'));
  expect(await p.send('init', { module: 'timer' })).toMatchObject({ ret: 0 });
});
