// SPDX-License-Identifier: GPL-2.0-only
/** Messages to many, messages that come back, and groups. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { bind, callsOf, code, lives, make, named, owner, peer, send, service, started, text } from './sockets.ts';

verifies('AEM-TIPC-021', 'each socket with a name in the range gets it once', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const sockets = [await bind(p, 1), await bind(p, 2), await bind(p, 9)];
  const ids = [];
  for (const { fd } of sockets) ids.push(await started(p, 'receive', fd));
  const from = await make(by);

  await send(by, from.fd, 'all', { type: service, lower: 1, upper: 5 });

  const calls = await callsOf(p, 2);
  expect(calls.map(({ eid }) => eid).sort()).toEqual(ids.slice(0, 2));
  for (const call of calls) expect(call).toMatchObject({ len: 3, ref: from.ref, dest: '5000:1:5' });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-022', 'a message that could not be delivered comes back with its data and why', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await make(p, { kind: 'rdm' });
  await p.ok('tipc-droppable', { fd, value: 0 });
  const eid = await started(p, 'receive', fd);
  const other = await bind(by, 3);

  await send(p, fd, 'unread', named(3));
  await by.ok('file-close', { fd: other.fd });

  const call = await p.nextCall();
  expect(call).toMatchObject({ eid, fd, len: 6, what: 'returned', code: code.noPort, dest: '5000:3:3' });
  expect(text(call)).toBe('unread');
  const back = await make(by);
  const self = await bind(p, 4);
  await p.ok('file-close', { fd: self.fd });
  await p.ok('tipc-bind', { fd, type: service, instance: 4 });
  await send(by, back.fd, 'hello', named(4));
  expect(await p.nextCall()).toMatchObject({ eid, what: 'message', len: 5, code: 0 });
  expect(await lives(p, eid)).toBe(true);
});

verifies('AEM-TIPC-022', 'a long one comes back as far as TIPC keeps it', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd } = await make(p);
  await p.ok('tipc-droppable', { fd, value: 0 });
  const eid = await started(p, 'receive', fd);
  const other = await bind(by, 3);

  await p.ok('tipc-send', { fd, len: 5000, ...named(3) });
  await by.ok('file-close', { fd: other.fd });

  expect(await p.nextCall()).toMatchObject({ eid, len: 1024, what: 'returned', code: code.noPort });
});

verifies('AEM-TIPC-023', 'a message of a group is told with the member’s name', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const [mine, its] = [await make(p), await make(by)];
  await p.ok('tipc-group', { fd: mine.fd, type: 4711, instance: 1 });
  await by.ok('tipc-group', { fd: its.fd, type: 4711, instance: 2 });
  const eid = await started(p, 'receive', mine.fd);

  for (const [words, how] of [['one', { type: 4711, instance: 1 }], ['all', {}]] as const) {
    await send(by, its.fd, words, how);
    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, what: 'message', type: 4711, instance: 2, ref: its.ref, node: its.node });
    expect(text(call)).toBe(words);
  }
});

verifies('AEM-TIPC-024', 'members that join and leave are told', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const [mine, its] = [await make(p), await make(by)];
  await p.ok('tipc-group', { fd: mine.fd, type: 4711, instance: 1, events: 1 });
  const eid = await started(p, 'receive', mine.fd);

  await by.ok('tipc-group', { fd: its.fd, type: 4711, instance: 2 });
  expect(await p.nextCall()).toMatchObject({ eid, len: 0, what: 'joined', type: 4711, instance: 2, ref: its.ref });
  await by.ok('tipc-group', { fd: its.fd, leave: 1 });

  expect(await p.nextCall()).toMatchObject({ eid, len: 0, what: 'left', type: 4711, instance: 2, ref: its.ref });
  expect(await lives(p, eid)).toBe(true);
});
