// SPDX-License-Identifier: GPL-2.0-only

export type Mark = 'circle' | 'square' | 'triangle' | 'diamond';

export interface Mechanism {
  readonly id: string;
  readonly label: string;
  /**
   * `subject` is what is compared; `peer` what it is compared with; `contrast` is shown, and no
   * ratio is to it, for the reason given.
   */
  readonly role: 'subject' | 'peer' | 'contrast';
  /** What the program does when it is told. Only likes are compared. */
  readonly program: 'waits' | 'computes';
  readonly reason?: string;
  /** Of its line; readable on white and on black. */
  readonly colour: string;
  readonly mark: Mark;
}

export const mechanisms: readonly Mechanism[] = [
  { id: 'aem', label: 'AEM, ring', role: 'subject', program: 'waits', colour: '#e0442e', mark: 'circle' },
  { id: 'aem-upcall', label: 'AEM, upcall', role: 'subject', program: 'waits', colour: '#e88a2d', mark: 'circle' },
  { id: 'epoll', label: 'epoll, level-triggered', role: 'peer', program: 'waits', colour: '#2f81d6', mark: 'square' },
  { id: 'epoll-edge', label: 'epoll, edge-triggered', role: 'peer', program: 'waits', colour: '#12979d', mark: 'triangle' },
  { id: 'io_uring-poll', label: 'io_uring, multishot poll', role: 'peer', program: 'waits', colour: '#b07c10', mark: 'square' },
  { id: 'io_uring-read', label: 'io_uring, reads', role: 'peer', program: 'waits', colour: '#8f6ad8', mark: 'triangle' },
  { id: 'signal', label: 'real-time signal', role: 'peer', program: 'waits', colour: '#4f9a35', mark: 'square' },
  { id: 'signalfd', label: 'signalfd', role: 'peer', program: 'waits', colour: '#c9559c', mark: 'triangle' },
  {
    id: 'epoll-edge-unread',
    label: 'epoll, edge, never read',
    role: 'contrast',
    program: 'waits',
    reason: 'it tells that something happened, not how often',
    colour: '#5b8bb0',
    mark: 'diamond',
  },
  {
    id: 'poll',
    label: 'poll',
    role: 'contrast',
    program: 'waits',
    reason: 'its cost grows with what is idle',
    colour: '#86909a',
    mark: 'diamond',
  },
  { id: 'aem-computing', label: 'AEM, upcall', role: 'subject', program: 'computes', colour: '#e88a2d', mark: 'circle' },
  { id: 'signal-computing', label: 'real-time signal', role: 'peer', program: 'computes', colour: '#4f9a35', mark: 'square' },
];

const known = new Map(mechanisms.map((mechanism) => [mechanism.id, mechanism]));

/** With what the program does where that is not to wait. */
export function labelOf(id: string): string {
  const mechanism = known.get(id);
  if (mechanism === undefined) return id;
  return mechanism.program === 'waits' ? mechanism.label : `${mechanism.label}, into computing code`;
}

/** Is the one a peer with which the other is compared? */
export function isPeerOf(id: string, subject: string): boolean {
  const mechanism = known.get(id);
  return mechanism?.role === 'peer' && mechanism.program === known.get(subject)?.program;
}

/** Of handler processes. */
export interface ProcessMechanism {
  readonly id: string;
  readonly label: string;
  /** With what it is compared. */
  readonly peers: readonly string[];
  readonly reason?: string;
  readonly colour: string;
}

export const processMechanisms: readonly ProcessMechanism[] = [
  { id: 'aem-fork', label: 'AEM, EVF_FORK', peers: ['fork'], colour: '#e88a2d' },
  { id: 'aem-capsule', label: 'AEM, EVF_CAPSULE', peers: ['pool-once', 'aem-fork'], colour: '#e0442e' },
  { id: 'fork', label: 'epoll and fork', peers: [], colour: '#2f81d6' },
  { id: 'pool-once', label: 'pool, one event each', peers: [], colour: '#12979d' },
  {
    id: 'pool',
    label: 'pool, reused',
    peers: [],
    reason: 'its processes handle one event after the other, and none begins anew',
    colour: '#86909a',
  },
];

export function processLabelOf(id: string): string {
  return processMechanisms.find((mechanism) => mechanism.id === id)?.label ?? id;
}
