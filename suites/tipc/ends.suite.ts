// SPDX-License-Identifier: GPL-2.0-only
/** Connections that end, and congestion that does. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { bind, callsOf, code, connect, connection, lives, make, owner, peer, register, send, started, text } from './sockets.ts';

const kinds = ['seqpacket', 'stream'] as const;
const [econnreset, econnrefused] = [-104, -111];
/** SHUT_RDWR; TIPC has no halves. */
const both = 2;

verifies('AEM-TIPC-018', 'a connection that is shut down ends with 0, after its data', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  for (const kind of kinds) {
    const { fd, other } = await connection(p, by, { kind });
    const eid = await register(p, 'receive', fd);

    await send(by, other.fd, 'last');
    await by.ok('sock-shutdown', { fd: other.fd, how: both });
    await p.ok('start', { eid });

    const [data, end] = await callsOf(p, 2);
    expect(text(data ?? {})).toBe('last');
    expect(end).toMatchObject({ eid, fd, len: 0 });
    expect(await lives(p, eid)).toBe(false);
  }
});

verifies('AEM-TIPC-019', 'one that is closed breaks, after its data', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  for (const kind of kinds) {
    const { fd, other } = await connection(p, by, { kind });
    const eid = await register(p, 'receive', fd);

    await send(by, other.fd, 'last');
    await by.ok('file-close', { fd: other.fd });
    await p.ok('start', { eid });

    const [data, end] = await callsOf(p, 2);
    expect(text(data ?? {})).toBe('last');
    expect(end).toMatchObject({ eid, fd, len: econnreset });
    expect(await lives(p, eid)).toBe(false);
  }
});

verifies('AEM-TIPC-019', 'so does one whose peer is killed, whatever it had not read', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const [{ fd }, unread] = [await connection(p, by), await connection(p, by)];
  const eid = await started(p, 'receive', fd);
  await send(p, unread.fd, 'unread');
  const second = await started(p, 'receive', unread.fd);

  await by.process.kill(9);

  const calls = await callsOf(p, 2);
  expect(calls).toContainEqual(expect.objectContaining({ eid, fd, len: econnreset }));
  expect(calls).toContainEqual(expect.objectContaining({ eid: second, fd: unread.fd, len: econnreset }));
});

verifies('AEM-TIPC-020', 'one that is refused ends with the error', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  await bind(by, 1, { kind: 'seqpacket' });
  const { fd } = await connect(p, 1);

  const eid = await started(p, 'receive', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd, len: econnrefused });
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-TIPC-030', 'the end is told once, with how it came', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const ends = [
    ['sock-shutdown', { how: both }, code.shutdown],
    ['file-close', {}, code.noPort],
  ] as const;
  for (const kind of kinds) {
    for (const [verb, how, why] of ends) {
      const { fd, other } = await connection(p, by, { kind });
      const eid = await started(p, 'error', fd);
      await send(by, other.fd, 'unread');
      expect(await p.settle()).toEqual([]);

      await by.ok(verb, { fd: other.fd, ...how });

      expect(await p.nextCall()).toMatchObject({ eid, fd, code: why });
      expect(await lives(p, eid)).toBe(false);
    }
  }
});

verifies('AEM-TIPC-030', 'that the peer is killed is told, also before the event is there', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const [first, second] = [await connection(p, by), await connection(p, by)];
  const a = await started(p, 'error', first.fd);

  await by.process.kill(9);

  expect(await p.nextCall()).toMatchObject({ eid: a, fd: first.fd, code: code.noPort });
  const b = await started(p, 'error', second.fd);
  expect(await p.nextCall()).toMatchObject({ eid: b, fd: second.fd, code: code.noPort });
});

verifies('AEM-TIPC-031', 'the same is told when the end has been received', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd, other } = await connection(p, by);
  const error = await register(p, 'error', fd);
  const eid = await started(p, 'receive', fd);

  await by.ok('file-close', { fd: other.fd });
  expect(await p.nextCall()).toMatchObject({ eid, len: econnreset });
  await p.ok('start', { eid: error });

  expect(await p.nextCall()).toMatchObject({ eid: error, fd, code: code.noPort });
});

verifies('AEM-TIPC-032', 'a refusal is told with its reason', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  await bind(by, 1, { kind: 'seqpacket' });
  const { fd } = await connect(p, 1);

  const eid = await started(p, 'error', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd, code: code.noPort });
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-TIPC-033', 'what the program shuts down itself is not told', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const { fd } = await connection(p, by);
  const eid = await started(p, 'error', fd);

  await p.ok('sock-shutdown', { fd, how: both });

  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(true);
});

verifies('AEM-TIPC-034', 'it is told at first, and each time that a connection’s congestion has ended', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  for (const kind of kinds) {
    const { fd, other } = await connection(p, by, { kind });
    const eid = await started(p, 'continue', fd);
    expect(await p.nextCall()).toMatchObject({ eid, fd });

    for (let round = 0; round < 2; round++) {
      await p.ok('tipc-send', { fd, len: 10_000, count: 100_000, nonblock: 1 });
      expect(await p.settle()).toEqual([]);
      let taken = await by.send('tipc-take', { fd: other.fd });
      while (taken.ret > 0) taken = await by.send('tipc-take', { fd: other.fd });

      expect(await p.nextCall()).toMatchObject({ eid, fd });
      await p.settle();
    }
    await p.ok('file-close', { fd });
  }
});

verifies('AEM-TIPC-034', 'it is told of a socket without connections', async (context) => {
  const p = await peer(context);
  const { fd } = await make(p);

  const eid = await started(p, 'continue', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd });
});
