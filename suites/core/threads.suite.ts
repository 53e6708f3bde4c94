// SPDX-License-Identifier: GPL-2.0-only
/** Events of many threads, and of threads that end. */
import { expect } from 'vitest';
import { startedEvent } from '../harness/handler-process.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-CORE-189', 'threads that register at once each get events of their own', async ({ probe, limit }) => {
  const p = await probe();
  const [threads, events] = [limit('threads'), limit('events-per-thread')];

  const party = await p.send('party', { threads, events });

  expect(party).toMatchObject({ ret: 0, unique: threads * events, ran: threads * events, strays: 0 });
});

verifies('AEM-CORE-178', 'an event that is raised while its thread ends goes with it', async ({ probe, limit }) => {
  const p = await probe();
  const eid = await startedEvent(p, 0);
  const rounds = limit('rounds');

  const leavers = await p.send('leavers', { rounds });

  expect(leavers).toMatchObject({ ret: 0, gone: rounds });
  expect(leavers['raised']).toBeGreaterThan(3 * rounds - 1);
  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
});
