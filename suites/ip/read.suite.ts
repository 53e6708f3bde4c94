// SPDX-License-Identifier: GPL-2.0-only
/** Data of TCP connections, which read events hand over. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import type { Arguments, Probe } from '../harness/probe.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { alice, arrived, connection, fill, lives, owner, received, register, send, startAll, started, stream, text, udp } from './sockets.ts';
import type { Connection } from './sockets.ts';

const [econnreset, enobufs] = [-104, -105];

interface Two {
  readonly p: Probe;
  readonly by: Probe;
}

async function two({ probe }: Pick<Context, 'probe'>, size?: number): Promise<Two> {
  return { p: await owner(probe, {}, size), by: await probe() };
}

/** The second connection and its event; the first one's event, and its peer. */
interface Revoked extends Connection {
  readonly eid: number;
  readonly a: number;
  readonly firstPeer: number;
}

/**
 * Two connections, both with data, whose read events are in one batch. The
 * handler of the first does something when the data of the second is read and
 * its handler was not called.
 */
async function revoked({ p, by }: Two, what: (eid: number) => string, and: (second: Connection) => Promise<unknown> = () => Promise.resolve()): Promise<Revoked> {
  const [first, second] = [await connection(p, by), await connection(p, by)];
  const [a, eid] = [await register(p, 'read', first.fd), await register(p, 'read', second.fd)];
  await p.ok('on', { eid: a, do: `recv:${second.fd},${what(eid)}` });
  await send(by, first.peer, 'one');
  await send(by, second.peer, 'two');
  await arrived(p, first.fd, 3);
  await arrived(p, second.fd, 3);
  await and(second);
  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', errno: 'EAGAIN' });
  return { ...second, eid, a, firstPeer: first.peer };
}

/** What is kept of an event’s stream, as text, or the error. */
async function taken(p: Probe, eid: number, how: Arguments = {}): Promise<string> {
  const answer = await p.send('ip-take', { eid, ...how });
  if (answer.ret < 0) return answer.errno ?? '?';
  return Buffer.from(String(answer['data'] ?? ''), 'hex').toString();
}

verifies('AEM-IP-011', 'the handler gets the data', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);

  for (const word of ['hello', 'and', 'yonder']) {
    await send(by, peer, word);

    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, fd, len: word.length });
    expect(text(call)).toBe(word);
  }
});

verifies('AEM-IP-012', 'what the handler gets is read from the socket', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);
  await p.ok('on', { eid, do: `recv:${fd}` });

  await send(by, peer, 'twelve-bytes');

  expect(await p.nextCall()).toMatchObject({ eid, len: 12 });
  expect(await p.notice('did')).toMatchObject({ did: 'recv', ret: -1, errno: 'EAGAIN' });
  expect(await received(p, fd)).toBe('EAGAIN');
});

verifies('AEM-IP-013', 'the handler is called as long as there is data, in order', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await register(p, 'read', fd);
  for (const byte of [1, 2, 3, 4]) await by.ok('sock-send', { fd: peer, len: 10_000, byte });
  await arrived(p, fd, 40_000);

  await p.ok('start', { eid });

  const calls = [];
  for (let left = 40_000; left > 0; ) {
    const call = await p.nextCall();
    expect(call.len).toBeLessThanOrEqual(context.limit('piece'));
    calls.push(call);
    left -= call.len ?? 0;
  }
  expect(calls.length).toBe(3);
  expect(calls.map(({ data }) => data?.slice(0, 2))).toEqual(['01', '02', '04']);
});

verifies('AEM-IP-014', 'the end of the stream comes last, and ends the event', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);

  await send(by, peer, 'last');
  await by.ok('file-close', { fd: peer });

  expect(await stream(p)).toBe('last');
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-IP-014', 'an end from before the event was there is told', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  await by.ok('file-close', { fd: peer });

  const eid = await started(p, 'read', fd);

  expect(await p.nextCall()).toMatchObject({ eid, fd, len: 0 });
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-IP-015', 'a reset is told as an error, and ends the event', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);

  await by.ok('sock-option', { fd: peer, name: 'reset' });
  await by.ok('file-close', { fd: peer });

  expect(await p.nextCall()).toMatchObject({ eid, fd, len: econnreset });
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-IP-016', 'after the end of the stream the socket sends', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  await started(p, 'read', fd);

  await by.ok('sock-shutdown', { fd: peer });
  expect(await p.nextCall()).toMatchObject({ len: 0 });
  await send(p, fd, 'reply');

  expect(await received(by, peer, { wait: 1 })).toBe('reply');
});

verifies('AEM-IP-017', 'while the event is stopped the program reads by itself', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd);
  await p.ok('stop', { eid });

  await send(by, peer, 'hello');
  expect(await received(p, fd, { wait: 1 })).toBe('hello');
  await p.ok('start', { eid });
  expect(await p.settle()).toEqual([]);
  await send(by, peer, 'more');

  expect(text(await p.nextCall())).toBe('more');
});

