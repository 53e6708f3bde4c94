// SPDX-License-Identifier: GPL-2.0-only
/** Events whose socket is closed or has several owners; and the module's end. */
import { expect } from 'vitest';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';
import { collect } from '../ip/sockets.ts';
import { arrived, bind, callsOf, connection, drain, listen, lives, make, named, owner, peer, received, register, send, service, startAll, started, subscribed, text } from './sockets.ts';

verifies('AEM-TIPC-053', 'events end with their socket', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await connection(p, by);
  const server = await listen(p, 2);
  const ids = [await started(p, 'accept', server.fd)];
  for (const op of ['receive', 'error', 'continue'] as const) ids.push(await register(p, op, fd));

  for (const each of [fd, server.fd]) await p.ok('file-close', { fd: each });

  for (const eid of ids) expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-TIPC-053', 'after close() no handler is called, though it was about to be', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const [first, second] = [await bind(p, 1), await bind(p, 2)];
  const from = await make(by);
  const [a, b] = [await register(p, 'receive', first.fd), await register(p, 'receive', second.fd)];
  // It was: its message is read.
  await p.ok('on', { eid: a, do: `recv:${second.fd},close:${second.fd}` });
  for (const instance of [1, 2]) await send(by, from.fd, 'hello', named(instance));
  for (const { fd } of [first, second]) await arrived(p, fd);

  await startAll(p);

  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, b)).toBe(false);
});

verifies('AEM-TIPC-054', 'of two processes each message reaches one, whole', async (context) => {
  const [p, q, by] = [await owner(context, {}, 1 << 20), await owner(context, {}, 1 << 20), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  await started(p, 'receive', fd);
  await started(q, 'receive', await q.ok('sock-take', { pid: p.pid, fd }));
  const sizes = Array.from({ length: 40 }, (_, i) => (i % 2 ? 9000 + i : 1 + i));

  for (const len of sizes) await by.ok('tipc-send', { fd: from.fd, len, ...named(1) });

  const got = (await collect([p, q], sizes.length)).map(({ len }) => len ?? 0);
  expect(got.sort((a, b) => a - b)).toEqual(sizes.sort((a, b) => a - b));
});

verifies('AEM-TIPC-055', 'the module stays while it has events, and goes when they are drained', async (context) => {
  const { run, sh, after } = context;
  const [p, by] = [await owner(context), await peer(context)];
  const server = await bind(p, 1);
  const { fd } = await connection(p, by, { instance: 2 });
  after(() => sh(`${ensureLoaded('tipc')}; echo 0 > ${drain}`));
  const ids = [await register(p, 'receive', server.fd), await register(p, 'error', fd), await register(p, 'continue', fd), await subscribed(p, { type: service + 1 })];

  expect((await run(['rmmod', 'aem_tipc'])).status).not.toBe(0);
  for (const eid of ids) expect(await lives(p, eid)).toBe(true);
  await sh(`echo 1 > ${drain}`);
  for (const eid of ids) expect(await lives(p, eid)).toBe(false);
  await sh('rmmod aem_tipc');
  const from = await make(by);
  await send(by, from.fd, 'hello', named(1));
  await arrived(p, server.fd);
  expect(await received(p, server.fd)).toBe('hello');
  await sh(insmod('tipc'));

  const eid = await started(p, 'receive', server.fd);
  await send(by, from.fd, 'again', named(1));
  const [call] = await callsOf(p, 1);
  expect(call).toMatchObject({ eid, len: 5 });
  expect(text(call ?? {})).toBe('again');
});
