// SPDX-License-Identifier: GPL-2.0-only
/** What the tests of TIPC share: sockets, connections, events on them, subscriptions. */
import { allEvents, zone } from '../harness/aem.ts';
import { worked } from '../harness/probe.ts';
import type { Arguments, Call, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';

export type Operation = 'accept' | 'receive' | 'error' | 'continue';

/** In the order of their numbers. */
export const operations = ['accept', 'receive', 'error', 'continue'] as const;

/** Flags of an accept event. */
export const accepted = { cloexec: 1, nonblock: 2 } as const;

/** Why a message came back, or a connection ended: TIPC_ERR_* of linux/tipc.h. */
export const code = { noName: 1, noPort: 2, noNode: 3, overload: 4, shutdown: 5 } as const;

/** A service of the tests'. */
export const service = 5000;

/** A user without privileges. */
export const alice = { uid: 1001, gid: 1001 } as const;

/** Where the module is made ready to be unloaded. */
export const drain = '/sys/class/misc/aem-tipc/drain';

/** A socket with its port identity. */
export interface Socket {
  readonly fd: number;
  readonly ref: number;
  readonly node: number;
}

type Maker = Pick<Context, 'probe' | 'unsupported'>;

/** A probe on a kernel with TIPC; without it there is nothing to be tested. */
export async function peer({ probe, unsupported }: Maker, how: Parameters<Context['probe']>[0] = {}): Promise<Probe> {
  const p = await probe(how);
  const { ret, errno } = await p.send('tipc-make');
  if (errno === 'EAFNOSUPPORT') unsupported('this kernel has no TIPC (CONFIG_TIPC), so aem-tipc is not loaded');
  if (ret >= 0) await p.ok('file-close', { fd: ret });
  return p;
}

/** The same with a zone, for the data that its handlers get. */
export async function owner(context: Maker, how: Parameters<Context['probe']>[0] = {}, size?: number): Promise<Probe> {
  const p = await peer(context, how);
  await p.ok('vmtable', { zone: zone.v, size });
  return p;
}

async function socket(p: Probe, verb: string, args: Arguments): Promise<Socket> {
  const { ret: fd, ref, node } = worked(await p.send(verb, args), verb);
  return { fd, ref: Number(ref), node: Number(node) };
}

export const make = (p: Probe, how: Arguments = {}): Promise<Socket> => socket(p, 'tipc-make', how);

/** A socket with the service's name `instance`. */
export const bind = (p: Probe, instance: number, how: Arguments = {}): Promise<Socket> => socket(p, 'tipc-bind', { type: service, instance, ...how });

export const listen = (p: Probe, instance: number, how: Arguments = {}): Promise<Socket> =>
  bind(p, instance, { kind: 'seqpacket', listen: 1, ...how });

export const connect = (p: Probe, instance: number, how: Arguments = {}): Promise<Socket> =>
  socket(p, 'tipc-connect', { kind: 'seqpacket', type: service, instance, ...how });

/** Both ends of a connection: `p` has accepted it by itself. */
export interface Connection {
  readonly fd: number;
  readonly other: Socket;
}

export async function connection(p: Probe, by: Probe, how: Arguments = {}): Promise<Connection> {
  const server = await listen(p, 1, how);
  const other = await connect(by, 1, how);
  const fd = await p.ok('sock-accept', { fd: server.fd });
  await p.ok('file-close', { fd: server.fd });
  return { fd, other };
}

/** An event that is not started. Returns its id. */
export const register = (p: Probe, op: Operation, fd: number, how: Arguments = {}): Promise<number> => p.ok('tipc-register', { op, fd, ...how });

/** The same, and starts it. */
export async function started(p: Probe, op: Operation, fd: number, how: Arguments = {}): Promise<number> {
  const eid = await register(p, op, fd, how);
  await p.ok('start', { eid });
  return eid;
}

/** A subscription to names of the service that is started; `how` may say to something else. */
export async function subscribed(p: Probe, how: Arguments = {}): Promise<number> {
  const eid = await p.ok('tipc-subscribe', { type: service, ...how });
  await p.ok('start', { eid });
  return eid;
}

/** Starts all events of the first thread at once: what waits is one batch. */
export const startAll = (p: Probe): Promise<number> => p.ok('evctl', { eid: allEvents, opt: 4 });

/** Sends a message, to a name, a range of names or a port identity, or through a connection. */
export const send = (p: Probe, fd: number, words: string, how: Arguments = {}): Promise<number> => p.ok('tipc-send', { fd, text: words, ...how });

/** To a name of the service. */
export const named = (instance: number): Arguments => ({ type: service, instance });

/** To a port identity. */
export const to = ({ ref, node }: Pick<Socket, 'ref' | 'node'>): Arguments => ({ ref, node });

/** What a receive handler was given, as text. */
export const text = (call: Pick<Call, 'data'>): string => Buffer.from(call.data ?? '', 'hex').toString();

/** What is read from a socket by the program itself, without waiting: text, '' for an end, or the error. */
export async function received(p: Probe, fd: number): Promise<string> {
  const answer = await p.send('tipc-take', { fd });
  if (answer.ret < 0) return answer.errno ?? '?';
  return Buffer.from(String(answer['data'] ?? ''), 'hex').toString();
}

/** Waits until something is in a socket. */
export async function arrived(p: Probe, fd: number): Promise<void> {
  await p.ok('tipc-ready', { fd });
}

/** So many calls of a probe. */
export async function callsOf(p: Probe, count: number): Promise<readonly Call[]> {
  const calls: Call[] = [];
  while (calls.length < count) calls.push(await p.nextCall());
  return calls;
}

/** Does the event live? */
export async function lives(p: Probe, eid: number): Promise<boolean> {
  return (await p.send('books', { eid })).ret === 0;
}
