// SPDX-License-Identifier: GPL-2.0-only
/** Names that come and go. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { bind, callsOf, lives, peer, service, startAll, subscribed } from './sockets.ts';

const withdraw = (fd: number, instance: number): Record<string, number> => ({ fd, type: service, instance, withdraw: 1 });

verifies('AEM-TIPC-035', 'each name that comes and goes is told, with whose it is', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const eid = await subscribed(p, { lower: 10, upper: 19 });

  const first = await bind(by, 10);
  expect(await p.nextCall()).toMatchObject({ eid, what: 'published', lower: 10, upper: 10, ref: first.ref, node: first.node });
  const range = await bind(by, 0, { lower: 12, upper: 15 });
  expect(await p.nextCall()).toMatchObject({ eid, what: 'published', lower: 12, upper: 15, ref: range.ref });
  await bind(by, 20);
  await by.ok('tipc-bind', withdraw(first.fd, 10));
  expect(await p.nextCall()).toMatchObject({ eid, what: 'withdrawn', lower: 10, upper: 10, ref: first.ref });
  await by.ok('file-close', { fd: range.fd });
  expect(await p.nextCall()).toMatchObject({ eid, what: 'withdrawn', lower: 12, upper: 15, ref: range.ref });

  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-036', 'what is there is told first', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  for (const instance of [101, 102, 103]) await bind(by, instance);

  const eid = await subscribed(p);
  const there = await callsOf(p, 3);
  await bind(by, 104);

  expect(there.map(({ lower }) => lower).sort()).toEqual([101, 102, 103]);
  for (const call of there) expect(call).toMatchObject({ eid, what: 'published' });
  expect(await p.nextCall()).toMatchObject({ eid, what: 'published', lower: 104 });
});

verifies('AEM-TIPC-037', 'of a service the first and the last name', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const eid = await subscribed(p, { first: 1 });

  const names = [await bind(by, 1), await bind(by, 1)];
  expect(await p.nextCall()).toMatchObject({ eid, what: 'published', lower: 1 });
  await by.ok('file-close', { fd: names[0]?.fd });
  await bind(by, 2);
  expect(await p.nextCall()).toMatchObject({ eid, what: 'published', lower: 2 });
  await by.ok('file-close', { fd: names[1]?.fd });

  expect(await p.nextCall()).toMatchObject({ eid, what: 'withdrawn', lower: 1 });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-038', 'the end of its time is told, not early, and is the last', async (context) => {
  const p = await peer(context);
  const ms = context.limit('limit');

  const { ret: eid, t } = await p.send('tipc-subscribe', { type: service, timeout: ms });
  await p.ok('start', { eid });
  const call = await p.nextCall();

  expect(call).toMatchObject({ eid, what: 'timeout' });
  expect((call.t - Number(t)) / 1e6).toBeGreaterThanOrEqual(ms);
  expect(await lives(p, eid)).toBe(false);
});

verifies('AEM-TIPC-039', 'what happens meanwhile is told when it is started', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const eid = await subscribed(p);
  await p.ok('stop', { eid });

  for (let round = 0; round < 10; round++) {
    const { fd } = await bind(by, round);
    await by.ok('file-close', { fd });
  }
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid });

  const calls = await callsOf(p, 20);
  expect(calls.map(({ what, lower }) => `${what} ${lower}`)).toEqual(
    Array.from({ length: 20 }, (_, i) => `${i % 2 ? 'withdrawn' : 'published'} ${Math.floor(i / 2)}`),
  );
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-040', 'what a handler was to be told that is not called is told by the next', async (context) => {
  const [p, q, by] = [await peer(context), await peer(context), await peer(context)];
  // Who is told before and after it: the server tells one subscription after the other.
  await subscribed(q);
  const [a, b] = [await p.ok('tipc-subscribe', { type: service }), await p.ok('tipc-subscribe', { type: service })];
  await subscribed(q);
  await p.ok('on', { eid: a, do: `stop:${b}` });
  await bind(by, 1);
  await callsOf(q, 2);

  await startAll(p);
  expect(await p.nextCall()).toMatchObject({ eid: a, what: 'published', lower: 1 });
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid: b });

  expect(await p.nextCall()).toMatchObject({ eid: b, what: 'published', lower: 1 });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-041', 'it takes no descriptor', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const count = (): Promise<string> => context.sh(`ls /proc/${p.pid}/fd | wc -l`);
  await subscribed(p);
  const before = await count();

  const eid = await subscribed(p);
  expect(await count()).toBe(before);
  await p.ok('shutdown', { eid });
  await bind(by, 1);

  expect(await p.nextCall()).toMatchObject({ what: 'published' });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIPC-042', 'it tells of its own network namespace', async (context) => {
  const [p, inside, outside] = [await peer(context), await peer(context), await peer(context)];
  const before = await subscribed(p);
  await p.ok('net-new');
  const after = await subscribed(p);

  await bind(outside, 1);
  expect(await p.nextCall()).toMatchObject({ eid: before, what: 'published', lower: 1 });
  await bind(p, 2);

  expect(await p.nextCall()).toMatchObject({ eid: after, what: 'published', lower: 2 });
  await inside.settle();
  expect(await p.settle()).toEqual([]);
});
