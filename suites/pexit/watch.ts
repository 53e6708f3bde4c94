// SPDX-License-Identifier: GPL-2.0-only
import type { Probe } from '../harness/probe.ts';

/** Registers an event on the end of a process, and starts it. Returns its id. */
export async function watch(probe: Probe, pid: number): Promise<number> {
  const eid = await probe.ok('register', { module: 'pexit', pid });
  await probe.ok('start', { eid });
  return eid;
}

/** The number in what `probe target` says: `child 123` and the like. */
export function pidIn(line: string): number {
  const pid = Number(/^[a-z]+ (\d+)$/.exec(line)?.[1]);
  if (Number.isNaN(pid)) throw new Error(`"${line}" names no process`);
  return pid;
}
