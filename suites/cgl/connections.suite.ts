// SPDX-License-Identifier: GPL-2.0-only
/** CCM.2.2: connections whose other end fails; how soon that is told is in soon.suite.ts. */
import { expect } from 'vitest';
import { connectionFacilities, other } from './connections.ts';
import { neutral } from './neutral.ts';

neutral('CCM.2.2-a', 'that the program at the other end has crashed is told, for each connection to it and for no other', connectionFacilities, async (context, { protocol, open }) => {
  const watcher = await open(context);
  const { probe } = watcher;
  const [there, lasting] = [await other(context), await other(context)];
  const fds = [await protocol.connect(probe, there), await protocol.connect(probe, there)];
  const remaining = await protocol.connect(probe, lasting);
  for (const fd of [...fds, remaining]) await watcher.watch(fd);

  const waiting = await watcher.wait(2);
  await there.process.kill(9);

  expect((await waiting.told).map(({ what }) => what).sort()).toEqual(fds.map(String).sort());
  expect(await (await watcher.wait(0)).told).toEqual([]);
});
