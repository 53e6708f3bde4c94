// SPDX-License-Identifier: GPL-2.0-only
/** Messages, which receive events hand over. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import { arrived, bind, callsOf, connection, lives, make, named, owner, peer, received, register, send, startAll, started, text, to } from './sockets.ts';

const kinds = ['rdm', 'dgram'] as const;
const connected = ['seqpacket', 'stream'] as const;
const [emsgsize, enobufs] = [-90, -105];

verifies('AEM-TIPC-008', 'the handler gets the socket, the data, its length and whom it is from', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  for (const kind of kinds) {
    const { fd } = await bind(p, 1, { kind });
    const from = await make(by, { kind });
    const eid = await started(p, 'receive', fd);

    await send(by, from.fd, 'hello', named(1));

    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, fd, len: 5, ref: from.ref, node: from.node, what: 'message', code: 0 });
    expect(text(call)).toBe('hello');
    await p.ok('file-close', { fd });
  }
});

verifies('AEM-TIPC-008', 'of a connection, too', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  for (const kind of connected) {
    const { fd, other } = await connection(p, by, { kind });
    const eid = await started(p, 'receive', fd);

    await send(by, other.fd, 'hello');

    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, fd, len: 5, ref: other.ref, node: other.node, what: 'message' });
    expect(text(call)).toBe('hello');
  }
});

verifies('AEM-TIPC-009', 'the name that a message was sent to is told, and none of a port identity', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const server = await bind(p, 7);
  const from = await make(by);
  await started(p, 'receive', server.fd);

  await send(by, from.fd, 'one', named(7));
  await send(by, from.fd, 'two', to(server));

  const [first, second] = await callsOf(p, 2);
  expect(first).toMatchObject({ dest: '5000:7:7' });
  expect(text(second ?? {})).toBe('two');
  expect(second).not.toHaveProperty('dest');
});

verifies('AEM-TIPC-010', 'what the handler has been given is no more in the socket', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  const eid = await started(p, 'receive', fd);
  await p.ok('on', { eid, do: `recv:${fd}` });

  await send(by, from.fd, 'message', named(1));

  expect(await p.nextCall()).toMatchObject({ eid, len: 7 });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-011', 'each message is a call of its own, in order', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const words = ['one', 'two', 'three', 'four', 'five', 'six'] as const;
  for (const kind of kinds) {
    const { fd } = await bind(p, 1, { kind });
    const from = await make(by, { kind });
    const eid = await register(p, 'receive', fd);

    for (const word of words.slice(0, 4)) await send(by, from.fd, word, named(1));
    await p.ok('start', { eid });
    for (const word of words.slice(4)) await send(by, from.fd, word, named(1));

    expect((await callsOf(p, words.length)).map(text)).toEqual(words);
    expect(await p.settle()).toEqual([]);
    await p.ok('file-close', { fd });
  }
});

verifies('AEM-TIPC-011', 'of sequenced packets, too', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd, other } = await connection(p, by);
  const words = ['one', 'two', 'three', 'four', 'five', 'six'] as const;
  const eid = await register(p, 'receive', fd);

  for (const word of words.slice(0, 4)) await send(by, other.fd, word);
  await p.ok('start', { eid });
  for (const word of words.slice(4)) await send(by, other.fd, word);

  expect((await callsOf(p, words.length)).map(text)).toEqual(words);
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-012', 'a stream comes in pieces, with nothing missing', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd, other } = await connection(p, by, { kind: 'stream' });
  const eid = await register(p, 'receive', fd);
  const [bytes, piece] = [50_000, context.limit('piece')];

  await by.ok('tipc-send', { fd: other.fd, len: bytes });
  await send(by, other.fd, 'end');
  await p.ok('start', { eid });

  let [all, last] = [0, ''];
  while (all < bytes + 3) {
    const call = await p.nextCall();
    expect(call.len).toBeLessThanOrEqual(piece);
    expect(call.len).toBeGreaterThan(0);
    all += call.len ?? 0;
    last = text(call);
  }
  expect(all).toBe(bytes + 3);
  expect(last.endsWith('end') || (last.startsWith('x') && last.length === 64)).toBe(true);
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-013', 'messages of any length are whole', async (context) => {
  const [p, by] = [await owner(context, {}, 1 << 20), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  await started(p, 'receive', fd);

  for (const len of [1, 1500, 20_000, context.limit('longest')]) {
    await by.ok('tipc-send', { fd: from.fd, len, byte: 9, ...named(1) });
    expect(await p.nextCall()).toMatchObject({ len, ref: from.ref, dest: '5000:1:1' });
  }
});

verifies('AEM-TIPC-014', 'a message that the zone cannot hold is told as an error', async (context) => {
  const [p, by] = [await owner(context, {}, 4096), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  const eid = await register(p, 'receive', fd);

  await by.ok('tipc-send', { fd: from.fd, len: 5000, ...named(1) });
  await send(by, from.fd, 'next', named(1));
  await p.ok('start', { eid });

  expect(await p.nextCall()).toMatchObject({ eid, len: emsgsize, ref: from.ref });
  expect(text(await p.nextCall())).toBe('next');
});

verifies('AEM-TIPC-014', 'of a connection, too, and that goes on', async (context) => {
  const [p, by] = [await owner(context, {}, 4096), await peer(context)];
  const { fd, other } = await connection(p, by);
  const eid = await started(p, 'receive', fd);

  await by.ok('tipc-send', { fd: other.fd, len: 5000 });
  await send(by, other.fd, 'next');

  expect(await p.nextCall()).toMatchObject({ eid, len: emsgsize, ref: other.ref });
  expect(text(await p.nextCall())).toBe('next');
});

verifies('AEM-TIPC-015', 'while it is stopped the program reads by itself, and what it has read is not told', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  const eid = await started(p, 'receive', fd);
  await p.ok('stop', { eid });

  for (const word of ['mine', 'its']) await send(by, from.fd, word, named(1));
  expect(await received(p, fd)).toBe('mine');
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });

  expect(text(await p.nextCall())).toBe('its');
  expect(await p.settle()).toEqual([]);
  await p.ok('stop', { eid });
  await send(by, from.fd, 'mine', named(1));
  expect(await received(p, fd)).toBe('mine');
  await p.ok('start', { eid });

  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-016', 'a message whose handler is not called is the next one’s', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const [first, second] = [await bind(p, 1), await bind(p, 2)];
  const [x, y] = [await make(by), await make(by)];
  const [a, b] = [await register(p, 'receive', first.fd), await register(p, 'receive', second.fd)];
  // It has been read by then.
  await p.ok('on', { eid: a, do: `recv:${second.fd},stop:${b}` });
  await send(by, x.fd, 'one', named(1));
  await send(by, x.fd, 'two', named(2));
  for (const { fd } of [first, second]) await arrived(p, fd);

  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  expect(await p.settle()).toEqual([]);
  await send(by, y.fd, 'three', named(2));
  await p.ok('start', { eid: b });

  const calls = await callsOf(p, 2);
  expect(calls.map(text)).toEqual(['two', 'three']);
  expect(calls).toMatchObject([
    { eid: b, ref: x.ref, dest: '5000:2:2' },
    { eid: b, ref: y.ref, dest: '5000:2:2' },
  ]);
});

/** A connection of which an event that is stopped keeps data; nothing is in its socket. */
async function keeping(p: Probe, by: Probe, kind: (typeof connected)[number]): Promise<{ readonly fd: number; readonly eid: number }> {
  const [first, second] = [await connection(p, by, { kind }), await connection(p, by, { kind })];
  const [a, b] = [await register(p, 'receive', first.fd), await register(p, 'receive', second.fd)];
  await p.ok('on', { eid: a, do: `recv:${second.fd},stop:${b}` });
  await send(by, first.other.fd, 'one');
  await send(by, second.other.fd, 'two');
  for (const { fd } of [first, second]) await arrived(p, fd);
  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  expect(await p.notice('did')).toMatchObject({ did: 'stop' });
  await p.ok('file-close', { fd: first.fd });
  return { fd: second.fd, eid: b };
}

