// SPDX-License-Identifier: GPL-2.0-only

export interface Mechanism {
  readonly id: string;
  readonly label: string;
  /**
   * `subject` is what is compared; `peer` what it is compared with; `contrast` is shown, and no
   * ratio is to it, for the reason given.
   */
  readonly role: 'subject' | 'peer' | 'contrast';
  readonly reason?: string;
  /** Of its line; readable on white and on black. */
  readonly colour: string;
  readonly mark: 'circle' | 'square' | 'triangle' | 'diamond';
}

export const mechanisms: readonly Mechanism[] = [
  { id: 'aem', label: 'AEM', role: 'subject', colour: '#e0442e', mark: 'circle' },
  { id: 'epoll', label: 'epoll, level-triggered', role: 'peer', colour: '#2f81d6', mark: 'square' },
  { id: 'epoll-edge', label: 'epoll, edge-triggered', role: 'peer', colour: '#12979d', mark: 'triangle' },
  { id: 'io_uring-poll', label: 'io_uring, multishot poll', role: 'peer', colour: '#b07c10', mark: 'square' },
  { id: 'io_uring-read', label: 'io_uring, reads', role: 'peer', colour: '#8f6ad8', mark: 'triangle' },
  { id: 'signal', label: 'real-time signal', role: 'peer', colour: '#4f9a35', mark: 'square' },
  { id: 'signalfd', label: 'signalfd', role: 'peer', colour: '#c9559c', mark: 'triangle' },
  {
    id: 'epoll-edge-unread',
    label: 'epoll, edge, never read',
    role: 'contrast',
    reason: 'it tells that something happened, not how often',
    colour: '#5b8bb0',
    mark: 'diamond',
  },
  {
    id: 'poll',
    label: 'poll',
    role: 'contrast',
    reason: 'its cost grows with what is idle',
    colour: '#86909a',
    mark: 'diamond',
  },
];

export const subject = 'aem';

const known = new Map(mechanisms.map((mechanism) => [mechanism.id, mechanism]));

export function labelOf(id: string): string {
  return known.get(id)?.label ?? id;
}

export function isPeer(id: string): boolean {
  return known.get(id)?.role === 'peer';
}
