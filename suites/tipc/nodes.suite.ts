// SPDX-License-Identifier: GPL-2.0-only
/** Two nodes, in network namespaces of their own, and the link between them. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { address, bearers, nodes } from './nodes.ts';
import { bind, callsOf, code, connect, listen, lives, make, named, register, send, started, subscribed, text } from './sockets.ts';

/** TIPC_NODE_STATE: the service whose names are the nodes' addresses. */
const nodeState = { type: 0 } as const;
const econnreset = -104;
/** Milliseconds; not the shortest there is, so that a busy machine loses no link. */
const tolerance = 500;

for (const bearer of bearers) {
  verifies('AEM-TIPC-043', `a node comes, goes when the link is cut, and comes back (${bearer})`, async (context) => {
    const { here, join, cut, restore } = await nodes(context, bearer, tolerance);
    const eid = await subscribed(here, nodeState);
    expect(await here.nextCall()).toMatchObject({ eid, what: 'published', lower: address.here });
    expect(await here.settle()).toEqual([]);

    await join();
    expect(await here.nextCall()).toMatchObject({ eid, what: 'published', lower: address.there, upper: address.there });
    for (let round = 0; round < 2; round++) {
      await cut();
      expect(await here.nextCall()).toMatchObject({ eid, what: 'withdrawn', lower: address.there });
      await restore();
      expect(await here.nextCall()).toMatchObject({ eid, what: 'published', lower: address.there });
    }
  });

  verifies('AEM-TIPC-044', `messages come from the other node (${bearer})`, async (context) => {
    const { here, there, join } = await nodes(context, bearer);
    const server = await bind(here, 1);
    const eid = await started(here, 'receive', server.fd);
    await subscribed(there);
    await join();
    expect(await there.nextCall()).toMatchObject({ what: 'published', lower: 1, node: address.here });

    const from = await make(there);
    await send(there, from.fd, 'hello', named(1));
    const call = await here.nextCall();
    expect(call).toMatchObject({ eid, len: 5, ref: from.ref, node: address.there, dest: '5000:1:1' });
    expect(text(call)).toBe('hello');
    await there.ok('tipc-send', { fd: from.fd, len: 60_000, ...named(1) });

    expect(await here.nextCall()).toMatchObject({ eid, len: 60_000, node: address.there });
  });

  verifies('AEM-TIPC-045', `connections to a node that is lost end (${bearer})`, async (context) => {
    const { here, there, join, cut } = await nodes(context, bearer, tolerance);
    const server = await listen(here, 1);
    await started(here, 'accept', server.fd);
    await subscribed(there);
    await join();
    await there.nextCall();
    await connect(there, 1);
    const { new: fd = -1, node } = await here.nextCall();
    expect(node).toBe(address.there);
    const [error, receive] = [await register(here, 'error', fd), await register(here, 'receive', fd)];
    for (const eid of [error, receive]) await here.ok('start', { eid });

    await cut();

    const calls = await callsOf(here, 2);
    expect(calls).toContainEqual(expect.objectContaining({ eid: error, fd, code: code.noNode }));
    expect(calls).toContainEqual(expect.objectContaining({ eid: receive, fd, len: econnreset }));
    for (const eid of [error, receive]) expect(await lives(here, eid)).toBe(false);
  });
}
