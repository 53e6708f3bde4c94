// SPDX-License-Identifier: GPL-2.0-only
/** How connections begin and end, and when they have room: close, connect and write events. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { arrived, connect, connection, fill, listen, lives, owner, received, register, send, started } from './sockets.ts';

verifies('AEM-IP-034', 'that the peer closes is told once', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'close', fd);

  await send(by, peer, 'last');
  await arrived(p, fd, 4);
  expect(await p.settle()).toEqual([]);
  await by.ok('file-close', { fd: peer });

  expect(await p.nextCall()).toMatchObject({ eid, fd });
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(false);
  expect(await received(p, fd)).toBe('last');
});

verifies('AEM-IP-034', 'that the peer has closed before is told', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  await by.ok('file-close', { fd: peer });

  const eid = await started(p, 'close', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd });
});

verifies('AEM-IP-035', 'a reset is told', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];

  for (const before of [false, true]) {
    const { fd, peer } = await connection(p, by);
    const early = before ? await register(p, 'close', fd) : undefined;
    await by.ok('sock-option', { fd: peer, name: 'reset' });
    await by.ok('file-close', { fd: peer });
    const eid = early ?? (await register(p, 'close', fd));
    await p.ok('start', { eid });

    expect(await p.nextCall()).toMatchObject({ eid, fd });
    expect(await lives(p, eid)).toBe(false);
  }
});

verifies('AEM-IP-036', 'that the peer is killed is told', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd } = await connection(p, by);
  const [read, close] = [await started(p, 'read', fd), await started(p, 'close', fd)];

  await by.process.kill(9);

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls.map(({ eid }) => eid).sort()).toEqual([read, close].sort());
  expect(calls.find(({ eid }) => eid === read)).toMatchObject({ len: 0 });
});

verifies('AEM-IP-037', 'what the program shuts down itself is not told', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'close', fd);

  for (const how of [1, 0]) await p.ok('sock-shutdown', { fd, how });
  expect(await p.settle()).toEqual([]);
  await by.ok('file-close', { fd: peer });

  expect(await p.nextCall()).toMatchObject({ eid, fd });
});

verifies('AEM-IP-038', 'a connection that is there is told at once', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { port } = await listen(by);
  const { fd } = await connect(p, port, { nonblock: 1 });

  const eid = await started(p, 'connect', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd, error: '' });
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-IP-038', 'a connection that comes later is told then', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const server = await listen(by, { listen: 0 });
  await connect(by, server.port);
  // The backlog is full: this one is tried again by TCP, after a second.
  const { fd } = await connect(p, server.port, { nonblock: 1 });
  const eid = await started(p, 'connect', fd);

  expect(await p.settle()).toEqual([]);
  await by.ok('sock-accept', { fd: server.fd });

  expect(await p.nextCall()).toMatchObject({ eid, fd, error: '' });
});

verifies('AEM-IP-039', 'a connection that is refused is told, with the error', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { fd: closed, port } = await listen(by);
  await by.ok('file-close', { fd: closed });
  const { fd } = await connect(p, port, { nonblock: 1 });

  const eid = await started(p, 'connect', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd, error: 'ECONNREFUSED' });
  expect(await lives(p, eid)).toBe(false);
  expect(await p.ok('sock-error', { fd })).toBe(0);
});

verifies('AEM-IP-040', 'room to send is told when there is some again', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { fd, peer } = await connection(p, by);
  await by.ok('sock-option', { fd: peer, name: 'rcvbuf', value: 8192 });
  await p.ok('sock-option', { fd, name: 'sndbuf', value: 8192 });
  const eid = await started(p, 'write', fd);
  let [sent, early] = [0, 1];
  for (let rounds = 0; early > 0 && rounds < 50; rounds++) {
    sent += await fill(p, fd);
    early = (await p.settle()).length;
  }

  expect(early).toBe(0);
  for (let got = 0; got < sent; ) got += await by.ok('sock-recv', { fd: peer, wait: 1 });

  expect(await p.nextCall()).toMatchObject({ eid, fd });
  expect(await p.ok('sock-send', { fd, len: 2048, nonblock: 1 })).toBe(2048);
});
