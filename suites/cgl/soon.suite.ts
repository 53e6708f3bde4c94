// SPDX-License-Identifier: GPL-2.0-only
/**
 * How soon it is told that something has failed (CCM.2.2, CFH.1.0). In a guest an instruction takes 8 ns here, and
 * where nothing is to be done time leaps to the next timer: what lies between two answers of the guest has no end, so
 * each time is taken there, from the failure to the telling.
 */
import { expect } from 'vitest';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { lay, silence } from '../tipc/nodes.ts';
import { connectionFacilities, other } from './connections.ts';
import { neutral } from './neutral.ts';
import { news, node, nodeFacilities } from './nodes.ts';
import { expectSoon } from './told.ts';

const [own, second, third] = [1001, 1002, 1003];

/** A program that has no part in it, and has what is to fail do so. */
const fate = (context: Context): Promise<Probe> => context.probe();

neutral('CCM.2.2-b', 'of two nodes that fall silent the one is told first whose connection is tuned to it', connectionFacilities, async (context, { protocol, open }) => {
  const { limit } = context;
  const watcher = await open(context);
  const { probe } = watcher;
  await protocol.settle(probe, own);
  const remotes = [];
  for (const [number, [address, ms]] of ([[second, limit('long')], [third, limit('short')]] as const).entries()) {
    const there = await other(context);
    await protocol.settle(there, address);
    remotes.push(await protocol.reach(probe, there, { ms, number }));
  }
  const [slow, quick] = remotes as [(typeof remotes)[0], (typeof remotes)[0]];
  for (const { fd } of [slow, quick]) await watcher.watch(fd);

  const by = await fate(context);
  const waiting = await watcher.wait(2);
  const began = await silence(by, slow.link, quick.link);

  const told = await waiting.told;
  expect(told.map(({ what }) => what)).toEqual([String(quick.fd), String(slow.fd)]);
  for (const { t } of told) expect(t).toBeGreaterThan(began);
}, 'networks', 'clock');

neutral('CCM.2.2-c', 'that the program at the other end has crashed is told in time', connectionFacilities, async (context, { protocol, open }) => {
  const watcher = await open(context);
  const there = await other(context);
  const fd = await protocol.connect(watcher.probe, there);
  await watcher.watch(fd);

  const by = await fate(context);
  const waiting = await watcher.wait(1);
  const { ret, t } = await by.send('slay', { pid: there.pid });
  expect(ret).toBe(0);

  const told = await waiting.told;
  expect(told.map(({ what }) => what)).toEqual([String(fd)]);
  expectSoon(told, Number(t), context.limit('within'));
}, 'clock');

neutral('CCM.2.2-c', 'that the node at the other end has fallen silent is told in time', connectionFacilities, async (context, { protocol, open }) => {
  const { limit } = context;
  const watcher = await open(context);
  const there = await other(context);
  await protocol.canMiss(context, watcher.probe, limit('within'));
  await protocol.settle(watcher.probe, own);
  await protocol.settle(there, second);
  const { fd, link } = await protocol.reach(watcher.probe, there, { ms: limit('tuned'), number: 0 });
  await watcher.watch(fd);

  const by = await fate(context);
  const waiting = await watcher.wait(1);
  const began = await silence(by, link);

  const told = await waiting.told;
  expect(told.map(({ what }) => what)).toEqual([String(fd)]);
  expectSoon(told, began, limit('within'));
}, 'networks', 'clock');

neutral('CFH.1.0-c', 'that a node has fallen silent is told in time', nodeFacilities, async (context, facility) => {
  const { limit } = context;
  const watcher = await facility.open(context, own);
  expect(await news(watcher, 1)).toEqual([`up ${own}`]);
  const link = await lay(watcher.probe, await node(context, second), { bearer: 'udp', tolerance: limit('tuned') });
  await link.join();
  expect(await news(watcher, 1)).toEqual([`up ${second}`]);

  const by = await fate(context);
  const waiting = await watcher.wait(1);
  const began = await silence(by, link);

  const told = await waiting.told;
  expect(told.map(({ what }) => what)).toEqual([`down ${second}`]);
  expectSoon(told, began, limit('within'));
}, 'clock');
