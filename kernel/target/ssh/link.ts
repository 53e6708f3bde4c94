// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine over ssh, for the length of a run. The run's own process has the connection, so that it can see to its end; the process in which
 * the tests run speaks to the agent through a socket. When a connection is lost, the next one who comes to the socket gets another.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
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
  readonly signal?: AbortSignal | undefined;
}

export interface Link {
  readonly machine: MachineFacts;
  readonly kernel: KernelFacts;
  readonly info: TargetInfo;
  /** Of a socket: who connects to it speaks to an agent whose programs are in place. */
  readonly socket: string;
  /** Ends the connection when the agent has cleaned up. Returns what was left behind, a line each; idempotent. */
  close(): Promise<readonly string[]>;
}

const pingEvery = 10_000;

/** Reaches a machine and gets it ready. Throws an InfrastructureError whose first line says what does not fit. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const agent = options.programs.find(({ name }) => name === 'agent');
  if (agent === undefined) throw new InfrastructureError('there is no agent among the programs');
  const open = async (): Promise<Connection> => {
    const connection = await connect({ ...options, agent: agent.path });
    try {
      await equip(connection, options);
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  };
  const first = await open();
  let current: Connection | undefined = first;
  const left: string[] = [];
  const scratch = makeScratch();
  const end = async (connection: Connection): Promise<void> => void left.push(...(await connection.close()));
  try {
    const { hello, client } = first;
    const machine = await machineFacts(client, hello);
    const kernel = withOurModules(await kernelFacts(client, hello), await digestsOf(options.modules));
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
        current.handTo(socket);
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
    let closing: Promise<readonly string[]> | undefined;
    return {
      machine,
      kernel,
      info: infoOf(options, first, kernel),
      socket,
      close() {
        closing ??= (async () => {
          clearInterval(waiting);
          server.close();
          if (current !== undefined) await end(current);
          await scratch.remove();
          return left;
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

/** On a machine that others use, too, that memory runs out is no fault of its kernel; nor that its log was read too late. */
export function blameOn(kind: Incident['kind']): Incident['blame'] {
  return kind === 'out-of-memory' || kind === 'other' ? 'infrastructure' : 'kernel';
}
