// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { InfrastructureError } from '../../../lib/errors.ts';
import { within } from '../../../lib/within.ts';
import { oneLine } from '../../../reporters/text.ts';
import { createAgentClient } from '../agent/client.ts';
import type { AgentClient } from '../agent/client.ts';
import type { Event, Hello, RemoteHello } from '../agent/protocol.ts';
import { destination } from './address.ts';
import type { Address } from './address.ts';
import { createRelay } from './relay.ts';
import { landingCommand, ownMachine, unfit } from './script.ts';
import { createUntoldLog } from './untold.ts';
import type { UntoldLog } from './untold.ts';

export interface ConnectOptions {
  readonly address: Address;
  /** As ssh's own -o: `IdentityFile=…`, `ProxyCommand=…`. */
  readonly sshOptions?: readonly string[];
  /** Where the agent is to put itself; the first of the usual folders when absent. */
  readonly folder?: string | undefined;
  /** The agent, a static program. */
  readonly agent: string;
  /** Which connection of the run, from 1. */
  readonly boot: number;
  /** For whom it is, in words that no other run has. */
  readonly run: string;
  /** Those that are to be loaded, and so unloaded in the end. */
  readonly modules?: readonly string[];
  /** Somebody else's agent, or an earlier one of ours, has the machine still. */
  onWait?(why: string): void;
  readonly signal?: AbortSignal | undefined;
}

/** One connection, and the agent at its end. */
export interface Connection {
  readonly hello: Hello & { readonly remote: RemoteHello };
  /** Until the connection is handed on. */
  readonly client: AgentClient;
  /** What the kernel says while no test looks. */
  readonly untold: UntoldLog;
  /** Settled when ssh has ended, with why; never rejects. */
  readonly ended: Promise<string>;
  /** From here on another process speaks to the agent; when its socket closes, so does the connection. */
  handTo(socket: Socket): void;
  /** Has the agent clean up and end, and waits for it. */
  close(): Promise<Closed>;
}

/** How a connection has ended. */
export interface Closed {
  /** What could not be cleaned up, a line each. */
  readonly left: readonly string[];
  /** Why nobody has seen that all was cleaned up, how it ended; absent where that is known. */
  readonly unsure?: string;
  /** The kernel's taint when all was put back, or -1; undefined where nobody was told that it is. */
  readonly taint: number | undefined;
}

/** Milliseconds. */
const helloLimit = 60_000;
/** OWN_TURN in agent-remote.c. */
const turnLimit = 300_000;

/** How long the guard may take, by its own limits in agent-remote.c: a hung agent (GRACE), processes and modules (PATIENCE), LAST_WORDS. */
export function closeLimit(modules: number): number {
  const [grace, patience, lastWords, toSpare] = [10_000, 30_000, 10_000, 20_000];
  return grace + (2 + modules) * patience + lastWords + toSpare;
}

/** No questions, no forwarding, nothing that stays; the rest is as the user has configured it. */
const options = [
  'BatchMode=yes', 'ConnectTimeout=15', 'ServerAliveInterval=10', 'ServerAliveCountMax=3', 'ClearAllForwardings=yes', 'ForwardAgent=no',
  'ForwardX11=no', 'ControlMaster=no', 'RemoteCommand=none', 'PermitLocalCommand=no', 'RequestTTY=no',
].map((option) => `-o${option}`);

/**
 * Reaches a machine, puts the agent there and waits for its first word. When it ends the agent leaves nothing, whatever ends it.
 * @throws InfrastructureError whose first line says what does not fit
 */
