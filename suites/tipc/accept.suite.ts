// SPDX-License-Identifier: GPL-2.0-only
/** Connections, which accept events hand over. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { accepted, arrived, callsOf, connect, listen, lives, peer, received, register, send, startAll, started } from './sockets.ts';

verifies('AEM-TIPC-001', 'the handler gets the listening socket, the new connection and whose it is', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  for (const kind of ['seqpacket', 'stream'] as const) {
    const server = await listen(p, 1, { kind });
    const eid = await started(p, 'accept', server.fd);

    const { fd, ref, node } = await connect(by, 1, { kind });
    const call = await p.nextCall();

    expect(call).toMatchObject({ eid, fd: server.fd, ref, node });
    await send(by, fd, 'hello');
    await arrived(p, call.new ?? -1);
    expect(await received(p, call.new ?? -1)).toBe('hello');
    await p.ok('file-close', { fd: server.fd });
  }
});

verifies('AEM-TIPC-002', 'each connection is one call, in order, from before the event was there and from later', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const server = await listen(p, 1);
  const refs: number[] = [];
  const more = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) refs.push((await connect(by, 1)).ref);
  };

  await more();
  const eid = await register(p, 'accept', server.fd);
  await more();
  await p.ok('start', { eid });
  await more();

  const calls = await callsOf(p, refs.length);
  expect(calls.map(({ ref }) => ref)).toEqual(refs);
  expect(new Set(calls.map((call) => call.new)).size).toBe(refs.length);
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-003', 'the new descriptor has the flags that were asked for', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];

  for (const [flags, cloexec, nonblock] of [[0, 0, 0], [accepted.cloexec, 1, 0], [accepted.nonblock, 0, 1], [accepted.cloexec | accepted.nonblock, 1, 1]] as const) {
    const server = await listen(p, 1);
    await started(p, 'accept', server.fd, { flags });
    await connect(by, 1);

    expect(await p.nextCall()).toMatchObject({ cloexec, nonblock });
    await p.ok('file-close', { fd: server.fd });
  }
});

verifies('AEM-TIPC-004', 'without descriptors connections wait until there are some', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const server = await listen(p, 1);
  await started(p, 'accept', server.fd);
  await p.ok('descriptors', { full: 1 });

  const refs = [(await connect(by, 1)).ref, (await connect(by, 1)).ref];
  expect(await p.settle()).toEqual([]);
  await p.ok('descriptors');

  expect((await callsOf(p, 2)).map(({ ref }) => ref)).toEqual(refs);
});

verifies('AEM-TIPC-005', 'a connection whose handler is not called is the next one’s', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const [first, second] = [await listen(p, 1), await listen(p, 2)];
  const [a, b] = [await register(p, 'accept', first.fd), await register(p, 'accept', second.fd)];
  await p.ok('on', { eid: a, do: `stop:${b},descriptors` });
  await connect(by, 1);
  const other = await connect(by, 2);
  for (const { fd } of [first, second]) await arrived(p, fd);
  const before = Number(await context.sh(`ls /proc/${p.pid}/fd | wc -l`));

  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a });
  expect(await p.notice('did')).toMatchObject({ did: 'stop' });
  expect(await p.notice('did')).toMatchObject({ did: 'descriptors', ret: before + 1 });
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid: b });

  const call = await p.nextCall();
  expect(call).toMatchObject({ eid: b, ref: other.ref });
  await send(by, other.fd, 'hello');
  await arrived(p, call.new ?? -1);
  expect(await received(p, call.new ?? -1)).toBe('hello');
});

verifies('AEM-TIPC-006', 'no handler process accepts', async (context) => {
  const p = await peer(context);
  const { fd } = await listen(p, 1);

  for (const flags of [evf.fork, evf.capsule]) {
    expect(await p.send('tipc-register', { op: 'accept', fd, flags })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await lives(p, await register(p, 'accept', fd))).toBe(true);
});

verifies('AEM-TIPC-007', 'while it is stopped the program accepts by itself, and what it has accepted is not told', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const server = await listen(p, 1);
  const eid = await started(p, 'accept', server.fd);
  await p.ok('stop', { eid });

  await connect(by, 1);
  const its = await connect(by, 1);
  await p.ok('sock-accept', { fd: server.fd });
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });

  expect(await p.nextCall()).toMatchObject({ ref: its.ref });
  expect(await p.settle()).toEqual([]);
  await p.ok('stop', { eid });
  await connect(by, 1);
  await p.ok('sock-accept', { fd: server.fd });
  await p.ok('start', { eid });

  expect(await p.settle()).toEqual([]);
});
