// SPDX-License-Identifier: GPL-2.0-only
import type { GuestExit, GuestProcess, SpawnOptions, Target } from '../../kernel/target/target.ts';
import { within } from '../../lib/within.ts';
import { ExpectationError, MissingEventError, unexpected } from './expectation.ts';

/** A handler call, as the handler itself tells it. */
export interface Call {
  /** Order of calls and returns within the probe, from 0. */
  readonly seq: number;
  readonly eid: number;
  readonly tid: number;
  /** The parent process's id. */
  readonly ppid: number;
  readonly cpu: number;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly t: number;
  /** 1 for a handler that interrupted no other, 2 on top of one, and so on. */
  readonly depth: number;
  /** The signal mask, bit n - 1 for signal n. */
  readonly mask: number;
  /** aem-example: registered with the event; bytes of data, their address, the first 64 as hex. */
  readonly cookie?: number;
  readonly len?: number;
  readonly addr?: number;
  readonly data?: string;
  /** aem-example: the handler's frame address modulo 16. */
  readonly frame?: number;
  /** aem-pexit: which process ended, and its wait(2) status. */
  readonly pid?: number;
  readonly status?: number;
  /** aem-fd: the file’s name, at most 200 bytes of it, how long it is there and in truth, who did it (`pid`), and what. */
  readonly name?: string;
  readonly got?: number;
  readonly band?: number;
  /**
   * aem-ip: the socket, what was accepted and how, how far the peer's address was written and how long it is, a checksum
   * of the data, the length of the sender's address, that or the peer's, and how connect() ended (empty: well).
   */
  readonly fd?: number;
  readonly new?: number;
  readonly cloexec?: number;
  readonly nonblock?: number;
  readonly written?: number;
  readonly addrlen?: number;
  readonly sum?: number;
  readonly fromlen?: number;
  readonly family?: number;
  readonly port?: number;
  readonly error?: string;
  /**
   * aem-tipc: the port identity and the group member's name that it is from or of, what came, TIPC's error code, the name
   * that it was sent to (`type:lower:upper`), and the names that came or went.
   */
  readonly ref?: number;
  readonly node?: number;
  readonly type?: number;
  readonly instance?: number;
  readonly what?: string;
  readonly code?: number;
  readonly dest?: string;
  readonly lower?: number;
  readonly upper?: number;
  /** aem-timer: the user argument, the overrun count, and how much later than due it runs, in nanoseconds. */
  readonly arg?: number;
  readonly overrun?: number;
  readonly late?: number;
}

/** The answer to a command: what the call returned, and errno's name when it failed. */
export interface Answer {
  readonly ret: number;
  readonly errno: string | null;
  readonly [more: string]: number | string | null;
}

/** Everything else that a probe says by itself. */
export interface Notice {
  readonly entering?: string;
  readonly holding?: number;
  readonly signal?: number;
  readonly did?: string;
  /** Waits at this gate, see openGate(). */
  readonly gate?: number;
  readonly pid?: number;
  /** A fresh program: after exec. */
  readonly ready?: number;
  readonly eid?: number;
  readonly tid?: number;
  readonly ret?: number;
  readonly errno?: string;
}

export type Arguments = Readonly<Record<string, number | string | boolean | undefined>>;

/** A program on libaem in the guest, steered by a test; its verbs are in suites/guest/probe*.c. */
export interface Probe {
  readonly pid: number;
  readonly process: GuestProcess;
  readonly exited: Promise<GuestExit>;
  /** Runs a command in the probe's first thread. */
  send(verb: string, args?: Arguments): Promise<Answer>;
  /** Runs a command in the named thread; `io` is the one that has no events and never blocks. */
  on(thread: string, verb: string, args?: Arguments): Promise<Answer>;
  /** As send(), for a call that has to succeed; returns what it returned. */
  ok(verb: string, args?: Arguments): Promise<number>;
  /**
   * The calls since the last time, none of those that are due missing: the
   * thread passes the kernel once, so what was raised before has run.
   */
  settle(thread?: string): Promise<readonly Call[]>;
  /** Waits for the next call that settle() or this has not given out. */
  nextCall(): Promise<Call>;
  /** Waits for the probe's end. */
  ended(): Promise<GuestExit>;
  /** Waits for the next notice with this key. */
  notice(key: keyof Notice): Promise<Notice>;
  /** Returns of handlers that report them, so far. */
  returns(): readonly Pick<Call, 'seq' | 'eid' | 'data'>[];
}

interface Waiter<T> {
  readonly give: (value: T) => void;
  readonly fail: (error: Error) => void;
}

/** The answer to a command that has to succeed: an error is what it tests that fails. */
export function worked(answer: Answer, verb: string): Answer {
  if (answer.ret < 0) throw new ExpectationError(`${verb} to succeed`, answer.errno ?? String(answer.ret));
  return answer;
}

/** Starts a probe and waits until it is ready. `deadline` is in milliseconds. */
export async function startProbe(
  target: Target,
  deadline: number,
  options: SpawnOptions & { readonly argv?: readonly string[] } = {},
): Promise<Probe> {
  const { argv = ['probe'], ...spawn } = options;
  const process = await target.spawn(argv, spawn);
  return attachProbe(process, deadline);
}