export async function connect({ address, sshOptions = [], folder, agent, boot, run, modules = [], onWait, signal }: ConnectOptions): Promise<Connection> {
  signal?.throwIfAborted();
  const program = await readFile(agent);
  const command = landingCommand({ size: program.length, machine: ownMachine(), folder, run });
  const ssh = execa('ssh', ['-T', ...sshOptions.map((option) => `-o${option}`), ...options, ...destination(address), command], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    // Ctrl-C is ours to handle. When we go without a word, its stdin ends, and so does the agent's.
    detached: true,
    cleanup: false,
  });
  let stderr = '';
  let waits: (why: string) => void = () => undefined;
  ssh.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(-8192);
    const [, why] = /^aemcert: (waiting for .*)\n/m.exec(stderr) ?? [];
    if (why !== undefined) waits(oneLine(why));
  });
  const noise: string[] = [];
  const stream = Duplex.from({ readable: ssh.stdout, writable: ssh.stdin });
  // It ends by itself then, and says why.
  stream.on('error', () => undefined);
  let handedTo: Socket | undefined;
  let taint: number | undefined;
  const untold = createUntoldLog(boot);
  const relay = createRelay(stream, { onLog: untold.push, onUndone: (word) => void (taint = word) });
  const allRead = finished(stream, { writable: false }).catch(() => undefined);
  const outcome = ssh.then(({ exitCode, signal: killedBy, code }) => ({ exitCode, killedBy, code }));
  const ended = outcome.then(({ exitCode, killedBy, code }) => howItEnded({ exitCode, killedBy, code, stderr }));
  const client = createAgentClient(relay.local, { env: {}, onNoise: (line) => void noise.push(line) });
  void ended.then((why) => {
    client.fail(new InfrastructureError(`the connection was lost: ${why}`, { where: address.text }));
    const lost: Event = { event: 'lost', why };
    handedTo?.end(`${JSON.stringify(lost)}\n`);
  });
  stream.write(program);

  const kill = (): void => void ssh.kill('SIGKILL');
  const close = async (): Promise<Closed> => {
    relay.end();
    const limit = closeLimit(modules.length);
    const late = (): Error => new InfrastructureError(`it did not end within ${limit / 1000} s`, { where: address.text });
    let unended: string | undefined;
    await within(limit, ended, late).catch((error: unknown) => {
      unended = (error as Error).message;
      kill();
    });
    const { exitCode } = await outcome;
    await allRead;
    const told = stderr.split('\n').filter((line) => line.startsWith('aemcert: left behind: ')).map((line) => oneLine(line.slice('aemcert: '.length)));
    if (taint !== undefined && (exitCode === 0 || told.length > 0)) return { left: told, taint };
    return { left: told, unsure: unended ?? `the connection was lost (${await ended})`, taint };
  };
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const early = ended.then(async (): Promise<never> => {
      throw refusal(address, { ...(await outcome), stderr, noise });
    });
    early.catch(() => undefined);
    const late = (): Error => new InfrastructureError(`the agent did not say hello within ${helloLimit / 1000} s`, { where: address.text, seen: lastWords(stderr, noise) });
    const waiting = new Promise<void>((resolve) => {
      waits = (why) => {
        waits = () => undefined;
        onWait?.(why);
        resolve();
      };
    });
    const greeted = Promise.race([client.hello.catch(() => early), early]);
    await within(helloLimit, Promise.race([greeted, waiting]), late);
    const hello = await within(helloLimit + turnLimit, greeted, late);
    signal?.throwIfAborted();
    const { remote } = hello;
    if (remote === undefined) throw new InfrastructureError('the agent does not know that it is on another machine', { where: address.text });
    return {
      hello: { ...hello, remote },
      client,
      untold,
      ended,
      handTo(socket) {
        handedTo = socket;
        const greeting: Event = hello;
        socket.write(`${JSON.stringify(greeting)}\n`);
        relay.handTo(socket);
      },
      close,
    };
  } catch (error) {
    kill();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

interface End {
  readonly exitCode?: number | undefined;
  readonly killedBy?: string | undefined;
  readonly code?: string | undefined;
  readonly stderr: string;
}

function howItEnded({ exitCode, killedBy, code, stderr }: End): string {
  if (code === 'ENOENT') return 'there is no program ssh';
  const last = lastWords(stderr, []);
  if (killedBy !== undefined) return `ssh was killed by ${killedBy}`;
  if (exitCode === 0) return 'the agent has ended';
  return exitCode === 255 ? last : `the agent ended with status ${exitCode ?? '?'}: ${last}`;
}

/** Why there is no agent, in one line and what to do about it. */
function refusal(address: Address, { noise, ...end }: End & { readonly noise: readonly string[] }): InfrastructureError {
  const { exitCode, code, stderr } = end;
  const where = address.text;
  if (code === 'ENOENT') return new InfrastructureError('there is no program ssh', { where, hint: 'apt-get install openssh-client' });
  const told = stderr.split('\n').findLast((line) => line.startsWith('aemcert: '))?.slice('aemcert: '.length);
  if (told !== undefined && exitCode !== 255) {
    const hint = exitCode === undefined ? undefined : hints[exitCode];
    return new InfrastructureError(oneLine(told), { where, hint });
  }
  if (exitCode === 255) {
    const words = [...destination(address).slice(0, -2), address.host].join(' ');
    return new InfrastructureError(`it cannot be reached: ${lastWords(stderr, [])}`, { where, hint: `this has to work without a question: ssh -o BatchMode=yes ${words} true` });
  }
  return new InfrastructureError(`the agent did not start: ${howItEnded(end)}`, { where, ...(noise.length === 0 ? {} : { seen: noise.slice(-5).map(oneLine).join('\n            ') }) });
}

/** By the agent's or the script's exit status. */
const hints: Readonly<Record<number, string>> = {
  [unfit.folder]: 'name one in which programs may run: --target-folder',
  [unfit.held]: 'root sees there who it is: ss -xlp | grep @aemcert',
  [unfit.busy]: 'two at once would see each other’s settings and faults: wait until it has ended, or end it there by kill with that process, which puts all back first',
};

function lastWords(stderr: string, noise: readonly string[]): string {
  return [...noise, ...stderr.split('\n')].map(oneLine).filter((line) => line !== '').at(-1) ?? 'no word';
}