verifies('AEM-IP-018', 'data whose handler is not called is the first of the next one', async (context) => {
  const both = await two(context);
  const { p, by } = both;
  const { fd, peer, eid } = await revoked(both, (event) => `stop:${event}`);
  expect(await p.settle()).toEqual([]);

  await send(by, peer, 'more');
  await arrived(p, fd, 4);
  await p.ok('start', { eid });

  expect(text(await p.nextCall())).toBe('two');
  expect(text(await p.nextCall())).toBe('more');
  await by.ok('file-close', { fd: peer });
  expect(await p.nextCall()).toMatchObject({ eid, len: 0 });
});

verifies('AEM-IP-018', 'what is kept is complete, however much it is, and nobody else’s', async (context) => {
  const both = await two(context);
  const { p, by } = both;
  const other = await context.probe();
  let theirs = -1;
  const { eid } = await revoked(both, (event) => `stop:${event}`, async ({ fd, peer }) => {
    await by.ok('sock-send', { fd: peer, len: 12_000, byte: 7 });
    await arrived(p, fd, 12_003);
    theirs = await other.ok('sock-take', { pid: p.pid, fd });
  });
  expect(await p.settle()).toEqual([]);
  expect(await received(other, theirs)).toBe('EAGAIN');

  await p.ok('start', { eid });

  expect(await p.nextCall()).toMatchObject({ eid, len: 12_003, data: `${Buffer.from('two').toString('hex')}${'07'.repeat(61)}` });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-IP-019', 'when the event is shut down the socket has an error', async (context) => {
  const both = await two(context);
  const { p } = both;
  const { fd, eid } = await revoked(both, (event) => `shutdown:${event}`);

  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(false);
  expect(await received(p, fd)).toBe('ENOBUFS');
});

verifies('AEM-IP-019', 'the same when the event was stopped first', async (context) => {
  const both = await two(context);
  const { p } = both;
  const { fd, eid } = await revoked(both, (event) => `stop:${event}`);

  expect(await received(p, fd)).toBe('EAGAIN');
  await p.ok('shutdown', { eid });

  expect(await received(p, fd)).toBe('ENOBUFS');
});

verifies('AEM-IP-019', 'the same for whoever has the socket when the program ends, or becomes another one', async (context) => {
  for (const end of ['ends', 'becomes another one']) {
    const both = await two(context);
    const { p, by } = both;
    const other = await context.probe();
    let theirs = -1;
    const { a, firstPeer } = await revoked(both, (event) => `stop:${event}`, async ({ fd }) => {
      theirs = await other.ok('sock-take', { pid: p.pid, fd });
    });
    expect(await received(other, theirs)).toBe('EAGAIN');

    if (end === 'ends') {
      await p.process.kill(9);
      await p.exited;
    } else {
      await p.ok('on', { eid: a, do: 'exec-probe' });
      await send(by, firstPeer, 'exec');
      await p.notice('ready');
    }

    expect(await received(other, theirs), end).toBe('ENOBUFS');
  }
});

verifies('AEM-IP-020', 'the program takes what is kept, and then reads by itself', async (context) => {
  const both = await two(context);
  const { p, by } = both;
  const { fd, peer, eid } = await revoked(both, (event) => `stop:${event}`);

  expect(await taken(p, eid)).toBe('two');
  expect(await p.send('ip-take', { eid })).toMatchObject({ ret: 0 });
  await p.ok('shutdown', { eid });
  await send(by, peer, 'more');
  await by.ok('file-close', { fd: peer });

  expect(await received(p, fd, { wait: 1 })).toBe('more');
  expect(await received(p, fd, { wait: 1 })).toBe('');
});

verifies('AEM-IP-020', 'what is not taken is kept', async (context) => {
  const both = await two(context);
  const { p } = both;
  const other = await context.probe();
  const { eid } = await revoked(both, (event) => `stop:${event}`);

  expect(await taken(p, eid, { len: 2 })).toBe('EMSGSIZE');
  expect(await taken(p, eid, { badaddr: 1 })).toBe('EFAULT');
  expect(await p.on('io', 'ip-take', { eid })).toMatchObject({ ret: -1, errno: 'EPERM' });
  expect(await taken(other, eid)).toBe('EPERM');
  await p.ok('start', { eid });

  expect(text(await p.nextCall())).toBe('two');
  expect(await taken(p, eid)).toBe('');
});

verifies('AEM-IP-020', 'only of a stream something can be taken', async (context) => {
  const { p, by } = await two(context);
  const [{ fd }, datagrams] = [await connection(p, by), await udp(p)];
  const [read, close, datagram] = [await register(p, 'read', fd), await register(p, 'close', fd), await register(p, 'read', datagrams.fd)];

  expect(await taken(p, read)).toBe('');
  for (const eid of [close, datagram]) expect(await taken(p, eid)).toBe('EINVAL');
});

