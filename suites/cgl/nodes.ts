// SPDX-License-Identifier: GPL-2.0-only
/** Which nodes of a cluster come and go, as TIPC's topology server tells: to its own socket, or through aem-tipc. */
import { worked } from '../harness/probe.ts';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { becomeNode } from '../tipc/nodes.ts';
import { subscribed } from '../tipc/sockets.ts';
import { available, parts } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';

/** A node that is told which others there are. */
export interface NodeWatcher {
  readonly probe: Probe;
  /** What has become of nodes since the last time, as `up 1002`; waits until it is `least` things. */
  news(least: number): Promise<readonly string[]>;
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
  async open(context, address) {
    const probe = await node(context, address);
    await probe.ok('native-nodes');
    return {
      probe,
      async news(least) {
        const { told } = worked(await probe.send('native-nodes-take', { least }), 'native-nodes-take');
        return parts(told).map((one) => one.join(' '));
      },
    };
  },
};

const aemTipc: NodeFacility = {
  name: 'aem-tipc',
  binding: 'aem',
  async open(context, address) {
    const probe = await node(context, address);
    await subscribed(probe, { type: 0 });
    return {
      probe,
      async news(least) {
        const calls = [];
        while (calls.length < least) calls.push(await probe.nextCall());
        return [...calls, ...(await probe.settle())].map((call) => `${call.what === 'published' ? 'up' : 'down'} ${call.lower}`);
      },
    };
  },
};

export const nodeFacilities = [topology, aemTipc] as const;
