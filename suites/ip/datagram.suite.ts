// SPDX-License-Identifier: GPL-2.0-only
/** Datagrams of UDP sockets. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { arrived, collect, connect, family, lives, owner, register, send, startAll, started, text, udp } from './sockets.ts';

const [emsgsize, econnrefused] = [-90, -111];

verifies('AEM-IP-029', 'each datagram is a call of its own, with its sender', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, port } = await udp(p);
  const [a, b] = [await udp(by), await udp(by)];
  const eid = await register(p, 'read', fd);

  await send(by, a.fd, 'one', { port });
  await send(by, b.fd, 'two', { port });
  await p.ok('start', { eid });
  await send(by, a.fd, 'three', { port });

  const calls = [await p.nextCall(), await p.nextCall(), await p.nextCall()];
  expect(calls.map(text)).toEqual(['one', 'two', 'three']);
  expect(calls.map((call) => call.port)).toEqual([a.port, b.port, a.port]);
  for (const call of calls) expect(call).toMatchObject({ eid, fd, fromlen: 16, family: family.inet });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-IP-029', 'large ones are whole', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, port } = await udp(p);
  const from = await udp(by);
  await started(p, 'read', fd);

  for (const len of [1, 1500, 20_000, 65_000]) {
    await by.ok('sock-send', { fd: from.fd, len, byte: 9, port });
    expect(await p.nextCall()).toMatchObject({ len, port: from.port });
  }
});

verifies('AEM-IP-025', 'datagrams of IPv6', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, port } = await udp(p, { v6: 1 });
  const from = await udp(by, { v6: 1 });
  await started(p, 'read', fd);

  await send(by, from.fd, 'hello', { port, v6: 1 });

  const call = await p.nextCall();
  expect(call).toMatchObject({ family: family.inet6, port: from.port, fromlen: 28 });
  expect(text(call)).toBe('hello');
});

verifies('AEM-IP-030', 'an empty datagram is told, and the event goes on', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd, port } = await udp(p);
  const from = await udp(by);
  const eid = await started(p, 'read', fd);

  for (const word of ['', 'x', '']) {
    await send(by, from.fd, word, { port });
    expect(await p.nextCall()).toMatchObject({ eid, len: word.length, port: from.port });
  }
  expect(await lives(p, eid)).toBe(true);
});

verifies('AEM-IP-031', 'a datagram that the zone cannot hold is told as an error', async ({ probe }) => {
  const [p, by] = [await owner(probe, {}, 4096), await probe()];
  const { fd, port } = await udp(p);
  const from = await udp(by);
  const eid = await register(p, 'read', fd);

  await by.ok('sock-send', { fd: from.fd, len: 5000, port });
  await send(by, from.fd, 'next', { port });
  await p.ok('start', { eid });

  expect(await p.nextCall()).toMatchObject({ eid, len: emsgsize, port: from.port });
  expect(text(await p.nextCall())).toBe('next');
});

verifies('AEM-IP-032', 'an error is told, and the event goes on', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const gone = await udp(by);
  await by.ok('file-close', { fd: gone.fd });
  const { fd, port } = await connect(p, gone.port, { kind: 'udp' });
  const eid = await started(p, 'read', fd);

  await send(p, fd, 'anybody');
  expect(await p.nextCall()).toMatchObject({ eid, fd, len: econnrefused });
  const back = await udp(by, { port: gone.port });
  await send(by, back.fd, 'hello', { port });

  expect(text(await p.nextCall())).toBe('hello');
});

verifies('AEM-IP-033', 'a datagram whose handler is not called is the next one’s', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const [first, second] = [await udp(p), await udp(p)];
  const [x, y] = [await udp(by), await udp(by)];
  const [a, b] = [await register(p, 'read', first.fd), await register(p, 'read', second.fd)];
  // It has been read by then.
  await p.ok('on', { eid: a, do: `recv:${second.fd},stop:${b}` });
  await send(by, x.fd, 'one', { port: first.port });
  await send(by, x.fd, 'two', { port: second.port });
  for (const { fd } of [first, second]) await arrived(p, fd, 3);

  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  expect(await p.settle()).toEqual([]);
  await send(by, y.fd, 'three', { port: second.port });
  await p.ok('start', { eid: b });

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls.map(text)).toEqual(['two', 'three']);
  expect(calls).toMatchObject([{ eid: b, port: x.port, fromlen: 16 }, { eid: b, port: y.port }]);
});

verifies('AEM-IP-044', 'of two processes each datagram reaches one', async ({ probe }) => {
  const [p, q, by] = [await owner(probe), await owner(probe), await probe()];
  const { fd, port } = await udp(p);
  const from = await udp(by);
  await started(p, 'read', fd);
  await started(q, 'read', await q.ok('sock-take', { pid: p.pid, fd }));
  const words = Array.from({ length: 20 }, (_, i) => `word${i}`);

  for (const word of words) await send(by, from.fd, word, { port });

  const got = (await collect([p, q], words.length)).map(text);
  expect(got.sort()).toEqual(words.sort());
});

verifies('AEM-IP-058', 'of two processes each datagram reaches one whole, however long the others are', async ({ probe }) => {
  const [p, q, by] = [await owner(probe), await owner(probe), await probe()];
  const { fd, port } = await udp(p);
  await p.ok('sock-option', { fd, name: 'rcvbuf', value: 1 << 20 });
  const from = await udp(by);
  await started(p, 'read', fd);
  await started(q, 'read', await q.ok('sock-take', { pid: p.pid, fd }));
  const sizes = Array.from({ length: 60 }, (_, i) => (i % 2 ? 9000 + i : 1));

  for (const len of sizes) await by.ok('sock-send', { fd: from.fd, len, port });

  const got = (await collect([p, q], sizes.length)).map(({ len }) => len ?? 0);
  expect(got.sort((a, b) => a - b)).toEqual(sizes.sort((a, b) => a - b));
});
