// SPDX-License-Identifier: GPL-2.0-only
/** How system calls go on: until when, and that signals end them all the same. */
import { expect } from 'vitest';
import { signals } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import { sleepWithHandlers } from '../harness/sleep.ts';
import { verifies } from '../harness/verifies.ts';

const { SIGUSR1 } = signals;
const ms = 1_000_000;

for (const { id, ticks, calls } of [
  {
    id: 'AEM-CORE-215' as const,
    calls: [
      { name: 'epoll_wait', ret: 0, errno: null },
      { name: 'timed_epoll_pwait', ret: 0, errno: null },
      { name: 'timed_epoll_pwait2', ret: 0, errno: null },
      { name: 'semop', ret: -1, errno: 'EAGAIN' },
      { name: 'sigtimedwait', ret: -1, errno: 'EAGAIN' },
      { name: 'timed_io_getevents', ret: 0, errno: null },
      { name: 'timed_io_uring_enter', ret: -1, errno: 'ETIME' },
    ],
  },
  {
    id: 'AEM-CORE-216' as const,
    ticks: true,
    calls: [
      { name: 'timed_recv', ret: -1, errno: 'EAGAIN' },
      { name: 'timed_send', ret: -1, errno: 'EAGAIN' },
    ],
  },
]) {
  for (const { name, ret, errno } of calls) {
    verifies(id, `${name.replace('timed_', '')}() goes on to its first deadline`, async ({ probe, inState }) => {
      const p = await probe();
      await p.ok('prepare');
      const eid = await startedEvent(p, 0);

      // All the time: a wait that each handler begins anew does not end.
      const { answer, length } = await sleepWithHandlers(p, inState, { name, eid, fires: Infinity, ticks });

      expect(answer).toMatchObject({ ret, errno });
      expect(answer['elapsed']).toBeGreaterThanOrEqual(length * ms);
    });
  }
}

verifies('AEM-CORE-224', 'recv() goes on without a deadline once its socket has none', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0, 'hold');
  const interrupt = async (meanwhile?: () => Promise<unknown>) => {
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.notice('holding');
    await meanwhile?.();
    await p.on('io', 'release', { eid });
    expect(await p.nextCall()).toMatchObject({ eid });
  };
  const feed = () => p.on('io', 'feed', { what: 'patient_recv' });

  // Longer than any test: what ends it is not its time.
  const call = p.send('call', { name: 'patient_recv', ms: 100_000_000 });
  await p.notice('entering');
  await interrupt(feed);
  await interrupt();
  await interrupt();
  await inState(p.pid, 'S');
  await feed();

  expect(await call).toMatchObject({ ret: 1, errno: null });
});

verifies('AEM-CORE-217', 'a signal while a handler runs ends the call below it', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  await p.ok('catch', { signal: SIGUSR1 });
  const eid = await startedEvent(p, 0, 'hold');

  for (const { name, ret, errno } of [
    { name: 'pause', ret: -1, errno: 'EINTR' },
    { name: 'nanosleep', ret: -1, errno: 'EINTR' },
    { name: 'ppoll', ret: -1, errno: 'EINTR' },
    { name: 'epoll_wait', ret: -1, errno: 'EINTR' },
    { name: 'semop', ret: -1, errno: 'EINTR' },
    { name: 'evkeepalive', ret: 0, errno: null },
  ]) {
    const call = p.send('call', { name, ms: name === 'nanosleep' ? 100_000 : undefined });
    await p.notice('entering');
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.notice('holding');

    await p.on('io', 'kill', { signal: SIGUSR1 });
    expect(await p.notice('signal'), name).toMatchObject({ signal: SIGUSR1 });
    await p.on('io', 'release', { eid });

    expect(await call, name).toMatchObject({ ret, errno });
    expect(await p.nextCall(), name).toMatchObject({ eid });
  }
});

verifies('AEM-CORE-218', 'a signal that was handled before a call does not end it', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  await p.ok('catch', { signal: SIGUSR1 });
  const eid = await startedEvent(p, 0);
  await p.on('io', 'kill', { signal: SIGUSR1 });
  await p.notice('signal');

  for (const { name, ret } of [{ name: 'ppoll', ret: 1 }, { name: 'epoll_wait', ret: 1 }]) {
    const call = p.send('call', { name });
    await p.notice('entering');
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.nextCall();
    await inState(p.pid, 'S');
    await p.on('io', 'feed', { what: 'pipe' });
    expect(await call, name).toMatchObject({ ret, errno: null });
    await p.send('call', { name: 'read' });
    await p.notice('entering');
  }
});

verifies('AEM-CORE-204', 'a call goes on after a stop, whatever handlers came before', async ({ probe, sh, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  await p.ok('catch', { signal: SIGUSR1 });
  const eid = await startedEvent(p, 0);

  for (const name of ['pause', 'sigsuspend', 'poll', 'ppoll', 'select']) {
    let waits = true;
    const call = p.send('call', { name }).finally(() => (waits = false));
    await p.notice('entering');
    for (let round = 0; round < 2; round++) {
      await inState(p.pid, 'S');
      await p.on('io', 'fire', { eid });
      expect(await p.nextCall(), name).toMatchObject({ eid });
      await inState(p.pid, 'S');
      await sh(`kill -STOP ${p.pid}`);
      await inState(p.pid, 'T');
      await sh(`kill -CONT ${p.pid}`);
    }
    await inState(p.pid, 'S');
    // Its answer, if there is one, has come before this one.
    await p.settle('io');
    expect(waits, `${name} waits`).toBe(true);

    await p.on('io', 'kill', { signal: SIGUSR1 });
    expect(await p.notice('signal'), name).toMatchObject({ signal: SIGUSR1 });
    expect(await call, name).toMatchObject({ ret: -1, errno: 'EINTR' });
  }
});
