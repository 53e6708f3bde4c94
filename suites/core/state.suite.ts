// SPDX-License-Identifier: GPL-2.0-only
/** Where handlers run, and what the interrupted code finds afterwards. */
import { expect } from 'vitest';
import { signals } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import { verifies } from '../harness/verifies.ts';

const { SIGUSR2 } = signals;

/** Where a signal stands in a mask. */
const bit = (signal: number): number => 2 ** (signal - 1);

verifies('AEM-CORE-037', 'a handler runs in the thread that registered its event', async ({ probe }) => {
  const p = await probe();
  const tid = await p.ok('thread', { name: 't2' });
  const mine = await p.ok('register');
  const { ret: theirs } = await p.on('t2', 'register');
  await p.ok('start', { eid: mine });
  await p.ok('start', { eid: theirs });

  await p.on('t2', 'fire', { eid: mine });
  expect(await p.settle()).toMatchObject([{ eid: mine, tid: p.pid }]);

  await p.ok('fire', { eid: theirs });
  expect(await p.settle('t2')).toMatchObject([{ eid: theirs, tid }]);
});

verifies('AEM-CORE-038', 'a handler interrupts code that makes no system call', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  const spin = p.send('spin', { calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
  expect(await p.settle()).toMatchObject([{ eid, tid: p.pid }]);
});

verifies('AEM-CORE-039', 'general-purpose registers and flags are given back', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0, 'clobber');

  const spin = p.send('spin', { what: 'registers', calls: 5 });
  await p.notice('entering');
  for (let i = 0; i < 5; i++) {
    await p.on('io', 'fire', { eid });
    await p.nextCall();
  }

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-040', 'floating-point and vector registers are given back', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0, 'clobber');

  const spin = p.send('spin', { what: 'vectors', calls: 5 });
  await p.notice('entering');
  for (let i = 0; i < 5; i++) {
    await p.on('io', 'fire', { eid });
    await p.nextCall();
  }

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-041', 'errno is given back', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0, 'errno:34');
  const spin = p.send('spin', { what: 'errno', calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-042', 'a handler starts with the mask of what it interrupts', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);

  await p.ok('sigmask', { signal: SIGUSR2 });
  await p.ok('fire', { eid });
  await p.ok('sigmask', {});
  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid, mask: bit(SIGUSR2) }, { eid, mask: 0 }]);
});

verifies('AEM-CORE-042', 'a handler that interrupts another starts with its mask', async ({ probe }) => {
  const p = await probe();
  const [low, high] = [await startedEvent(p, 0, `block:${SIGUSR2},hold`), await startedEvent(p, 0)];
  await p.ok('priority', { eid: high, priority: 1 });

  await p.on('io', 'fire', { eid: low });
  await p.notice('holding');
  await p.on('io', 'fire', { eid: high });
  await p.on('io', 'release', { eid: low });

  expect(await p.settle()).toMatchObject([
    { eid: low, depth: 1, mask: 0 },
    { eid: high, depth: 2, mask: bit(SIGUSR2) },
  ]);
});

verifies('AEM-CORE-042', 'a handler that follows another does not start with its mask', async ({ probe }) => {
  const p = await probe();
  const [first, next] = [await startedEvent(p, 0, `block:${SIGUSR2},hold`), await startedEvent(p, 0)];

  await p.on('io', 'fire', { eid: first });
  await p.notice('holding');
  await p.on('io', 'fire', { eid: next });
  await p.on('io', 'release', { eid: first });

  expect(await p.settle()).toMatchObject([{ eid: first, mask: 0 }, { eid: next, mask: 0, depth: 1 }]);
});

verifies('AEM-CORE-043', 'the signal mask is given back, whatever the handler does', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0, `block:${SIGUSR2}`);

  const spin = p.send('spin', { what: 'mask', calls: 1 });
  await p.notice('entering');
  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-044', 'a handler runs while its thread blocks every signal', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  await p.ok('sigmask', { all: true });

  await p.ok('fire', { eid });
  await p.on('io', 'fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid }, { eid }]);
});

verifies('AEM-CORE-045', 'a handler’s stack is aligned, whatever it interrupts', async ({ probe }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);

  // Code whose stack pointer is so many bytes below an aligned address.
  for (const offset of [0, 1, 4, 8, 12, 15]) {
    const spin = p.send('spin', { what: 'stack', offset, calls: 1 });
    await p.notice('entering');
    await p.on('io', 'fire', { eid });
    await spin;

    expect(await p.settle(), `offset ${offset}`).toMatchObject([{ eid, frame: 0 }]);
  }
});
