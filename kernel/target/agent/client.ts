// SPDX-License-Identifier: GPL-2.0-only
import type { Duplex } from 'node:stream';
import { InfrastructureError } from '../../../lib/errors.ts';
import type { GuestExit, GuestOutput, GuestProcess, SpawnOptions } from '../target.ts';
import { protocolVersion } from './protocol.ts';
import type { Answer, Event, Hello, Request } from './protocol.ts';
import type { Recorder } from './recorder.ts';

/** Bytes a message carries at most: the agent reads files in such pieces. */
const chunk = 32 * 1024;
/** Pieces of a file that are sent before the first of them is answered. */
const underWay = 8;

/** Milliseconds. */
const streamEndGrace = 10_000;

const guestEnv = { PATH: '/usr/aem/bin:/bin:/sbin:/usr/bin:/usr/sbin', HOME: '/root', LANG: 'C' };

/** A request that the agent could not carry out. */
export class AgentError extends Error {
  /** The errno's name, e.g. `ENOENT`. */
  readonly code: string;
  constructor(answer: Answer) {
    super(`${answer.what ?? 'agent'}: ${answer.message ?? 'failed'} (${answer.error ?? '?'})`);
    this.name = 'AgentError';
    this.code = answer.error ?? '?';
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** The host's end of the agent's stream. */
export interface AgentClient {
  /** What the agent said of its machine; rejects when the stream ends first. */
  readonly hello: Promise<Hello>;
  request(request: Request): Promise<Answer>;
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<GuestProcess>;
  exec(argv: readonly string[], options?: SpawnOptions & { readonly stdin?: string }): Promise<GuestOutput>;
  writeFile(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  readFile(path: string): Promise<Uint8Array>;
  /** Everything under way fails with `error`, and what comes after it. */
  fail(error: Error): void;
}

export interface AgentClientOptions {
  readonly record?: Recorder | undefined;
  /** What programs find in their environment; a guest's when absent. */
  readonly env?: Readonly<Record<string, string>>;
  /** Lines of the kernel's log, where the agent reads it. */
  readonly onLog?: (text: string) => void;
  /** The way to the agent is lost, and why: it is for who listens to let what is under way fail. */
  readonly onLost?: (why: string) => void;
  /** What is said before the agent's first word, where others may speak, such as a login shell. */
  readonly onNoise?: (line: string) => void;
}

export function createAgentClient(stream: Duplex, { record, env: defaultEnv = guestEnv, onLog, onLost, onNoise }: AgentClientOptions = {}): AgentClient {
  const waiting = new Map<number, Waiting>();
  const processes = new Map<number, ProcessState>();
  /** Output may be here before the answer that says whose it is. */
  const early = new Map<number, Event[]>();
  let failure: Error | undefined;
  let nextId = 1;
  let greeted = false;
  let sayHello: (hello: Hello) => void = () => undefined;
  let failHello: (error: Error) => void = () => undefined;
  const hello = new Promise<Hello>((resolve, reject) => {
    sayHello = resolve;
    failHello = reject;
  });
  hello.catch(() => undefined);

  const fail = (error: Error): void => {
    failure ??= error;
    failHello(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    for (const process of processes.values()) process.fail(error);
    processes.clear();
  };

  const onEvent = (event: Event): void => {
    if (event.event === 'log') {
      onLog?.(Buffer.from(event.data, 'base64').toString('utf8'));
      return;
    }
    // For who has the connection.
    if (event.event === 'undone') return;
    if (event.event === 'lost') {
      onLost?.(event.why);
      return;
    }
    if (event.event === 'hello') {
      greeted = true;
      if (event.protocol === protocolVersion) sayHello(event);
      else fail(new InfrastructureError(`the agent speaks protocol ${event.protocol}, not ${protocolVersion}`));
      return;
    }
    const process = processes.get(event.pid);
    if (process === undefined) {
      early.set(event.pid, [...(early.get(event.pid) ?? []), event]);
      return;
    }
    process.take(event);
    if (event.event === 'exit') processes.delete(event.pid);
  };

  const onLine = (line: string): void => {
    let message: Answer | Event;
    try {
      message = JSON.parse(line) as Answer | Event;
    } catch (cause) {
      if (!greeted && onNoise !== undefined) {
        onNoise(line);
        return;
      }
      fail(new InfrastructureError('the agent sent what is not JSON', { seen: line.slice(0, 200), cause }));
      return;
    }
    record?.take('<', message);
    if ('event' in message) {
      onEvent(message);
      return;
    }
    const waiter = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) waiter?.resolve(message);
    else waiter?.reject(new AgentError(message));
  };

  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  stream.on('error', (cause) => fail(new InfrastructureError('the agent’s stream broke', { cause })));
  // The target's own death explains it better, and is seen a little later.
  stream.on('close', () => {
    setTimeout(() => fail(new InfrastructureError('the agent’s stream ended')), streamEndGrace).unref();
  });

  const request = (body: Request): Promise<Answer> => {
    if (failure !== undefined) return Promise.reject(failure);
    const id = nextId++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      record?.take('>', { id, ...body });
      stream.write(`${JSON.stringify({ id, ...body })}\n`);
    });
  };

  const spawn = async (argv: readonly string[], options: SpawnOptions = {}): Promise<GuestProcess> => {
    const { env, ...rest } = options;
    const list = Object.entries({ ...defaultEnv, ...env }).map(([name, value]) => `${name}=${value}`);
    const { pid = 0 } = await request({ op: 'spawn', argv, env: list, ...rest });
    const state = createProcess(pid, request);
    if (failure !== undefined) {
      state.fail(failure);
      return state.process;
    }
    processes.set(pid, state);
    const before = early.get(pid) ?? [];
    early.delete(pid);
    before.forEach(onEvent);
    return state.process;
  };

  return {
    hello,
    request,
    spawn,
    fail,
    async exec(argv, options = {}) {
      const { stdin, ...rest } = options;
      const process = await spawn(argv, rest);
      if (stdin !== undefined) await process.write(stdin).catch(() => undefined);
      await process.closeStdin().catch(() => undefined);
      const stdout: string[] = [];
      for await (const line of process.lines) stdout.push(`${line}\n`);
      const exit = await process.exited;
      return { ...exit, stdout: stdout.join(''), stderr: process.stderr() };
    },
    async writeFile(path, data, mode = 0o644) {
      const bytes = Buffer.from(data);
      const write = (at: number): Promise<Answer> => {
        const piece = bytes.subarray(at, at + chunk).toString('base64');
        return request({ op: 'write', path, data: piece, append: at > 0, mode });
      };
      // Alone: where the file cannot be opened no more is sent.
      await write(0);
      let next = chunk;
      const follow = async (): Promise<void> => {
        while (next < bytes.length) {
          const at = next;
          next += chunk;
          await write(at).catch((error: unknown) => {
            next = bytes.length;
            throw error;
          });
        }
      };
      // The agent takes them in order; to wait for each answer would take as many times the way there and back.
      await Promise.all(Array.from({ length: underWay }, follow));
    },
    async readFile(path) {
      const pieces: Buffer[] = [];
      for (let offset = 0; ; ) {
        const { data = '', eof } = await request({ op: 'read', path, offset });
        if (eof === true) return Buffer.concat(pieces);
        const piece = Buffer.from(data, 'base64');
        pieces.push(piece);
        offset += piece.length;
      }
    },
  };
}

interface ProcessState {
  readonly process: GuestProcess;
  take(event: Extract<Event, { pid: number }>): void;
  fail(error: Error): void;
}

function createProcess(pid: number, request: (body: Request) => Promise<Answer>): ProcessState {
  const lines = createLineQueue();
  let errors = '';
  let resolveExit: (exit: GuestExit) => void = () => undefined;
  let rejectExit: (error: Error) => void = () => undefined;
  const exited = new Promise<GuestExit>((resolve, reject) => {
    resolveExit = resolve;
    rejectExit = reject;
  });
  exited.catch(() => undefined);
  return {
    process: {
      pid,
      exited,
      lines: lines.iterator,
      stderr: () => errors,
      async write(text) {
        await request({ op: 'stdin', pid, data: Buffer.from(text).toString('base64') });
      },
      async closeStdin() {
        await request({ op: 'stdin', pid, close: true });
      },
      async kill(signal) {
        await request({ op: 'kill', pid, signal });
      },
      async killGroup(signal) {
        await request({ op: 'kill', pid: -pid, signal });
      },
    },
    take(event) {
      if (event.event === 'exit') {
        lines.end();
        resolveExit(
          event.status === undefined ? { signal: event.signal ?? 0 } : { status: event.status },
        );
        return;
      }
      const data = Buffer.from(event.data, 'base64');
      if (event.fd === 1) lines.push(data);
      else errors += data.toString('utf8');
    },
    fail(error) {
      lines.fail(error);
      rejectExit(error);
    },
  };
}

/** Bytes in, lines out; the last line may lack its newline. */
function createLineQueue(): {
  readonly iterator: AsyncIterableIterator<string>;
  push(data: Buffer): void;
  end(): void;
  fail(error: Error): void;
} {
  const ready: string[] = [];
  const takers: { resolve: (result: IteratorResult<string>) => void; reject: (error: Error) => void }[] = [];
  let rest = Buffer.alloc(0);
  let ended = false;
  let failure: Error | undefined;
  const put = (line: string): void => {
    const taker = takers.shift();
    if (taker === undefined) ready.push(line);
    else taker.resolve({ value: line, done: false });
  };
  const iterator: AsyncIterableIterator<string> = {
    next() {
      const line = ready.shift();
      if (line !== undefined) return Promise.resolve({ value: line, done: false });
      if (failure !== undefined) return Promise.reject(failure);
      if (ended) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => takers.push({ resolve, reject }));
    },
    [Symbol.asyncIterator]() {
      return iterator;
    },
  };
  return {
    iterator,
    push(data) {
      rest = Buffer.concat([rest, data]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        put(rest.subarray(0, end).toString('utf8'));
        rest = rest.subarray(end + 1);
      }
    },
    end() {
      if (rest.length > 0) put(rest.toString('utf8'));
      ended = true;
      for (const taker of takers.splice(0)) taker.resolve({ value: undefined, done: true });
    },
    fail(error) {
      failure = error;
      for (const taker of takers.splice(0)) taker.reject(error);
    },
  };
}
