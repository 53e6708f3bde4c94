// SPDX-License-Identifier: GPL-2.0-only
/** What the tests of sockets share: servers, connections, and events on them. */
import { allEvents, zone } from '../harness/aem.ts';
import { ExpectationError } from '../harness/expectation.ts';
import { worked } from '../harness/probe.ts';
import type { Arguments, Call, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';

export type Operation = 'accept' | 'read' | 'close' | 'connect' | 'write';

/** In the order of their numbers. */
export const operations = ['accept', 'read', 'close', 'connect', 'write'] as const;

/** Flags of an accept event. */
export const accepted = { cloexec: 1, nonblock: 2 } as const;

/** Families of addresses. */
export const family = { inet: 2, inet6: 10 } as const;

/** A user without privileges. */
export const alice = { uid: 1001, gid: 1001 } as const;

/** Where the module is made ready to be unloaded. */
export const drain = '/sys/class/misc/aem-ip/drain';

/** A socket and its port. */
export interface Socket {
  readonly fd: number;
  readonly port: number;
}

/** A probe with a zone, for the data that its handlers get. */
export async function owner(probe: Context['probe'], how: Parameters<Context['probe']>[0] = {}, size?: number): Promise<Probe> {
  const p = await probe(how);
  await p.ok('vmtable', { zone: zone.v, size });
  return p;
}

async function socket(p: Probe, verb: string, args: Arguments): Promise<Socket> {
  const { ret: fd, port } = worked(await p.send(verb, args), verb);
  return { fd, port: Number(port) };
}

export const listen = (p: Probe, how: Arguments = {}): Promise<Socket> => socket(p, 'sock-bind', { listen: 64, ...how });

export const udp = (p: Probe, how: Arguments = {}): Promise<Socket> => socket(p, 'sock-bind', { kind: 'udp', ...how });

export const make = (p: Probe, how: Arguments = {}): Promise<Socket> => socket(p, 'sock-make', how);

export const connect = (p: Probe, port: number, how: Arguments = {}): Promise<Socket> => socket(p, 'sock-connect', { port, ...how });

/** Both ends of a connection: `p` has accepted it by itself. */
export interface Connection {
  readonly fd: number;
  readonly peer: number;
}

export async function connection(p: Probe, peer: Probe, how: Arguments = {}): Promise<Connection> {
  const server = await listen(p, how);
  const { fd: peerFd } = await connect(peer, server.port, how);
  const fd = await p.ok('sock-accept', { fd: server.fd });
  await p.ok('file-close', { fd: server.fd });
  return { fd, peer: peerFd };
}

/** An event that is not started. Returns its id. */
export const register = (p: Probe, op: Operation, fd: number, how: Arguments = {}): Promise<number> => p.ok('ip-register', { op, fd, ...how });

/** The same, and starts it. */
export async function started(p: Probe, op: Operation, fd: number, how: Arguments = {}): Promise<number> {
  const eid = await register(p, op, fd, how);
  await p.ok('start', { eid });
  return eid;
}

/** Starts all events of the first thread at once: what waits is one batch. */
export const startAll = (p: Probe): Promise<number> => p.ok('evctl', { eid: allEvents, opt: 4 });

export const send = (p: Probe, fd: number, text: string, how: Arguments = {}): Promise<number> => p.ok('sock-send', { fd, text, ...how });

/** What a read handler was given, as text. */
export const text = (call: Pick<Call, 'data'>): string => Buffer.from(call.data ?? '', 'hex').toString();

/** What is read from a socket by the program itself: text, '' for the end of the stream, or the error. */
export async function received(p: Probe, fd: number, how: Arguments = {}): Promise<string> {
  const answer = await p.send('sock-recv', { fd, ...how });
  if (answer.ret < 0) return answer.errno ?? '?';
  return Buffer.from(String(answer['data'] ?? ''), 'hex').toString();
}

/** Waits until so much is in a socket; of datagrams, until the first one is that long. */
export async function arrived(p: Probe, fd: number, len: number): Promise<void> {
  const answer = await p.send('sock-queued', { fd, len });
  if (answer.ret !== len) throw new ExpectationError(`${len} bytes in the socket`, String(answer.ret));
}

/** How many descriptors a process has. */
export async function descriptors({ sh }: Pick<Context, 'sh'>, { pid }: Probe): Promise<number> {
  return Number(await sh(`ls /proc/${pid}/fd | wc -l`));
}

/** Does the event live? */
export async function lives(p: Probe, eid: number): Promise<boolean> {
  return (await p.send('books', { eid })).ret === 0;
}

/** The calls until a stream has ended, and what they were given, of at most 64 bytes each. */
export async function stream(p: Probe): Promise<string> {
  let all = '';
  for (;;) {
    const call = await p.nextCall();
    if (call.len === undefined || call.len <= 0) return all;
    all += text(call);
  }
}

/** So many calls, of several probes together; then no more come. */
export async function collect(probes: readonly Probe[], count: number): Promise<readonly Call[]> {
  const calls: Call[] = [];
  const rounds = 200;
  for (let round = 0; round < rounds && calls.length < count; round++) {
    for (const p of probes) calls.push(...(await p.settle()));
  }
  for (const p of probes) calls.push(...(await p.settle()));
  if (calls.length !== count) throw new ExpectationError(`${count} calls`, String(calls.length));
  return calls;
}

/** Sends until there is no room, and none comes by itself. Returns how many bytes. */
export async function fill(p: Probe, fd: number): Promise<number> {
  const most = 8 << 20;
  for (let sent = 0; sent < most; ) {
    const { ret, errno } = await p.send('sock-send', { fd, len: 2048, count: 1000, nonblock: 1 });
    if (errno === 'EAGAIN') return sent;
    sent += ret;
  }
  throw new ExpectationError('a socket to be full', `room for ${most} bytes`);
}
