// SPDX-License-Identifier: GPL-2.0-only
/** Connections whose other end dies or falls silent, and who tells of it: epoll, or AEM. */
import { worked } from '../harness/probe.ts';
import type { Call, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import * as ip from '../ip/sockets.ts';
import { becomeNode, lay, newNetwork } from '../tipc/nodes.ts';
import type { Link } from '../tipc/nodes.ts';
import * as tipc from '../tipc/sockets.ts';
import { available } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';
import { called, take } from './told.ts';
import type { Waiting } from './told.ts';

/** A program that is told of the ends of its connections, each by its descriptor. */
export interface EndWatcher {
  readonly probe: Probe;
  watch(fd: number): Promise<void>;
  /** Begins to wait for what has ended since the last time, until it is so many. */
  wait(least: number): Promise<Waiting>;
}

/** What connections are made of. */
interface Protocol {
  /** It is there, or the test is over. */
  check(context: Context, probe: Probe): Promise<void>;
  /** To a program on the same node. Returns the descriptor of `here`. */
  connect(here: Probe, there: Probe): Promise<number>;
  /** Has a probe become a node of its own. */
  settle(probe: Probe, address: number): Promise<void>;
  /** It can miss a node that soon, in milliseconds, or the test is over. */
  canMiss(context: Context, probe: Probe, within: number): Promise<void>;
  /** To another node, whose silence is to be told after some `ms` milliseconds. */
  reach(here: Probe, there: Probe, how: { readonly ms: number; readonly number: number }): Promise<Remote>;
}

interface Remote {
  readonly fd: number;
  readonly link: Link;
}

export interface ConnectionFacility extends Facility {
  readonly protocol: Protocol;
  open(context: Context): Promise<EndWatcher>;
}

/** Milliseconds. Without data that is not acknowledged, TCP does not miss anybody for a second at least. */
const heartbeat = 10;
/** Milliseconds until TCP sends again what was not acknowledged; its own least is 200. */
const retry = 10;
/** CLOCK_MONOTONIC_COARSE, which goes on by ticks. */
const coarse = 6;

const tcp: Protocol = {
  check: () => Promise.resolve(),
  connect: async (here, there) => (await ip.connection(here, there)).fd,
  canMiss: () => Promise.resolve(),
  settle: newNetwork,
  async reach(here, there, { ms, number }) {
    const link = await lay(here, there, { bearer: 'udp', number });
    const addr = link.addresses.there;
    await here.ok('net-retry', { name: `v${number}`, addr, rto: retry });
    const server = await ip.listen(there, { addr });
    const { fd } = await ip.connect(here, server.port, { addr });
    // It counts from when something is sent again for the first time, after a probe for the loss of the last segment.
    await here.ok('sock-option', { fd, name: 'user-timeout', value: ms - heartbeat - 2 * retry });
    void there.send('sock-sink', { fd: await there.ok('sock-accept', { fd: server.fd }) });
    const name = `heart-${number}`;
    await here.ok('thread', { name });
    void here.on(name, 'sock-heartbeat', { fd, ms: heartbeat });
    return { fd, link };
  },
};

const tipcProtocol: Protocol = {
  async check(context, probe) {
    available(context, await probe.send('tipc-make'), 'TIPC (CONFIG_TIPC)');
  },
  connect: async (here, there) => (await tipc.connection(here, there)).fd,
  async canMiss({ unsupported }, probe, within) {
    const hz = 1e9 / Number(worked(await probe.send('native-clock', { clock: coarse }), 'native-clock')['resolution']);
    // Six intervals, each a quarter of the least tolerance, to the tick after; and a millisecond for what there is to be done.
    const most = (6 * (Math.ceil((12 * hz) / 1000) + 1) * 1000) / hz;
    if (most > within - 1) unsupported(`with ${Math.round(hz)} ticks a second TIPC can miss a node after ${Math.round(most)} ms, at its least tolerance of 50 ms`);
  },
  async settle(probe, address) {
    await becomeNode(probe, address);
    await probe.ok('native-nodes');
    await oneNodeMore(probe);
  },
  async reach(here, there, { ms, number }) {
    const link = await lay(here, there, { bearer: 'udp', tolerance: ms, number });
    const server = await tipc.listen(there, 1);
    await link.join();
    for (const probe of [here, there]) await oneNodeMore(probe);
    const { fd } = await tipc.connect(here, 1, { ref: server.ref, node: server.node });
    await there.ok('sock-accept', { fd: server.fd });
    return { fd, link };
  },
};

/** It is told of its own node, too. */
async function oneNodeMore(probe: Probe): Promise<void> {
  await (await take(probe, 'native-nodes-take', 1)).told;
}

/** Who tells of the ends of connections, by a program's descriptors. */
interface Teller extends Pick<Facility, 'binding'> {
  watch(probe: Probe, fd: number): Promise<number>;
  wait(probe: Probe, least: number): Promise<Waiting>;
}

const byEpoll: Teller = {
  binding: 'native',
  watch: (probe, fd) => probe.ok('native-ends-watch', { fd }),
  wait: (probe, least) => take(probe, 'native-ends-take', least),
};

function byHandler(watch: Teller['watch']): Teller {
  return { binding: 'aem', watch, wait: (probe, least) => Promise.resolve(called(probe, least, ({ fd }: Call) => String(fd))) };
}

function facility(name: string, protocol: Protocol, { binding, watch, wait }: Teller): ConnectionFacility {
  return {
    name,
    binding,
    protocol,
    async open(context) {
      const probe = await context.probe(asNeutral);
      await protocol.check(context, probe);
      return {
        probe,
        async watch(fd) {
          await watch(probe, fd);
        },
        wait: (least) => wait(probe, least),
      };
    },
  };
}

export const connectionFacilities = [
  facility('epoll on TCP', tcp, byEpoll),
  facility('epoll on TIPC', tipcProtocol, byEpoll),
  facility('aem-ip', tcp, byHandler((probe, fd) => ip.started(probe, 'close', fd))),
  facility('aem-tipc', tipcProtocol, byHandler((probe, fd) => tipc.started(probe, 'error', fd))),
] as const;

/** The other end of a connection, a program that does nothing of itself. */
export async function other(context: Context): Promise<Probe> {
  return context.probe(asNeutral);
}
