// SPDX-License-Identifier: GPL-2.0-only
/**
 * What host and agent say to each other: one JSON object a line, on one byte
 * stream. The host sends requests, each with an id that its one answer
 * repeats. The agent answers and sends events. Bytes travel as base64.
 *
 * An answer has `error` (the errno's name), `message` and `what` when the
 * request failed, otherwise what is said below.
 */
export const protocolVersion = 1;

export type Request =
  /** Starts a program with pipes; answers `pid`. `env` is a list of NAME=value. */
  | { op: 'spawn'; argv: readonly string[]; env: readonly string[]; cwd?: string; uid?: number; gid?: number }
  /** Bytes for a program's stdin, and whether it ends with them. */
  | { op: 'stdin'; pid: number; data?: string; close?: boolean }
  /** kill(2): a negative pid is a process group. */
  | { op: 'kill'; pid: number; signal: number }
  | { op: 'write'; path: string; data: string; append: boolean; mode: number }
  /** A piece of a file: answers `data` and `eof`. */
  | { op: 'read'; path: string; offset: number }
  /** Writes a line into the kernel's log. */
  | { op: 'mark'; text: string }
  /** Answers `taint`, the word of /proc/sys/kernel/tainted. */
  | { op: 'taint' }
  | { op: 'ping' }
  /** Kills what runs and ends the machine, where the agent is its init. */
  | { op: 'shutdown' };

export interface Answer {
  readonly id: number;
  readonly error?: string;
  readonly message?: string;
  readonly what?: string;
  readonly pid?: number;
  readonly data?: string;
  readonly eof?: boolean;
  readonly taint?: number;
}

export type Event =
  /** The first line of all. `problems`: what of the set-up failed, in words. */
  | {
      event: 'hello';
      protocol: number;
      release: string;
      cpus: number;
      memoryMiB: number;
      /** A CPU came up without high-resolution timers although its kernel has them. */
      coarseTimers: boolean;
      problems: readonly string[];
    }
  | { event: 'output'; pid: number; fd: 1 | 2; data: string }
  /** After the last output of that program. */
  | { event: 'exit'; pid: number; status?: number; signal?: number };

export type Hello = Extract<Event, { event: 'hello' }>;
