// SPDX-License-Identifier: GPL-2.0-only
/** Where handlers run, and what the interrupted code finds afterwards. */
import { expect } from 'vitest';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';

/** An event, started, whose handler does `actions`. */
async function started(p: Probe, actions?: string): Promise<number> {
  const eid = await p.ok('register');
  if (actions !== undefined) await p.ok('on', { eid, do: actions });
  await p.ok('start', { eid });
  return eid;
}

verifies('AEM-CORE-037', 'a handler runs in the thread that registered its event', async ({ probe }) => {
  const p = await probe();
  const tid = await p.ok('thread', { name: 't2' });
  const mine = await p.ok('register');
  const { ret: theirs } = await p.on('t2', 'register');
  await p.ok('start', { eid: mine });
  await p.ok('start', { eid: theirs });

  await p.on('t2', 'fire', { eid: mine });
  await p.on('io', 'fire', { eid: theirs });

  expect(await p.settle()).toMatchObject([{ eid: mine, tid: p.pid }]);
  expect(await p.settle('t2')).toMatchObject([{ eid: theirs, tid }]);
});

verifies('AEM-CORE-038', 'a handler interrupts code that makes no system call', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);
  const spin = p.send('spin', { calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
  expect(await p.settle()).toMatchObject([{ eid, tid: p.pid }]);
});

verifies('AEM-CORE-039', 'general-purpose registers and flags are given back', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, 'clobber');
  const spin = p.send('spin', { what: 'registers', calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-040', 'floating-point and vector registers are given back', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, 'clobber');
  const spin = p.send('spin', { what: 'vectors', calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-041', 'errno is given back', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, 'errno:34');
  const spin = p.send('spin', { what: 'errno', calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-042', 'a handler starts with the signal mask of the code that it interrupts', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);
  await p.ok('sigmask', { signal: 12 });

  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid, mask: 2 ** 11 }]);
});

verifies('AEM-CORE-043', 'the signal mask is given back, also when the handler changed it', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, 'block:12');
  const spin = p.send('spin', { what: 'mask', calls: 1 });
  await p.notice('entering');

  await p.on('io', 'fire', { eid });

  expect(await spin).toMatchObject({ ret: 0 });
});

verifies('AEM-CORE-044', 'a handler runs while its thread blocks every signal', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);
  await p.ok('sigmask', { all: true });

  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-045', 'a handler starts on an aligned stack, whatever it interrupts', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);

  for (let i = 0; i < 8; i++) {
    const spin = p.send('spin', { what: i % 2 === 0 ? 'registers' : 'nothing', calls: 1 });
    await p.notice('entering');
    await p.on('io', 'fire', { eid });
    await spin;
  }

  // A function's frame address is 16 bytes aligned where its caller kept to the ABI.
  const calls = await p.settle();
  expect(calls).toHaveLength(8);
  expect(calls.map(({ frame }) => frame)).toEqual(Array.from({ length: 8 }, () => 0));
});
