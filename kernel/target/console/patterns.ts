// SPDX-License-Identifier: GPL-2.0-only
import type { Incident } from '../../../reporters/results.ts';

/** How trouble looks on a kernel's console. */
export interface ConsolePattern {
  readonly kind: Incident['kind'];
  readonly begins: RegExp;
  /** The last line of what it prints; without it the excerpt ends by its length. */
  readonly ends?: RegExp;
  /** The kernel does not go on after it. */
  readonly fatal?: boolean;
}

/** The agent's own words, where it reads the log of somebody's machine: it could not read fast enough. */
export const overwritten = "a part of the kernel's log was overwritten unread";

const trace = /---\[ end trace/;

/**
 * In this order: a line counts for the first that fits. Lines of an incident
 * that goes on belong to it, unless a fatal pattern fits.
 */
export const consolePatterns: readonly ConsolePattern[] = [
  { kind: 'panic', begins: /(?<!end )Kernel panic - not syncing/, ends: /---\[ end Kernel panic/, fatal: true },
  { kind: 'kasan', begins: /BUG: (KASAN|KFENCE|KMSAN|KCSAN)/, ends: /^={20,}$/ },
  { kind: 'soft-lockup', begins: /watchdog: BUG: soft lockup|NMI watchdog: Watchdog detected/ },
  { kind: 'oops', begins: /BUG: (kernel NULL pointer|unable to handle)|Oops:|^(?!traps: ).*general protection fault/, ends: trace },
  { kind: 'oops', begins: /kernel BUG at /, ends: trace },
  {
    kind: 'lockdep',
    begins:
      /WARNING: (possible (circular|recursive|irq lock)|inconsistent lock state|bad (unlock|contention)|suspicious RCU|\S+-safe -> \S+-unsafe|lock held when|held lock freed|[Nn]ested lock|.*still has locks held|chain_key)|INFO: (possible|trying to register)/,
  },
  { kind: 'rcu-stall', begins: /rcu: INFO: .*(stall|self-detected)/ },
  { kind: 'hung-task', begins: /INFO: task .* blocked for more than/ },
  { kind: 'bug', begins: /BUG: (sleeping function|scheduling while atomic|spinlock|workqueue|Bad page)/ },
  { kind: 'bug', begins: /\bBUG: |^BUG \S+ \(/ },
  { kind: 'warning', begins: /WARNING: CPU: \d+ PID:/, ends: trace },
  { kind: 'warning', begins: /ODEBUG: |UBSAN: |list_(add|del) corruption|kmemleak: \d+ new suspected/ },
  { kind: 'warning', begins: /^WARNING: / },
  // What follows is none of it.
  { kind: 'other', begins: new RegExp(`^${overwritten}$`), ends: new RegExp(`^${overwritten}$`) },
  { kind: 'out-of-memory', begins: /invoked oom-killer|Out of memory: Killed process/, ends: /Killed process/ },
];
