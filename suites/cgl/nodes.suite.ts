// SPDX-License-Identifier: GPL-2.0-only
/** CFH.1.0: nodes that come, and nodes that fail; how soon that is told is in soon.suite.ts. */
import { expect } from 'vitest';
import { lay } from '../tipc/nodes.ts';
import { neutral } from './neutral.ts';
import { news, node, nodeFacilities } from './nodes.ts';

const [own, other, third] = [1001, 1002, 1003];

neutral('CFH.1.0-a', 'a node that comes, falls silent and comes back is told each time', nodeFacilities, async (context, facility) => {
  const watcher = await facility.open(context, own);
  expect(await news(watcher, 1)).toEqual([`up ${own}`]);
  const link = await lay(watcher.probe, await node(context, other), { bearer: 'udp', tolerance: 500 });

  await link.join();
  expect(await news(watcher, 1)).toEqual([`up ${other}`]);
  await link.cut();
  expect(await news(watcher, 1)).toEqual([`down ${other}`]);
  await link.restore();

  expect(await news(watcher, 1)).toEqual([`up ${other}`]);
});

neutral('CFH.1.0-b', 'of two nodes that fall silent the one is told first whose link is tuned to it', nodeFacilities, async (context, facility) => {
  const watcher = await facility.open(context, own);
  expect(await news(watcher, 1)).toEqual([`up ${own}`]);
  const { limit } = context;
  const slow = await lay(watcher.probe, await node(context, other), { bearer: 'udp', tolerance: limit('long'), number: 0 });
  const quick = await lay(watcher.probe, await node(context, third), { bearer: 'udp', tolerance: limit('short'), number: 1 });
  for (const [link, address] of [[slow, other], [quick, third]] as const) {
    await link.join();
    expect(await news(watcher, 1)).toEqual([`up ${address}`]);
  }

  await slow.cut();
  await quick.cut();

  expect([...(await news(watcher, 1)), ...(await news(watcher, 1))]).toEqual([`down ${third}`, `down ${other}`]);
});
