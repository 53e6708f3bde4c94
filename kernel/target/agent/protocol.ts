// SPDX-License-Identifier: GPL-2.0-only
/**
 * What host and agent say to each other: one JSON object a line, on one byte
 * stream. The host sends requests, each with an id that its one answer
 * repeats. The agent carries them out one after the other, answers and sends
 * events. Bytes travel as base64.
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
  /** Has a file written back as it is now, whatever ends the agent; only over ssh. */
  | { op: 'keep'; path: string }
  /** Loads a module, which is unloaded whatever ends the agent; only over ssh. `name`: as the kernel has it. */
  | { op: 'load'; path: string; name: string }
  | { op: 'ping' }
  /** Kills what runs, and ends the machine where the agent is its init. */
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
      /** Of a machine that is reached over ssh alone. */
      remote?: RemoteHello;
    }
  | { event: 'output'; pid: number; fd: 1 | 2; data: string }
  /** Lines of the kernel's log, as a console has them; over ssh, where there is none to look at. */
  | { event: 'log'; data: string }
  /** The last line of all, over ssh: what was changed there is as it was. `taint`: the kernel's word then, or -1. */
  | { event: 'undone'; taint: number }
  /** Not the agent's: there is no way to it any more, and why. */
  | { event: 'lost'; why: string }
  /** After the last output of that program. */
  | { event: 'exit'; pid: number; status?: number; signal?: number };

/** What the agent is there and may do. */
export interface RemoteHello {
  readonly uid: number;
  /** Its own, which goes with it. */
  readonly folder: string;
  /** Where files of tests go: `folder`/tmp, or a /tmp that is the agent's own. */
  readonly scratch: string;
  /** Why it has no mount namespace of its own; null where it has. */
  readonly noMounts: string | null;
  /** Why it cannot read the kernel's log, an errno's name; null where it can. */
  readonly noLog: string | null;
}

export type Hello = Extract<Event, { event: 'hello' }>;
