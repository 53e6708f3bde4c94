// SPDX-License-Identifier: GPL-2.0-only
/** Numbers of modules/include/aem.h, as commands to the probe carry them. */

export const evf = {
  excl: 1 << 17,
  oneshot: 1 << 18,
  clone: 1 << 19,
  fork: 1 << 20,
  nocldwait: 1 << 21,
  capsule: 1 << 22,
  keepalive: 1 << 23,
} as const;

/** Flags of aem-example: deliver each activation. */
export const each = 1;

/** Operations of aem_evctl(). */
export const ev = { jobprio: 1, tblinit: 2, jobshtdn: 3, jobstart: 4, jobstop: 5 } as const;

export const zone = { u: 0, v: 1 } as const;

/** The id that stands for all events of the caller. */
export const allEvents = 0xffffffff;

/** Where aem-example raises from. */
export const context = { process: 0, softirq: 1, hardirq: 2 } as const;

/** The wait(2) status word of a process that returned `status`. */
export function returned(status: number): number {
  return (status & 0xff) << 8;
}

/** The wait(2) status word of a process that a signal killed. */
export function killedBy(signal: number, coreDumped = false): number {
  return signal | (coreDumped ? 0x80 : 0);
}

export const signals = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGBUS: 7, SIGFPE: 8, SIGKILL: 9, SIGUSR1: 10,
  SIGSEGV: 11, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGSTKFLT: 16, SIGCHLD: 17, SIGCONT: 18, SIGSTOP: 19,
  SIGXCPU: 24, SIGXFSZ: 25, SIGVTALRM: 26, SIGPROF: 27, SIGIO: 29, SIGPWR: 30, SIGSYS: 31,
} as const;
