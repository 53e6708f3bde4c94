// SPDX-License-Identifier: GPL-2.0-only
/** Nodes: probes in network namespaces of their own, with links between them. */
import { UnsupportedError } from '../harness/expectation.ts';
import { worked } from '../harness/probe.ts';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { owner } from './sockets.ts';

export const bearers = ['veth', 'udp'] as const;
export type Bearer = (typeof bearers)[number];

/** Has a probe go into a network namespace of its own. */
export async function newNetwork(p: Probe): Promise<void> {
  const answer = await p.send('net-new');
  if (answer.errno === 'EINVAL') throw new UnsupportedError('this kernel has no network namespaces (CONFIG_NET_NS)');
  worked(answer, 'net-new');
}

/** Has a probe become a node of its own, with an address in TIPC. */
export async function becomeNode(p: Probe, address: number): Promise<void> {
  await newNetwork(p);
  await p.ok('tipc-node', { addr: address });
}

/** A link between two nodes. */
export interface Link {
  /** It can be used: TIPC finds the other node by itself. */
  join(): Promise<void>;
  /** Nothing comes through any more: a cable is out, or of a UDP bearer all that is sent gets lost. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** The address of each end. */
  readonly addresses: { readonly here: string; readonly there: string };
  /** For silence(): from the other end nothing comes any more, of what goes over IP. */
  readonly silent: string;
}

/** Lets one end of links fall silent after the other. Returns when it began: nanoseconds of CLOCK_MONOTONIC. */
export async function silence(by: Probe, first: Link, second?: Link): Promise<number> {
  const { t } = worked(await by.send('net-silence', { first: first.silent, second: second?.silent }), 'net-silence');
  return Number(t);
}

export interface LinkOptions {
  readonly bearer: Bearer;
  /** Milliseconds without a sign of life after which it is lost; TIPC's own when absent. */
  readonly tolerance?: number | undefined;
  /** Tells the links of a node apart. */
  readonly number?: number;
}

/** Lays a link between two nodes, which is not used yet. */
export async function lay(here: Probe, there: Probe, { bearer, tolerance, number = 0 }: LinkOptions): Promise<Link> {
  const name = `v${number}`;
  const [own, other] = [`192.168.${number}.1`, `192.168.${number}.2`];
  const made = await here.send('net-veth', { name, peer: name, pid: there.pid });
  if (made.errno === 'EOPNOTSUPP') throw new UnsupportedError('this kernel has no links between network namespaces (CONFIG_VETH)');
  worked(made, 'net-veth');
  const both = [
    [here, own, other],
    [there, other, own],
  ] as const;
  for (const [p, addr] of both) await p.ok('net-link', { name, addr });
  return {
    addresses: { here: own, there: other },
    silent: `${there.pid}:${own}`,
    async join() {
      for (const [p, local, remote] of both) {
        await p.ok('tipc-bearer', { ...(bearer === 'veth' ? { name: `eth:${name}` } : { name: `udp:${name}`, local, remote }), tolerance });
      }
    },
    async cut() {
      if (bearer === 'veth') await here.ok('net-link', { name, down: 1 });
      else for (const [p, , addr] of both) await p.ok('net-lose', { addr });
    },
    async restore() {
      if (bearer === 'veth') await here.ok('net-link', { name });
      else for (const [p, , addr] of both) await p.ok('net-lose', { addr, undo: 1 });
    },
  };
}

/** Two nodes, and the link between them. */
export interface Nodes extends Link {
  /** What runs on each of them; with a zone. */
  readonly here: Probe;
  readonly there: Probe;
}

/** Addresses of the nodes. */
export const address = { here: 1001, there: 1002 } as const;

export async function nodes(context: Pick<Context, 'probe' | 'unsupported'>, bearer: Bearer, tolerance?: number): Promise<Nodes> {
  const [here, there] = [await owner(context), await owner(context)];
  await becomeNode(here, address.here);
  await becomeNode(there, address.there);
  return { here, there, ...(await lay(here, there, { bearer, tolerance })) };
}
