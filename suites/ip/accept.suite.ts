// SPDX-License-Identifier: GPL-2.0-only
/** Connections, which accept events hand over. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import { set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { accepted, alice, connect, descriptors, family, listen, lives, owner, received, register, send, startAll, started, text } from './sockets.ts';
import type { Socket } from './sockets.ts';

const anyAddress = { addrlen: 128 } as const;

interface Revoked {
  readonly a: number;
  readonly b: number;
  /** The second event's socket, and what was connected to it. */
  readonly second: Socket;
  readonly peer: Socket;
  /** How many descriptors there were before. */
  readonly before: number;
}

/**
 * Two listening sockets with a connection each, whose accept events are in one
 * batch. The handler of the first does something before the second's is called;
 * both connections have a descriptor by then.
 */
async function revoked(context: Pick<Context, 'sh'>, p: Probe, by: Probe, what: (second: Socket, b: number) => string): Promise<Revoked> {
  const [first, second] = [await listen(p), await listen(p)];
  const [a, b] = [await register(p, 'accept', first.fd), await register(p, 'accept', second.fd, anyAddress)];
  await p.ok('on', { eid: a, do: `descriptors,${what(second, b)}` });
  await connect(by, first.port);
  const peer = await connect(by, second.port);
  const before = await descriptors(context, p);

  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'descriptors', ret: before + 2 });
  return { a, b, second, peer, before };
}

verifies('AEM-IP-001', 'the handler gets the listening socket and the new connection', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const server = await listen(p);
  const eid = await started(p, 'accept', server.fd);

  const { fd } = await connect(by, server.port);
  const call = await p.nextCall();

  expect(call).toMatchObject({ eid, fd: server.fd });
  await send(by, fd, 'hello');
  expect(await received(p, call.new ?? -1, { wait: 1 })).toBe('hello');
});

verifies('AEM-IP-002', 'the peer’s address is written, as much of it as there is room for', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];

  for (const [how, written] of [[anyAddress, 16], [{ addrlen: 4 }, 4], [{}, 0], [{ addrlen: 16, badaddr: 1 }, 0]] as const) {
    const server = await listen(p);
    const eid = await started(p, 'accept', server.fd, how);
    const { port } = await connect(by, server.port);

    const call = await p.nextCall();

    // What the probe has put there before, 0x5a, may be the last byte of the port.
    expect(call).toMatchObject({ eid, written: written === 4 && port % 256 === 0x5a ? 3 : written });
    if (written >= 4) expect(call).toMatchObject({ family: family.inet, port });
  }
});

verifies('AEM-IP-057', 'the handler is told how long the address is, and 0 without one', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];

  for (const [how, addrlen] of [[anyAddress, 16], [{ addrlen: 4 }, 16], [{}, 0], [{ addrlen: 16, badaddr: 1 }, 0]] as const) {
    const server = await listen(p);
    const eid = await started(p, 'accept', server.fd, how);
    await connect(by, server.port);

    expect(await p.nextCall()).toMatchObject({ eid, addrlen });
  }
});

verifies('AEM-IP-003', 'each connection is one call, in order, from before the event was there and from later', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const server = await listen(p);
  const ports: number[] = [];
  const more = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) ports.push((await connect(by, server.port)).port);
  };

  await more();
  const eid = await register(p, 'accept', server.fd, anyAddress);
  await more();
  await p.ok('start', { eid });
  await more();

  const calls = [];
  while (calls.length < ports.length) calls.push(await p.nextCall());
  expect(calls.map(({ port }) => port)).toEqual(ports);
  expect(new Set(calls.map((call) => call.new)).size).toBe(ports.length);
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-IP-004', 'the new descriptor has the flags that were asked for', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];

  for (const [flags, cloexec, nonblock] of [[0, 0, 0], [accepted.cloexec, 1, 0], [accepted.nonblock, 0, 1], [accepted.cloexec | accepted.nonblock, 1, 1]] as const) {
    // Its own flags are the others.
    const server = await listen(p, nonblock ? {} : { nonblock: 1 });
    await started(p, 'accept', server.fd, { flags });
    await connect(by, server.port);

    expect(await p.nextCall()).toMatchObject({ cloexec, nonblock });
  }
});

verifies('AEM-IP-005', 'without descriptors connections wait until there are some', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const server = await listen(p);
  const eid = await started(p, 'accept', server.fd, anyAddress);
  await p.ok('descriptors', { full: 1 });

  const ports = [(await connect(by, server.port)).port, (await connect(by, server.port)).port];
  expect(await p.settle()).toEqual([]);
  await p.ok('descriptors');

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls.map(({ port }) => port)).toEqual(ports);
  expect(calls).toMatchObject([{ eid }, { eid }]);
});

