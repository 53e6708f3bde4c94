// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine over ssh, for the length of a run. The run's own process has the connection, so that it can see to its end; the process in which
 * the tests run speaks to the agent through a socket. When a connection is lost, the next one who comes to the socket gets another. What the kernel
 * says before the first test, after the last one and while all is put back is seen here.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { digestFile } from '../../../lib/digest.ts';
import { InfrastructureError } from '../../../lib/errors.ts';
import type { Incident, TargetInfo } from '../../../reporters/results.ts';
import type { GuestBuild } from '../../build/artifacts.ts';
import { AgentError } from '../agent/client.ts';
import type { Event } from '../agent/protocol.ts';
import { makeScratch } from '../scratch.ts';
import type { Address } from './address.ts';
import { connect } from './connect.ts';
import type { Connection } from './connect.ts';
import { kernelFacts, machineFacts } from './facts.ts';
import type { KernelFacts, MachineFacts } from './facts.ts';

export interface LinkOptions {
  readonly address: Address;
  readonly sshOptions?: readonly string[];
  readonly folder?: string | undefined;
  readonly programs: GuestBuild['programs'];
  /** Modules to be loaded, in this order; they are unloaded in the end. */
  readonly modules?: readonly string[];
  /** What may disturb or stop the machine is allowed. */
  readonly destructive: boolean;
  /** Somebody else has the machine still, and who. */
  onWait?(why: string): void;
  readonly signal?: AbortSignal | undefined;
}

export interface Link {
  readonly machine: MachineFacts;
  readonly kernel: KernelFacts;
  readonly info: TargetInfo;
  /** The kernel's taint before anything was done there: what it has of old is no fault of the run's. */
  readonly taint: number;
  /** Of a socket: who connects to it speaks to an agent whose programs are in place. */
  readonly socket: string;
  /** What the kernel has said since the last call, while no test looked. */
  takeUntold(): Untold;
  /** Ends the connection when the agent has cleaned up; idempotent. What the kernel says meanwhile, takeUntold() has. */
  close(): Promise<Ending>;
}

/** What happened while no test looked, and the lines of the kernel's log that are in no file yet. */
export interface Untold {
  readonly incidents: readonly Incident[];
  readonly log: string;
}

export interface Ending {
  /** What was left behind, a line each. */
  readonly left: readonly string[];
  /** Why nobody has seen that nothing was, a line for each connection of which it is so. */
  readonly unsure: readonly string[];
  /** Why it is not known what the kernel said when modules were unloaded; absent where it is, or none were. */
  readonly unseen?: string;
  /** Its taint when all was put back; absent where it could not be read. */
  readonly taint?: number;
}

const pingEvery = 10_000;

