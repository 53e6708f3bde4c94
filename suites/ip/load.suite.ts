// SPDX-License-Identifier: GPL-2.0-only
/** Very much data over many connections. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { listen, owner } from './sockets.ts';

verifies('AEM-IP-026', 'each byte of many connections arrives once and in order, whatever stops and starts', async ({ probe, limit }) => {
  const [p, by] = [await owner(probe), await probe()];
  const [count, bytes] = [limit('connections'), limit('bytes')];
  const { fd, port } = await listen(p);
  await p.ok('thread', { name: 'worrier' });
  await p.ok('flood-catch', { fd });

  const worried = p.on('worrier', 'flood-worry', { count, seed: 7 });
  const sent = by.send('flood', { port, count, bytes, seed: 11 });
  const caught = await p.send('flood-caught', { count });

  // First of all: what is missing keeps the others from their end.
  expect(caught).toMatchObject({ ret: count, received: count * bytes, wrong: 0 });
  expect(await sent).toMatchObject({ ret: 0 });
  expect((await worried).ret).toBeGreaterThan(count);
});
