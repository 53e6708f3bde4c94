// SPDX-License-Identifier: GPL-2.0-only
/** Waiting for events, and calls that events interrupt. */
import { expect } from 'vitest';
import { evf, signals } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import { sleepWithHandlers } from '../harness/sleep.ts';
import { verifies } from '../harness/verifies.ts';

const { SIGUSR1, SIGUSR2 } = signals;
const ms = 1_000_000;

verifies('AEM-CORE-057', 'aem_evkeepalive() goes on waiting after handlers have run', async ({ probe, inState }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  await p.ok('catch', { signal: SIGUSR1 });
  const state = { ended: false };
  const call = p.send('call', { name: 'evkeepalive' }).finally(() => (state.ended = true));
  await p.notice('entering');

  for (let i = 0; i < 3; i++) {
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.nextCall();
  }
  await inState(p.pid, 'S');
  await p.on('io', 'gettid');
  // An answer of the call would have come before this one.
  expect(state.ended).toBe(false);

  await p.on('io', 'kill', { signal: SIGUSR1 });
  expect((await call).ret).toBe(0);
});

verifies('AEM-CORE-058', 'aem_evkeepalive() returns when a signal is delivered', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('start', { eid: await p.ok('register') });
  await p.ok('catch', { signal: SIGUSR1, restart: true });
  const call = p.send('call', { name: 'evkeepalive' });
  await p.notice('entering');
  await inState(p.pid, 'S');

  await p.on('io', 'kill', { signal: SIGUSR1 });

  expect(await call).toMatchObject({ ret: 0 });
  expect(await p.notice('signal')).toMatchObject({ signal: SIGUSR1 });
});

verifies('AEM-CORE-059', 'main’s end waits for the events with EVF_KEEPALIVE', async ({ probe }) => {
  const p = await probe();
  const [first, second] = [
    await p.ok('register', { flags: evf.keepalive | evf.oneshot }),
    await p.ok('register', { flags: evf.keepalive | evf.oneshot }),
  ];
  await p.ok('start', { eid: first });
  await p.ok('start', { eid: second });

  await p.ok('return', { status: 42 });
  await p.on('io', 'fire', { eid: first });
  expect(await p.nextCall()).toMatchObject({ eid: first });
  // Its answer may be cut off: the last event ends the process.
  p.on('io', 'fire', { eid: second }).catch(() => undefined);
  expect(await p.nextCall()).toMatchObject({ eid: second });

  expect(await p.ended()).toEqual({ status: 42 });
});

verifies('AEM-CORE-059', 'main’s end waits for no event without EVF_KEEPALIVE', async ({ probe }) => {
  const p = await probe();
  await startedEvent(p, 0);

  await p.ok('return', { status: 7 });

  expect(await p.ended()).toEqual({ status: 7 });
});

verifies('AEM-CORE-060', 'aem_evwait() returns how many handlers have run', async ({ probe, inState }) => {
  const p = await probe();
  const [a, b] = [await startedEvent(p, 0), await startedEvent(p, 0)];
  const call = p.send('call', { name: 'evwait' });
  await p.notice('entering');
  await inState(p.pid, 'S');

  await p.on('io', 'fire', { eid: a });
  expect(await call).toMatchObject({ ret: 1 });

  await p.ok('fire', { eid: a });
  await p.ok('fire', { eid: b });
  await p.ok('fire', { eid: b });
  expect(await p.send('call', { name: 'evwait' })).toMatchObject({ ret: 3 });
});

verifies('AEM-CORE-061', 'aem_evwait() returns at once when a handler ran before it', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  await p.ok('fire', { eid });
  await p.settle();

  // Without a time-out: where the run is forgotten this does not return.
  expect(await p.send('call', { name: 'evwait' })).toMatchObject({ ret: 1 });
});

verifies('AEM-CORE-062', 'aem_evwait() returns 0 at its time-out and not before', async ({ probe }) => {
  const p = await probe();
  await startedEvent(p, 0);

  const late = await p.send('call', { name: 'evwait', ms: 30 });

  expect(late).toMatchObject({ ret: 0 });
  expect(late['elapsed']).toBeGreaterThanOrEqual(30 * ms);
});

verifies('AEM-CORE-063', 'aem_evwait() fails with EINTR when a signal is delivered', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('catch', { signal: SIGUSR1, restart: true });
  const call = p.send('call', { name: 'evwait' });
  await p.notice('entering');
  await inState(p.pid, 'S');

  await p.on('io', 'kill', { signal: SIGUSR1 });

  expect(await call).toMatchObject({ ret: -1, errno: 'EINTR' });
});

verifies('AEM-CORE-064', 'read(), wait4() and futex go on waiting after a handler', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);
  const pid = await p.ok('child', { how: 'return', arg: 3 });

  for (const { name, feed, args, ret } of [
    { name: 'read', feed: () => p.on('io', 'feed', { what: 'pipe' }), args: {}, ret: 1 },
    { name: 'futex', feed: () => p.on('io', 'feed', { what: 'futex' }), args: {}, ret: 0 },
    { name: 'wait4', feed: () => p.on('io', 'let'), args: { pid }, ret: 3 << 8 },
  ]) {
    const call = p.send('call', { name, ...args });
    await p.notice('entering');
    for (let i = 0; i < 2; i++) {
      await inState(p.pid, 'S');
      await p.on('io', 'fire', { eid });
      await p.nextCall();
    }
    await inState(p.pid, 'S');
    await feed();
    expect(await call, name).toMatchObject({ ret, errno: null });
  }
});

