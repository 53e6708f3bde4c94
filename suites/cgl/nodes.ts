// SPDX-License-Identifier: GPL-2.0-only
/** Which nodes of a cluster come and go, as TIPC's topology server tells: to its own socket, or through aem-tipc. */
import type { Call, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { becomeNode } from '../tipc/nodes.ts';
import { subscribed } from '../tipc/sockets.ts';
import { available } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';
import { called, take } from './told.ts';
import type { Waiting } from './told.ts';

/** A node that is told which others there are. */
export interface NodeWatcher {
  readonly probe: Probe;
  /** Begins to wait for what has become of nodes since the last time, as `up 1002`, until it is `least` things. */
  wait(least: number): Promise<Waiting>;
}

export interface NodeFacility extends Facility {
  /** The node has this address, and is told of itself. */
  open(context: Context, address: number): Promise<NodeWatcher>;
}

const what = 'TIPC (CONFIG_TIPC)';

/** A node that others can be told of. */
export async function node(context: Context, address: number): Promise<Probe> {
  const probe = await context.probe(asNeutral);
  available(context, await probe.send('tipc-make'), what);
  await becomeNode(probe, address);
  return probe;
}

const topology: NodeFacility = {
  name: 'TIPC topology server',
  binding: 'native',
  needs: ['networks'],
  async open(context, address) {
    const probe = await node(context, address);
    await probe.ok('native-nodes');
    return { probe, wait: (least) => take(probe, 'native-nodes-take', least) };
  },
};

const aemTipc: NodeFacility = {
  name: 'aem-tipc',
  binding: 'aem',
  needs: ['networks'],
  async open(context, address) {
    const probe = await node(context, address);
    await subscribed(probe, { type: 0 });
    const read = ({ what, lower }: Call): string => `${what === 'published' ? 'up' : 'down'} ${lower}`;
    return { probe, wait: (least) => Promise.resolve(called(probe, least, read)) };
  },
};

export const nodeFacilities = [topology, aemTipc] as const;

/** What has become of nodes, once it is `least` things. */
export async function news(watcher: NodeWatcher, least: number): Promise<readonly string[]> {
  const { told } = await watcher.wait(least);
  return (await told).map(({ what }) => what);
}
