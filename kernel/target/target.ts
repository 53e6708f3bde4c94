import type { Incident, TargetInfo } from '../../reporters/results.ts';

/** How a guest process ended, as wait(2) tells it. */
export interface GuestExit {
  /** Exit status, when it exited. */
  readonly status?: number;
  /** Signal number, when one killed it. */
  readonly signal?: number;
}

export interface GuestOutput extends GuestExit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run as this user and group id; as the target's own otherwise, root where it is. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A process that the agent started in the target. */
export interface GuestProcess {
  readonly pid: number;
  /** Settled once, also when the target dies (then it rejects with TargetDiedError). */
  readonly exited: Promise<GuestExit>;
  /** Complete lines of its stdout, without the newline, in order; ends with the process. */
  readonly lines: AsyncIterableIterator<string>;
  /** What it wrote to stderr so far. */
  stderr(): string;
  write(text: string): Promise<void>;
  closeStdin(): Promise<void>;
  kill(signal: number): Promise<void>;
  /** Its process group: what it has started too, but for what has left the group. */
  killGroup(signal: number): Promise<void>;
}

/** The kernel's own view of its health. */
export interface KernelHealth {
  /** /proc/sys/kernel/tainted */
  readonly taint: number;
  /** The console's lines since the last call of health() or mark(), without the markers. */
  readonly log: readonly string[];
  /** What those lines, or the target, showed to be wrong. */
  readonly incidents: readonly Incident[];
}

/** A machine that runs the kernel under test. */
export interface Target {
  readonly info: TargetInfo;
  /** `uname -r` */
  readonly release: string;
  /** Which boot of this run, from 1. */
  readonly boot: number;
  /** Programs run as root where no other user is asked for. */
  readonly root: boolean;
  /** A folder for files of tests; it goes with the target. */
  readonly scratch: string;
  /** Settled when the target has died; never rejects. */
  readonly died: Promise<Incident>;
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<GuestProcess>;
  /** Runs a program to its end. */
  exec(argv: readonly string[], options?: SpawnOptions & { readonly stdin?: string }): Promise<GuestOutput>;
  writeFile(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  readFile(path: string): Promise<Uint8Array>;
  /** Has a setting of the machine written back as it is now when the target goes, whatever ends it. */
  keep(path: string): Promise<void>;
  /** Writes a marker through the kernel's log, so that console lines can be told apart. */
  mark(text: string): Promise<void>;
  health(): Promise<KernelHealth>;
  /** Shuts it down; idempotent, and never leaves a process behind. */
  close(): Promise<void>;
}