verifies('AEM-IP-059', 'at the quota data of a stream cannot be kept: its handler is told', async (context) => {
  const both = { p: await owner(context.probe, alice), by: await context.probe() };
  const { p } = both;
  // Two events, each of which counts as two.
  const { eid } = await revoked(both, (event) => `stop:${event}`, () => set(context, maxUserEvents, 4));

  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });

  expect(await p.nextCall()).toMatchObject({ eid, len: enobufs });
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-IP-059', 'the quota is that of who registered the event, whoever its program is by now', async (context) => {
  const both = await two(context);
  const { p } = both;
  const { eid } = await revoked(both, (event) => `stop:${event}`, async () => {
    await p.ok('become', { uid: alice.uid });
    await set(context, maxUserEvents, 4);
  });

  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });

  expect(await p.nextCall()).toMatchObject({ eid, len: enobufs });
});

verifies('AEM-IP-021', 'a stopped event has the peer wait, and nothing is lost', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  await p.ok('sock-option', { fd, name: 'rcvbuf', value: 8192 });
  await by.ok('sock-option', { fd: peer, name: 'sndbuf', value: 8192 });
  const eid = await started(p, 'read', fd);
  await p.ok('stop', { eid });

  const sent = await fill(by, peer);
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });

  let got = 0;
  while (got < sent) got += (await p.nextCall()).len ?? 0;
  expect(got).toBe(sent);
  await send(by, peer, 'more');
  expect(text(await p.nextCall())).toBe('more');
});

verifies('AEM-IP-022', 'data waits in the socket while the zone is full', async (context) => {
  const { p, by } = await two(context, 4096);
  const [first, second] = [await connection(p, by), await connection(p, by)];
  const [low, high] = [await started(p, 'read', first.fd), await started(p, 'read', second.fd)];
  await p.ok('priority', { eid: high, priority: 5 });
  await p.ok('on', { eid: low, do: 'hold,return' });

  await by.ok('sock-send', { fd: first.peer, len: 3000, byte: 1 });
  await p.notice('holding');
  await by.ok('sock-send', { fd: second.peer, len: 3000, byte: 2 });
  expect(await p.on('io', 'sock-queued', { fd: second.fd, len: 3000 })).toMatchObject({ ret: 3000 });
  await p.on('io', 'release', { eid: low });

  expect(await p.nextCall()).toMatchObject({ eid: low, len: 3000, data: '01'.repeat(64) });
  const late = await p.nextCall();
  expect(late).toMatchObject({ eid: high, len: 3000, data: '02'.repeat(64), depth: 1 });
  expect(p.returns()).toMatchObject([{ eid: low, data: '01'.repeat(64) }]);
  expect(p.returns()[0]?.seq).toBeLessThan(late.seq);
});

verifies('AEM-IP-023', 'the low-water mark is waited for, but for the end', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  await p.ok('sock-option', { fd, name: 'lowat', value: 10 });
  const eid = await started(p, 'read', fd);

  await send(by, peer, 'four');
  await arrived(p, fd, 4);
  expect(await p.settle()).toEqual([]);
  await send(by, peer, 'sixsix');
  expect(await p.nextCall()).toMatchObject({ eid, len: 10 });
  await send(by, peer, 'rest');
  await by.ok('file-close', { fd: peer });

  expect(await stream(p)).toBe('rest');
});

verifies('AEM-IP-024', 'an urgent byte is in the stream where the socket wants it, else not', async (context) => {
  const { p, by } = await two(context);

  for (const [inline, all] of [[0, 'abcdefgh'], [1, 'abXcdefYgh']] as const) {
    const { fd, peer } = await connection(p, by);
    await p.ok('sock-option', { fd, name: 'oobinline', value: inline });
    await started(p, 'read', fd);

    await send(by, peer, 'ab');
    await send(by, peer, 'X', { oob: 1 });
    await send(by, peer, 'cdef');
    // The next one makes TCP forget where this one is.
    let got = '';
    while (!got.endsWith('cdef')) got += text(await p.nextCall());
    await send(by, peer, 'Y', { oob: 1 });
    await send(by, peer, 'gh');
    await by.ok('file-close', { fd: peer });

    expect(got + (await stream(p))).toBe(all);
  }
});

verifies('AEM-IP-024', 'an urgent byte that waits in the socket is passed by', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await register(p, 'read', fd);
  await send(by, peer, 'ab');
  await send(by, peer, 'X', { oob: 1 });
  await send(by, peer, 'cd');
  await by.ok('file-close', { fd: peer });

  await p.ok('start', { eid });

  expect(await stream(p)).toBe('abcd');
});

verifies('AEM-IP-027', 'a handler process gets the data', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await started(p, 'read', fd, { flags: evf.fork | evf.nocldwait });

  for (const word of ['hello', 'again']) {
    await send(by, peer, word);

    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, fd, len: word.length, ppid: p.pid });
    expect(text(call)).toBe(word);
  }
});

verifies('AEM-IP-028', 'a one-shot event leaves the rest', async (context) => {
  const { p, by } = await two(context);
  const { fd, peer } = await connection(p, by);
  const eid = await register(p, 'read', fd, { flags: evf.oneshot });
  await by.ok('sock-send', { fd: peer, len: 20_000, byte: 3 });
  await arrived(p, fd, 20_000);

  await p.ok('start', { eid });

  const { len = 0 } = await p.nextCall();
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(false);
  expect(len).toBeGreaterThan(0);
  await arrived(p, fd, 20_000 - len);
});
