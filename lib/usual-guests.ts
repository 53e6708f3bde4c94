// SPDX-License-Identifier: GPL-2.0-only
import { availableParallelism, freemem } from 'node:os';

/** No more by themselves: of the processors that a container sees it may use fewer. */
const most = 4;

/** What QEMU takes beside its guest's memory, MiB. */
const overhead = 256;

/** How many guests this machine has processors and memory for; `processors`, of the machine's, go to each. */
export function usualGuests({ processors, memoryMiB }: { readonly processors: number; readonly memoryMiB: number }): number {
  const room = freemem() / 2 ** 20 / (memoryMiB + overhead);
  return Math.max(1, Math.floor(Math.min(most, availableParallelism() / processors, room)));
}

/** How many run tests at the same time: hardly more than a quarter of their CPUs has something to do at a time. */
export function guestsForTests({ cpus, memoryMiB }: { readonly cpus: number; readonly memoryMiB: number }): number {
  return usualGuests({ processors: cpus / 4, memoryMiB });
}

/**
 * Whether the CPUs of each guest had better take turns: there are more of them than processors. In parallel one waits, and uses its
 * processor, for a lock of another that has none.
 */
export function cpusTakeTurns({ guests, cpus }: { readonly guests: number; readonly cpus: number }): boolean {
  return cpus > 1 && guests * cpus > availableParallelism();
}
