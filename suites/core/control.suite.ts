// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { allEvents, ev, zone } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-CORE-011', 'the handler of an event that was not started does not run', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');

  await p.ok('fire', { eid });

  expect(await p.settle()).toEqual([]);
});

verifies('AEM-CORE-012', 'the handler of a started event runs each time it is raised', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register', { cookie: 4711 });
  await p.ok('start', { eid });

  await p.ok('fire', { eid });
  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([
    { eid, cookie: 4711, tid: p.pid },
    { eid, cookie: 4711, tid: p.pid },
  ]);
});