verifies('AEM-CORE-065', 'pause() and sigsuspend() go on until a signal comes', async ({ probe, inState }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  await p.ok('catch', { signal: SIGUSR1 });

  for (const name of ['pause', 'sigsuspend']) {
    const state = { ended: false };
    const call = p.send('call', { name }).finally(() => (state.ended = true));
    await p.notice('entering');
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.nextCall();
    await inState(p.pid, 'S');
    await p.on('io', 'gettid');
    // An answer of the call would have come before this one.
    expect(state.ended, name).toBe(false);
    const signalled = p.notice('signal');
    await p.on('io', 'kill', { signal: SIGUSR1 });
    expect(await call, name).toMatchObject({ ret: -1, errno: 'EINTR' });
    expect(await signalled).toMatchObject({ signal: SIGUSR1 });
  }
});

verifies('AEM-CORE-065', 'ppoll(), select() and msgrcv() go on until what they wait for comes', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);

  for (const { name, what, ret } of [
    { name: 'ppoll', what: 'pipe', ret: 1 },
    { name: 'select', what: 'pipe', ret: 1 },
    { name: 'msgrcv', what: 'msg', ret: 8 },
  ]) {
    const call = p.send('call', { name });
    await p.notice('entering');
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.nextCall();
    await inState(p.pid, 'S');
    await p.on('io', 'feed', { what });
    expect(await call, name).toMatchObject({ ret, errno: null });
    if (what === 'pipe') await p.send('call', { name: 'read' });
    if (what === 'pipe') await p.notice('entering');
  }
});

verifies('AEM-CORE-065', 'ppoll() and select() keep their time-outs', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);

  for (const name of ['ppoll', 'select']) {
    const { answer, length } = await sleepWithHandlers(p, inState, { name, eid, fires: 1 });

    expect(answer, name).toMatchObject({ ret: 0, errno: null });
    expect(answer['elapsed'], name).toBeGreaterThanOrEqual(length * ms);
  }
});

verifies('AEM-CORE-066', 'sleeps go on to their first deadline', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);

  for (const { name, ret, errno } of [
    { name: 'nanosleep', ret: 0, errno: null },
    { name: 'clock_nanosleep', ret: 0, errno: null },
    { name: 'poll', ret: 0, errno: null },
    { name: 'futex', ret: -1, errno: 'ETIMEDOUT' },
    { name: 'futex_waitv', ret: -1, errno: 'ETIMEDOUT' },
    { name: 'mq_receive', ret: -1, errno: 'ETIMEDOUT' },
  ]) {
    // All the time: a sleep that each handler begins anew does not end.
    const { answer, length } = await sleepWithHandlers(p, inState, { name, eid, fires: Infinity });
    expect(answer, name).toMatchObject({ ret, errno });
    expect(answer['elapsed'], name).toBeGreaterThanOrEqual(length * ms);
  }
});

verifies('AEM-CORE-067', 'epoll_wait(), semop() and sigtimedwait() go on, and not short', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);

  for (const { name, ret, errno } of [
    { name: 'epoll_wait', ret: 0, errno: null },
    { name: 'semop', ret: -1, errno: 'EAGAIN' },
    { name: 'sigtimedwait', ret: -1, errno: 'EAGAIN' },
  ]) {
    const { answer, length } = await sleepWithHandlers(p, inState, { name, eid, fires: 1 });
    expect(answer, name).toMatchObject({ ret, errno });
    expect(answer['elapsed'], name).toBeGreaterThanOrEqual(length * ms);
  }
});

verifies('AEM-CORE-068', 'a signal ends a call with EINTR as without events', async ({ probe, inState }) => {
  const p = await probe();
  await p.ok('prepare');
  const eid = await startedEvent(p, 0);
  await p.ok('catch', { signal: SIGUSR2 });

  for (const name of ['read', 'nanosleep', 'epoll_wait', 'semop']) {
    const call = p.send('call', { name, ms: name === 'nanosleep' ? 100_000 : undefined });
    await p.notice('entering');
    await inState(p.pid, 'S');
    await p.on('io', 'fire', { eid });
    await p.nextCall();
    await inState(p.pid, 'S');
    const signalled = p.notice('signal');
    await p.on('io', 'kill', { signal: SIGUSR2 });
    expect(await call, name).toMatchObject({ ret: -1, errno: 'EINTR' });
    expect(await signalled).toMatchObject({ signal: SIGUSR2 });
  }
});

/** Calls of probe-waits.c, and what they return when what they wait for comes. */
const waits: Readonly<Record<string, number>> = {
  recv: 1,
  send: 1,
  write: 1,
  accept: 0,
  connect: 0,
  open: 0,
  pselect: 1,
  epoll_pwait: 1,
  eventfd: 0,
  timerfd: 8,
  signalfd: SIGUSR2,
  sigwaitinfo: SIGUSR2,
  inotify: 0,
  waitid: 7,
  futex_waitv: 0,
  semop_untimed: 0,
  msgsnd: 0,
  mq_receive: 1,
  mq_send: 0,
  io_getevents: 1,
};

verifies('AEM-CORE-188', 'calls that wait go on waiting after handlers, whatever they wait for', async ({ probe, inState }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);

  for (const [name, ret] of Object.entries(waits)) {
    const state = { ended: false };
    const call = p.send('call', { name }).finally(() => (state.ended = true));
    await p.notice('entering');
    for (let i = 0; i < 2; i++) {
      await inState(p.pid, 'S');
      await p.on('io', 'fire', { eid });
      expect(await p.nextCall(), name).toMatchObject({ eid, tid: p.pid });
    }
    await inState(p.pid, 'S');
    await p.on('io', 'gettid');
    // An answer of the call would have come before this one.
    expect(state.ended, name).toBe(false);
    expect((await p.on('io', 'feed', { what: name })).ret, name).toBeGreaterThanOrEqual(0);
    expect(await call, name).toMatchObject({ ret, errno: null });
  }
});