verifies('AEM-TIPC-017', 'data that is kept is not lost in silence', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  for (const kind of connected) {
    const { fd, eid } = await keeping(p, by, kind);

    await p.ok('shutdown', { eid });

    expect(await received(p, fd)).toBe('ENOBUFS');
    await p.ok('file-close', { fd });
  }
});

verifies('AEM-TIPC-017', 'the event of another process on the connection is told of it', async (context) => {
  const [p, by, other] = [await owner(context), await peer(context), await owner(context)];
  for (const kind of connected) {
    const { fd, eid } = await keeping(p, by, kind);
    const theirs = await started(other, 'receive', await other.ok('sock-take', { pid: p.pid, fd }));
    expect(await other.settle()).toEqual([]);

    await p.ok('shutdown', { eid });

    expect(await other.nextCall()).toMatchObject({ eid: theirs, len: enobufs });
    expect(await lives(other, theirs)).toBe(false);
    await p.ok('file-close', { fd });
  }
});

verifies('AEM-TIPC-025', 'who sends waits until there is room', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd, other } = await connection(p, by);
  const eid = await register(p, 'receive', fd);
  const len = 10_000;

  const sent = await by.ok('tipc-send', { fd: other.fd, len, count: 100_000, nonblock: 1 });
  expect(sent).toBeLessThan(100_000);
  await p.ok('start', { eid });
  const calls = await callsOf(p, sent);
  expect(calls.every((call) => call.len === len)).toBe(true);
  await send(by, other.fd, 'more');

  expect(text(await p.nextCall())).toBe('more');
});

