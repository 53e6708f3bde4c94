// SPDX-License-Identifier: GPL-2.0-only
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { InfrastructureError } from './errors.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment; buildEnvironment() when absent. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of stdout and stderr, as they come. */
  readonly onLine?: (line: string) => void;
  readonly log?: CommandLog | undefined;
  /**
   * A descriptor that the command and its children keep open, such as a lock's:
   * it stays locked until the last of them has ended, even if this process is killed.
   */
  readonly holds?: number | undefined;
  readonly stdin?: string;
}

export interface CommandResult {
  readonly command: string;
  /** Exit status; undefined when a signal killed it. */
  readonly status: number | undefined;
  readonly killedBy: string | undefined;
  /** The last lines of stdout and stderr together, 400 at most. */
  readonly output: readonly string[];
}

const keptLines = 400;
const passedOn = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'XDG_CACHE_HOME'];

/**
 * The environment for compilers: none of the variables that change what they make
 * (MAKEFLAGS, ARCH, CFLAGS, KCFLAGS …), no translated messages, no time zone.
 */
export function buildEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (passedOn.includes(entry[0]) || entry[0].startsWith('CCACHE_')),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/** A log file that takes every line that its commands print. */
export interface CommandLog {
  readonly path: string;
  write(line: string): void;
  close(): void;
}

/** Opens a log for appending; writes are synchronous, so what was printed is never lost. */
export function openLog(path: string): CommandLog {
  const fd = openSync(path, 'a');
  return {
    path,
    write: (line) => void writeSync(fd, `${line}\n`),
    close: () => closeSync(fd),
  };
}

/**
 * Runs a command to its end and tells how it ended. It gets SIGTERM when this process
 * dies or the signal is aborted, and SIGKILL ten seconds later.
 *
 * Throws an InfrastructureError when it cannot be started, and the signal's reason when aborted.
 */
export async function tryCommand(
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { cwd, env = buildEnvironment(), signal, onLine, log, holds, stdin } = options;
  signal?.throwIfAborted();
  const command = argv.join(' ');
  log?.write(`$ ${command}`);
  const output: string[] = [];
  // One pipe for both streams, so that their lines stay in order.
  const child = spawn('sh', ['-c', 'exec setpriv --pdeathsig TERM -- "$@" 2>&1', 'sh', ...argv], {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    stdio: ['pipe', 'pipe', 'ignore', ...(holds === undefined ? [] : [holds])],
  }) as Child;
  const ended = new Promise<Pick<CommandResult, 'status' | 'killedBy'>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, killedBy) =>
      resolve({ status: status ?? undefined, killedBy: killedBy ?? undefined }),
    );
  });
  const stop = (): void => void terminate(child, ended);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    // A command that ends before it has read everything tells why by its status.
    child.stdin.on('error', () => undefined).end(stdin);
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      output.push(line);
      if (output.length > keptLines) output.shift();
      log?.write(line);
      onLine?.(line);
    }
    const { status, killedBy } = await ended;
    signal?.throwIfAborted();
    if (status === 127 && output.at(-1)?.includes('setpriv: ')) {
      throw new InfrastructureError(`${argv[0]} cannot be started`, {
        seen: output.at(-1),
        hint: 'aemcert doctor',
      });
    }
    return { command, status, killedBy, output };
  } catch (error) {
    await terminate(child, ended);
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** SIGTERM, then SIGKILL; returns when it has ended. make passes SIGTERM on and removes what is half made. */
async function terminate(child: Child, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended.catch(() => undefined);
  clearTimeout(timer);
}

/** As tryCommand(), but any end other than status 0 is an InfrastructureError that shows the output's end. */
export async function runCommand(
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await tryCommand(argv, options);
  if (result.status !== 0) throw commandFailed(result, options.log?.path);
  return result;
}

/** The error for a command that did not end with status 0. */
export function commandFailed(
  result: CommandResult,
  logPath?: string,
  excerpt: readonly string[] = result.output.slice(-15),
): InfrastructureError {
  const end = result.killedBy === undefined ? `status ${result.status}` : result.killedBy;
  const full = result.output.some((line) => line.includes('No space left on device'));
  return new InfrastructureError(
    full ? 'the disk is full' : `${firstWords(result.command)} failed with ${end}`,
    {
      ...(logPath === undefined ? {} : { where: logPath }),
      expected: `status 0 of: ${result.command}`,
      seen: excerpt.length === 0 ? 'no output' : excerpt.join('\n            '),
      hint: full
        ? 'free space where the cache is, or set XDG_CACHE_HOME to another disk'
        : logPath === undefined
          ? undefined
          : `the whole log: less ${logPath}`,
    },
  );
}

function firstWords(command: string): string {
  const words = command.split(' ');
  return words[0] === 'make' ? `make ${words.at(-1)}` : (words[0] ?? command);
}