/** Reaches a machine and gets it ready. Throws an InfrastructureError whose first line says what does not fit. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const agent = options.programs.find(({ name }) => name === 'agent');
  if (agent === undefined) throw new InfrastructureError('there is no agent among the programs');
  const run = `${userInfo().username}@${hostname()}, process ${process.pid} there, since ${new Date().toISOString()}`;
  const connections: Connection[] = [];
  let taintBefore: number | undefined;
  const open = async (): Promise<Connection> => {
    const connection = await connect({ ...options, agent: agent.path, boot: connections.length + 1, run });
    connections.push(connection);
    try {
      taintBefore ??= (await connection.client.request({ op: 'taint' })).taint ?? 0;
      await equip(connection, options);
      return connection;
    } catch (error) {
      await end(connection);
      throw error;
    }
  };
  let ending: Ending = { left: [], unsure: [] };
  const end = async (connection: Connection): Promise<void> => {
    const { left, unsure, taint } = await connection.close();
    const unseen = taint === undefined && unsure !== undefined && (options.modules ?? []).length > 0;
    const nobody = `${unsure ?? ''}, so nobody has seen that the agent cleaned up: it does when its end of the connection closes, or after 3 minutes of silence`;
    ending = {
      ...ending,
      left: [...ending.left, ...left],
      unsure: [...ending.unsure, ...(unsure === undefined ? [] : [nobody])],
      ...(unseen ? { unseen: `nobody has seen what the kernel said when modules were unloaded: ${unsure}` } : {}),
      ...(taint === undefined || taint < 0 ? {} : { taint }),
    };
  };
  const first = await open();
  let current: Connection | undefined = first;
  let closed = false;
  const scratch = makeScratch();
  try {
    const { hello, client } = first;
    const machine = await machineFacts(client, hello);
    const kernel = withOurModules(await kernelFacts(client, hello), await digestsOf(options.modules));
    // What it has said by now, a whole trace, is here then.
    await client.request({ op: 'mark', text: 'ready' });
    // Else the agent takes us for lost before the first test.
    const waiting = setInterval(() => void client.request({ op: 'ping' }).catch(() => undefined), pingEvery);
    waiting.unref();
    let handed = false;
    const serve = async (socket: Socket): Promise<void> => {
      clearInterval(waiting);
      try {
        if (handed && current !== undefined) {
          const before = current;
          current = undefined;
          await end(before);
        }
        handed = true;
        current ??= await open();
        if (closed) await end(current);
        else current.handTo(socket);
      } catch (error) {
        current = undefined;
        const lost: Event = { event: 'lost', why: error instanceof Error ? error.message : String(error) };
        socket.end(`${JSON.stringify(lost)}\n`);
      }
    };
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      void serve(socket);
    });
    const socket = await listen(server, join(scratch.folder, 'agent'));
    let closing: Promise<Ending> | undefined;
    return {
      machine,
      kernel,
      taint: taintBefore ?? 0,
      info: infoOf(options, first, kernel),
      socket,
      takeUntold() {
        const taken = connections.map(({ untold }) => untold.take());
        return { incidents: taken.flatMap(({ incidents }) => incidents), log: taken.map(({ text }) => text).join('') };
      },
      close() {
        closing ??= (async () => {
          closed = true;
          clearInterval(waiting);
          server.close();
          if (current !== undefined) await end(current);
          await scratch.remove();
          return ending;
        })();
        return closing;
      },
    };
  } catch (error) {
    await end(first);
    await scratch.remove();
    throw error;
  }
}

function listen(server: Server, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(path));
  });
}

/** The programs of the tests, and the modules. */
async function equip({ client, hello }: Connection, { programs, modules = [], address }: LinkOptions): Promise<void> {
  const { folder, uid } = hello.remote;
  const bin = `${folder}/bin`;
  const made = await client.exec(['/bin/sh', '-c', 'mkdir "$1"', 'sh', bin]);
  if (made.status !== 0) throw new InfrastructureError('the agent cannot start programs', { where: address.text, seen: made.stderr });
  const wanted = programs.filter(({ name }) => !/^(agent|tsc-khz|bench.*)$/.test(name));
  for (const { name, path } of wanted) await client.writeFile(`${bin}/${name}`, await readFile(path), 0o755);
  if (modules.length > 0 && uid !== 0) {
    throw new InfrastructureError(`modules are loaded by root alone, and it runs as uid ${uid}`, { where: address.text, hint: 'ssh://root@…' });
  }
  for (const path of modules) {
    const remote = `${folder}/${basename(path)}`;
    await client.writeFile(remote, await readFile(path));
    const name = basename(path, '.ko').replaceAll('-', '_');
    await client.request({ op: 'load', path: remote, name }).catch((error: unknown) => {
      if (!(error instanceof AgentError)) throw error;
      const why = { EEXIST: 'it is loaded already', ENOEXEC: `it was built for another kernel than ${hello.release}` }[error.code] ?? error.message;
      throw new InfrastructureError(`${basename(path)} cannot be loaded: ${why}`, { where: address.text });
    });
  }
}

/** By the names that they have in results. */
async function digestsOf(modules: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  return new Map(await Promise.all(modules.map(async (path) => [basename(path, '.ko'), await digestFile(path)] as const)));
}

/** Of what we have loaded the files are ours. */
function withOurModules(facts: KernelFacts, ours: ReadonlyMap<string, string>): KernelFacts {
  return {
    ...facts,
    modules: facts.modules.map((module) => {
      const sha256 = ours.get(module.name);
      return sha256 === undefined ? module : { ...module, sha256 };
    }),
  };
}

function infoOf({ address, destructive }: LinkOptions, { hello }: Connection, { modules }: KernelFacts): TargetInfo {
  const { uid, noLog } = hello.remote;
  const unknown = modules.filter(({ sha256 }) => sha256 === undefined).map(({ name }) => name);
  return {
    driver: 'ssh',
    cpus: hello.cpus,
    memoryMiB: hello.memoryMiB,
    address: address.text,
    user: uid === 0 ? 'root' : `uid ${uid}`,
    ...(noLog === null ? {} : { logUnwatched: noLog }),
    ...(destructive ? { destructive: true } : {}),
    ...(unknown.length === 0 ? {} : { unknownModules: unknown }),
  };
}
