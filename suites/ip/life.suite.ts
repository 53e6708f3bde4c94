// SPDX-License-Identifier: GPL-2.0-only
/** Events whose socket is closed, has several descriptors or several owners; and the module's end. */
import { expect } from 'vitest';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';
import { arrived, collect, connect, connection, drain, listen, lives, operations, owner, received, register, send, startAll, started, stream, text } from './sockets.ts';

verifies('AEM-IP-041', 'events end with their socket', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, peer } = await connection(p, by);
  const server = await listen(p);
  const ids = [await started(p, 'accept', server.fd)];
  for (const op of ['read', 'close', 'write'] as const) ids.push(await register(p, op, fd));
  await send(by, peer, 'hello');

  for (const each of [fd, server.fd]) await p.ok('file-close', { fd: each });

  for (const eid of ids) expect(await lives(p, eid)).toBe(false);
  expect(await received(by, peer, { wait: 1 })).toMatch(/^(|ECONNRESET)$/);
});

verifies('AEM-IP-041', 'after close() no handler is called, though it was about to be', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const [first, second] = [await connection(p, by), await connection(p, by)];
  const [a, b] = [await register(p, 'read', first.fd), await register(p, 'read', second.fd)];
  // It was: its data is read.
  await p.ok('on', { eid: a, do: `recv:${second.fd},close:${second.fd}` });
  await send(by, first.peer, 'one');
  await send(by, second.peer, 'two');
  for (const { fd } of [first, second]) await arrived(p, fd, 3);

  await startAll(p);

  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, b)).toBe(false);
});

verifies('AEM-IP-041', 'events end when the socket is closed, though somebody looks at it', async ({ probe }) => {
  const [p, by, other] = [await owner(probe), await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);
  const path = 0o10000000;
  const look = await other.ok('file-open', { name: `/proc/${p.pid}/fd/${fd}`, how: path });

  await p.ok('file-close', { fd });

  expect(await lives(p, eid)).toBe(false);
  expect(await received(by, peer, { wait: 1 })).toBe('');
  await other.ok('file-close', { fd: look });
});

verifies('AEM-IP-041', 'who only looks at the socket does not end them', async ({ probe }) => {
  const [p, by, other] = [await owner(probe), await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);
  const path = 0o10000000;
  const look = await other.ok('file-open', { name: `/proc/${p.pid}/fd/${fd}`, how: path });

  await other.ok('file-close', { fd: look });
  await send(by, peer, 'hello');

  expect(await p.nextCall()).toMatchObject({ eid, len: 5 });
  await p.ok('file-close', { fd });
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-IP-042', 'an event lives as long as its socket has a descriptor', async ({ probe }) => {
  const [p, by, other] = [await owner(probe), await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);
  const copy = await p.ok('file-dup', { fd });
  const theirs = await other.ok('sock-take', { pid: p.pid, fd });

  for (const [closing, word] of [[fd, 'one'], [copy, 'two']] as const) {
    await p.ok('file-close', { fd: closing });
    await send(by, peer, word);
    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, fd });
    expect(text(call)).toBe(word);
  }
  await other.ok('file-close', { fd: theirs });

  expect(await lives(p, eid)).toBe(false);
  expect(await received(by, peer, { wait: 1 })).toBe('');
});

verifies('AEM-IP-043', 'of two processes each connection reaches one', async ({ probe }) => {
  const [p, q, by] = [await probe(), await probe(), await probe()];
  const server = await listen(p);
  await started(p, 'accept', server.fd, { addrlen: 16 });
  await started(q, 'accept', await q.ok('sock-take', { pid: p.pid, fd: server.fd }), { addrlen: 16 });
  const ports: (number | undefined)[] = [];

  for (let i = 0; i < 10; i++) ports.push((await connect(by, server.port)).port);

  const got = (await collect([p, q], ports.length)).map(({ port }) => port);
  expect(got.sort()).toEqual(ports.sort());
});

verifies('AEM-IP-045', 'the end of one event is not the end of others', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, peer } = await connection(p, by);
  const gone = await started(p, 'read', fd);
  const [read, close, write] = [await started(p, 'read', fd), await register(p, 'close', fd), await register(p, 'write', fd)];

  await p.ok('shutdown', { eid: gone });
  await send(by, peer, 'hello');
  await by.ok('file-close', { fd: peer });
  expect(await stream(p)).toBe('hello');
  expect(await lives(p, read)).toBe(false);
  await p.ok('start', { eid: close });
  expect(await p.nextCall()).toMatchObject({ eid: close });
  expect(await lives(p, close)).toBe(false);

  await p.ok('start', { eid: write });
  expect(await p.nextCall()).toMatchObject({ eid: write });
  expect(await lives(p, write)).toBe(true);
});

verifies('AEM-IP-052', 'the module stays while it has events, and goes when they are drained', async ({ probe, run, sh, after }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, peer } = await connection(p, by);
  after(() => sh(`${ensureLoaded('ip')}; echo 0 > ${drain}`));
  const ids = [];
  for (const op of operations.slice(1)) ids.push(await register(p, op, fd));

  expect((await run(['rmmod', 'aem_ip'])).status).not.toBe(0);
  for (const eid of ids) expect(await lives(p, eid)).toBe(true);
  await sh(`echo 1 > ${drain}`);
  for (const eid of ids) expect(await lives(p, eid)).toBe(false);
  await sh('rmmod aem_ip');
  await send(by, peer, 'hello');
  expect(await received(p, fd, { wait: 1 })).toBe('hello');
  await sh(insmod('ip'));

  const eid = await started(p, 'read', fd);
  await send(by, peer, 'again');
  expect(await p.nextCall()).toMatchObject({ eid, len: 5 });
});