/** Speaks to a probe that runs already. */
export async function attachProbe(process: GuestProcess, deadline: number): Promise<Probe> {
  const answers = new Map<number, Waiter<Answer>>();
  const calls: Call[] = [];
  const callWaiters: Waiter<Call>[] = [];
  const notices: Notice[] = [];
  const noticeWaiters: (Waiter<Notice> & { key: keyof Notice })[] = [];
  const returns: Pick<Call, 'seq' | 'eid' | 'data'>[] = [];
  let ended: Error | undefined;
  let nextId = 1;
  let started = false;
  const ready = createWaiter<number>();

  const onMessage = (message: Record<string, unknown>): void => {
    if (typeof message['re'] === 'number') {
      answers.get(message['re'])?.give(message as unknown as Answer);
      answers.delete(message['re']);
    } else if ('call' in message) {
      const call = message['call'] as Call;
      const waiter = callWaiters.shift();
      if (waiter === undefined) calls.push(call);
      else waiter.give(call);
    } else if ('return' in message) {
      returns.push(message['return'] as Pick<Call, 'seq' | 'eid' | 'data'>);
    } else if ('ready' in message && !started) {
      started = true;
      ready.give(message['ready'] as number);
    } else {
      const at = noticeWaiters.findIndex(({ key }) => key in message);
      if (at < 0) notices.push(message);
      else noticeWaiters.splice(at, 1)[0]?.give(message);
    }
  };

  const onEnd = (error: Error): void => {
    ended = error;
    ready.fail(error);
    for (const waiter of [...answers.values(), ...callWaiters, ...noticeWaiters]) waiter.fail(error);
    answers.clear();
  };

  const read = async (): Promise<void> => {
    for await (const line of process.lines) onMessage(JSON.parse(line) as Record<string, unknown>);
    const exit = await process.exited;
    const how = exit.signal === undefined ? `exited with ${exit.status ?? '?'}` : `was killed by signal ${exit.signal}`;
    onEnd(new ExpectationError('the probe to go on', `it ${how} ${process.stderr()}`.trim()));
  };
  read().catch(onEnd);

  const wait = <T>(what: string, start: (waiter: Waiter<T>) => void): Promise<T> => {
    if (ended !== undefined) return Promise.reject(ended);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new MissingEventError(`${what} within ${deadline / 1000} s`, 'nothing of the kind'));
      }, deadline);
      start({
        give(value) {
          clearTimeout(timer);
          resolve(value);
        },
        fail(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  };

  const runCommand = async (thread: string | undefined, verb: string, args: Arguments): Promise<Answer> => {
    const id = nextId++;
    const words = Object.entries(args)
      .filter(([, value]) => value !== undefined && value !== false)
      .map(([key, value]) => `${key}=${value === true ? 1 : String(value)}`);
    const line = [id, ...(thread === undefined ? [] : [`@${thread}`]), verb, ...words].join(' ');
    const answer = wait<Answer>(`an answer to \`${verb} ${words.join(' ')}\``, (waiter) => answers.set(id, waiter));
    void awaitedLater(answer);
    await process.write(`${line}\n`).catch(unexpected('the probe to take a command'));
    return answer;
  };
  const command = (thread: string | undefined, verb: string, args: Arguments = {}): Promise<Answer> =>
    awaitedLater(runCommand(thread, verb, args));

  const probe: Probe = {
    pid: process.pid,
    process,
    exited: process.exited,
    send: (verb, args) => command(undefined, verb, args),
    on: (thread, verb, args) => command(thread, verb, args),
    async ok(verb, args) {
      return worked(await command(undefined, verb, args), verb).ret;
    },
    async settle(thread) {
      await command(thread, 'gettid');
      return calls.splice(0);
    },
    nextCall() {
      const call = calls.shift();
      if (call !== undefined) return Promise.resolve(call);
      return wait('a handler call', (waiter) => callWaiters.push(waiter));
    },
    ended() {
      const expected = `the probe to end within ${deadline / 1000} s`;
      return within(deadline, process.exited, () => new MissingEventError(expected, 'it goes on'));
    },
    notice(key) {
      const at = notices.findIndex((notice) => key in notice);
      const [notice] = at < 0 ? [] : notices.splice(at, 1);
      if (notice !== undefined) return Promise.resolve(notice);
      return wait(`the notice "${key}"`, (waiter) => noticeWaiters.push({ key, ...waiter }));
    },
    returns: () => returns,
  };
  await wait<number>('the probe to be ready', (waiter) => ready.pass(waiter));
  return probe;
}

/** Until it is awaited a failure is no unhandled one; in a test that has failed nobody awaits it. */
function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A value that may come before anybody waits for it. */
function createWaiter<T>(): Waiter<T> & { pass(waiter: Waiter<T>): void } {
  let settle: ((waiter: Waiter<T>) => void) | undefined;
  let waiting: Waiter<T> | undefined;
  const set = (next: (waiter: Waiter<T>) => void): void => {
    settle = next;
    if (waiting !== undefined) next(waiting);
  };
  return {
    give: (value) => set((waiter) => waiter.give(value)),
    fail: (error) => set((waiter) => waiter.fail(error)),
    pass(waiter) {
      waiting = waiter;
      settle?.(waiter);
    },
  };
}
