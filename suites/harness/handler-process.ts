// SPDX-License-Identifier: GPL-2.0-only
/** What tests of handler processes share: gates, children and their ends. */
import { expect } from 'vitest';
import type { Probe } from './probe.ts';
import type { Context } from './verifies.ts';

/** A FIFO that holds the handler whose script has `gate:N`, until the test opens it. */
export interface Gate {
  /** Waits until a process is there; returns its pid. */
  reached(by: Probe): Promise<number>;
  /** Lets one that is there go on. */
  open(): Promise<void>;
}

export async function makeGate({ sh, until, after }: Pick<Context, 'sh' | 'until' | 'after'>, number = 1): Promise<Gate> {
  const path = `/tmp/gate-${number}`;
  await sh(`rm -f ${path}; mkfifo -m 666 ${path}`);
  after(() => sh(`rm -f ${path}`));
  return {
    async reached(by) {
      const { gate, pid } = await by.notice('gate');
      expect(gate).toBe(number);
      return pid ?? 0;
    },
    async open() {
      // Opening it waits for somebody to be there, which takes no time when the test knows that it is.
      await until(`echo > ${path}`);
    },
  };
}

/** The children of a process that have not been reaped, oldest first. */
export async function childrenOf(sh: Context['sh'], pid: number): Promise<readonly number[]> {
  const found = await sh(`grep -l '^PPid:.${pid}$' /proc/[0-9]*/status 2>/dev/null || true`);
  return found
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('/')[2]))
    .sort((a, b) => a - b);
}

/** Waits until a process has ended; a zombie has. `by` has a thread that is free. */
export async function ended(by: Probe, pid: number): Promise<void> {
  expect(await by.on('io', 'await-end', { pid })).toMatchObject({ ret: 0 });
}

/** An event that is started; handlers do `script`. */
export async function startedEvent(p: Probe, flags: number, script?: string, cookie = 0): Promise<number> {
  const eid = await p.ok('register', { flags, cookie });
  if (script !== undefined) await p.ok('on', { eid, do: script });
  await p.ok('start', { eid });
  return eid;
}
