// SPDX-License-Identifier: GPL-2.0-only
/** What a program is told, by AEM or by the kernel's own facilities, and when. */
import { expect } from 'vitest';
import { worked } from '../harness/probe.ts';
import type { Call, Probe } from '../harness/probe.ts';
import { parts } from './available.ts';

export interface Told {
  readonly what: string;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly t: number;
}

/** The wait has begun; its end is in an object, so that who awaits the one does not await the other. */
export interface Waiting {
  readonly told: Promise<readonly Told[]>;
}

/** Waits with a command of the probe's until it is `least` things, and takes what else there is. */
export async function take(probe: Probe, verb: string, least: number): Promise<Waiting> {
  const answer = probe.send(verb, { least });
  if (least > 0) await probe.notice('entering');
  const all = answer.then((one) => parts(worked(one, verb)['told']));
  return { told: all.then((told) => told.map((one) => ({ what: one.slice(0, -1).join(' '), t: Number(one.at(-1)) }))) };
}

/** The same by calls of a handler. */
export function called(probe: Probe, least: number, read: (call: Call) => string): Waiting {
  const collect = async (): Promise<readonly Told[]> => {
    const calls = [];
    while (calls.length < least) calls.push(await probe.nextCall());
    return [...calls, ...(await probe.settle())].map((call) => ({ what: read(call), t: call.t }));
  };
  return { told: collect() };
}

/** Each was told after `began`, a time of the same clock, and within so many milliseconds. */
export function expectSoon(told: readonly Told[], began: number, ms: number): void {
  for (const { t } of told) {
    expect(t).toBeGreaterThan(began);
    expect((t - began) / 1e6).toBeLessThanOrEqual(ms);
  }
}