verifies('AEM-TIPC-026', 'without room in the zone a message waits', async (context) => {
  const [p, by] = [await owner(context, {}, 4096), await peer(context)];
  const [first, second] = [await bind(p, 1), await bind(p, 2)];
  const from = await make(by);
  const [a, b] = [await register(p, 'receive', first.fd), await register(p, 'receive', second.fd)];
  for (const instance of [1, 2]) await by.ok('tipc-send', { fd: from.fd, len: 3000, ...named(instance) });
  for (const { fd } of [first, second]) await arrived(p, fd);

  await startAll(p);

  expect(await callsOf(p, 2)).toMatchObject([
    { eid: a, len: 3000 },
    { eid: b, len: 3000 },
  ]);
});

verifies('AEM-TIPC-027', 'a handler process has the message', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  await started(p, 'receive', fd, { flags: evf.fork | evf.nocldwait });

  await send(by, from.fd, 'hello', named(1));

  const call = await p.nextCall();
  expect(call).toMatchObject({ ppid: p.pid, len: 5, ref: from.ref });
  expect(text(call)).toBe('hello');
});

verifies('AEM-TIPC-028', 'a one-shot event takes one message', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await bind(p, 1);
  const from = await make(by);
  const eid = await register(p, 'receive', fd, { flags: evf.oneshot });
  for (const word of ['one', 'two']) await send(by, from.fd, word, named(1));

  await p.ok('start', { eid });

  expect(text(await p.nextCall())).toBe('one');
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(false);
  expect(await received(p, fd)).toBe('two');
});

verifies('AEM-TIPC-029', 'each of many messages arrives once and in order, whatever stops and starts', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd, other } = await connection(p, by);
  const eid = await started(p, 'receive', fd);
  const count = context.limit('messages');

  for (let sent = 0; sent < count; sent += 20) {
    const burst = Array.from({ length: 20 }, (_, i) => send(by, other.fd, `message${sent + i}`));
    const stops = [p.ok('stop', { eid }), p.ok('start', { eid })];
    await Promise.all([...burst, ...stops]);
  }

  const got = (await callsOf(p, count)).map(text);
  expect(got).toEqual(Array.from({ length: count }, (_, i) => `message${i}`));
  expect(await p.settle()).toEqual([]);
});
