// SPDX-License-Identifier: GPL-2.0-only
/** What tests need of a machine that was not made for them: without it they are UNTESTED, and it is said what is missing. */
import type { Capability, MachineFacts } from '../../kernel/target/ssh/facts.ts';
import type { Binding, TargetInfo } from '../../reporters/results.ts';

/** Each with what it is there for; all but the last three are root's alone. */
const words = {
  users: 'to run programs as users whose limits nobody else counts towards',
  settings: 'to change settings of the kernel',
  mounts: 'to mount filesystems',
  fanotify: 'for fanotify, which tells who it was',
  'process-events': 'for the proc connector',
  interrupts: 'to bind interrupts',
  networks: 'to make network namespaces, with links between them',
  /** A guest has a clock for it that counts instructions; any other machine has to have nothing else to do. */
  clock: 'measures how soon, which says something only where nothing else runs',
  /** Other programs of the machine may fail meanwhile, or all of it. */
  destructive: 'may disturb other programs of the machine, or stop it',
  /** What the kernel says is what the test looks at. */
  log: 'looks at the kernel’s log',
} as const;
export type Need = keyof typeof words;

/** What root may not be able to do in a container. */
const capabilities: Partial<Readonly<Record<Need, readonly Capability[]>>> = {
  users: ['CAP_SETUID', 'CAP_SETGID'],
  fanotify: ['CAP_SYS_ADMIN'],
  'process-events': ['CAP_NET_ADMIN'],
  networks: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'],
};

/** A test, as far as it matters what it needs. */
export interface Needing {
  readonly suite: string;
  readonly binding: Binding;
  readonly needs: readonly Need[];
}

/** What a machine is, and what its user has allowed. */
export interface Offer {
  readonly machine: MachineFacts;
  readonly info: Pick<TargetInfo, 'destructive' | 'logUnwatched'>;
}

/** What a test needs that is not there, in one line; undefined when nothing. */
export function lacking({ suite, binding, needs }: Needing, { machine, info }: Offer): string | undefined {
  const own = binding === 'aem' && suite !== 'cgl';
  if (binding === 'aem') {
    if (!machine.aem) return 'needs AEM, and its modules are not loaded: --load-modules';
    if (machine.notRoot !== undefined) return `needs root for AEM's devices: ${machine.notRoot}`;
    if (own && !machine.aemFiles) return 'needs the modules of AEM in /lib/aem, from where its own suites load them again';
    if (own && Object.entries(machine.uids).some(([uid, other]) => Number(uid) !== other)) return 'needs users 1001 and 1002 to be nobody, and they are taken';
  }
  const allowed = info.destructive === true;
  // Its own suites exhaust, unload and provoke.
  if (!allowed && (own || needs.includes('destructive'))) return `${words.destructive}: --destructive`;
  if (!allowed && needs.includes('clock')) return `${words.clock}: --destructive`;
  for (const need of needs) {
    if (need === 'destructive' || need === 'clock') continue;
    if (need === 'log') {
      if (info.logUnwatched !== undefined) return `${words.log}, which cannot be read: ${info.logUnwatched}`;
      continue;
    }
    if (machine.notRoot !== undefined) return `needs root ${words[need]}: ${machine.notRoot}`;
    const missing = capabilities[need]?.filter((name) => machine.missingCapabilities.includes(name)) ?? [];
    if (missing.length > 0) return `needs ${missing.join(', ')} ${words[need]}, which root has not there`;
    if (need === 'mounts' && machine.noMounts !== undefined) return `needs a mount namespace ${words.mounts}: ${machine.noMounts}`;
  }
  return undefined;
}