verifies('AEM-IP-006', 'without files in the system connections wait until there are some', async (context) => {
  const [p, by] = [await context.probe(alice), await context.probe()];
  const server = await listen(p);
  const eid = await started(p, 'accept', server.fd, anyAddress);
  const most = await context.sh('cat /proc/sys/fs/file-max');
  // Not 1: how many there are the kernel looks up without what its processors have not added yet.
  await set(context, '/proc/sys/fs/file-max', 0);

  const { port } = await connect(by, server.port);
  expect(await p.settle()).toEqual([]);
  await context.sh(`echo ${most} > /proc/sys/fs/file-max`);

  expect(await p.nextCall()).toMatchObject({ eid, port });
});

verifies('AEM-IP-007', 'while the event is stopped the program accepts by itself', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const server = await listen(p);
  const eid = await started(p, 'accept', server.fd);
  await p.ok('stop', { eid });

  const { port } = await connect(by, server.port);
  expect(await p.send('sock-accept', { fd: server.fd })).toMatchObject({ errno: null, port });
  await p.ok('start', { eid });

  expect(await p.settle()).toEqual([]);
  expect(await lives(p, eid)).toBe(true);
});

verifies('AEM-IP-008', 'a backlog that was full is emptied, and filled again', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const server = await listen(p, { listen: 1 });
  const eid = await register(p, 'accept', server.fd, anyAddress);

  const ports = [(await connect(by, server.port)).port, (await connect(by, server.port)).port];
  const late = await connect(by, server.port, { nonblock: 1 });
  expect(await by.send('sock-send', { fd: late.fd, text: 'early', nonblock: 1 })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await by.ok('file-close', { fd: late.fd });
  await p.ok('start', { eid });
  const before = [await p.nextCall(), await p.nextCall()];
  for (let i = 0; i < 3; i++) {
    ports.push((await connect(by, server.port)).port);
    before.push(await p.nextCall());
  }

  expect(before.map(({ port }) => port)).toEqual(ports);
});

verifies('AEM-IP-009', 'a connection whose handler is not called is the next one’s', async (context) => {
  const [p, by] = [await owner(context.probe), await context.probe()];
  const { b, second, peer, before } = await revoked(context, p, by, (_, event) => `stop:${event}`);
  expect(await p.settle()).toEqual([]);
  expect(await descriptors(context, p)).toBe(before + 1);

  const later = await connect(by, second.port);
  await p.ok('start', { eid: b });

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls).toMatchObject([{ eid: b, port: peer.port }, { eid: b, port: later.port }]);
  await send(by, peer.fd, 'hello');
  expect(await received(p, calls[0]?.new ?? -1, { wait: 1 })).toBe('hello');
});

verifies('AEM-IP-053', 'a connection whose handler is not called is closed when its event is shut down', async (context) => {
  const [p, by] = [await owner(context.probe), await context.probe()];
  const { peer, before } = await revoked(context, p, by, (_, event) => `shutdown:${event}`);

  expect(await received(by, peer.fd, { wait: 1 })).toMatch(/^(|ECONNRESET)$/);
  expect(await p.settle()).toEqual([]);
  expect(await descriptors(context, p)).toBe(before + 1);
});

verifies('AEM-IP-055', 'a connection whose handler is not called is closed when the listening socket is', async (context) => {
  const [p, by] = [await owner(context.probe), await context.probe()];
  const { b, peer, before } = await revoked(context, p, by, ({ fd }) => `close:${fd}`);

  expect(await received(by, peer.fd, { wait: 1 })).toMatch(/^(|ECONNRESET)$/);
  expect(await p.settle()).toEqual([]);
  expect(await lives(p, b)).toBe(false);
  // One connection more, one listening socket less.
  expect(await descriptors(context, p)).toBe(before);
});

verifies('AEM-IP-056', 'what the program has put at the descriptor of a connection whose handler is not called stays', async (context) => {
  const [p, by] = [await owner(context.probe), await context.probe()];
  const file = (fd: number): Promise<string> => context.sh(`readlink /proc/${p.pid}/fd/${fd}`);
  const next = await p.ok('file-open', { name: '/dev/null' });
  await p.ok('file-close', { fd: next });
  // Behind both listening sockets, and the connection that is handed over.
  const taken = next + 3;
  const { b, peer } = await revoked(context, p, by, (_, event) => `seize:${taken},stop:${event}`);

  expect(await p.settle()).toEqual([]);
  expect(await received(by, peer.fd, { wait: 1 })).toBe('');
  expect(await file(taken)).toBe(await file(0));
  await p.ok('start', { eid: b });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-IP-010', 'an accept event has no handler process', async ({ probe }) => {
  const p = await probe();
  const { fd } = await listen(p);

  for (const flags of [evf.fork, evf.capsule]) {
    expect(await p.send('ip-register', { op: 'accept', fd, flags })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-IP-025', 'connections and data of IPv6', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const server = await listen(p, { v6: 1 });
  await started(p, 'accept', server.fd, anyAddress);

  const { fd, port } = await connect(by, server.port, { v6: 1 });
  const call = await p.nextCall();
  expect(call).toMatchObject({ family: family.inet6, port, written: 28 });
  const eid = await started(p, 'read', call.new ?? -1);
  await send(by, fd, 'hello');

  const data = await p.nextCall();
  expect(data).toMatchObject({ eid, len: 5 });
  expect(text(data)).toBe('hello');
});
