// SPDX-License-Identifier: GPL-2.0-only
/** Timers of AEM's and of the kernel's own, used in the same way. Times are in nanoseconds. */
import { worked } from '../harness/probe.ts';
import type { Arguments, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { create } from '../timer/timer.ts';
import { available, parts } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';

/** A timer that has expired: so often since it was told of last, and so much later than due the last time. */
export interface Expired {
  readonly id: number;
  readonly count: number;
  readonly late: number;
}

/** The timers of a program; arguments as the probe has them. */
export interface Timers {
  readonly probe: Probe;
  create(clock: string): Promise<number>;
  set(id: number, args: Arguments): Promise<void>;
  /** What is left of a timer's time. */
  left(id: number): Promise<number>;
  /** What has expired by now. */
  take(): Promise<readonly Expired[]>;
  /** Waits until some have, and returns them. */
  wait(): Promise<readonly Expired[]>;
}

export interface TimerFacility extends Facility {
  open(context: Context): Promise<Timers>;
}

function ofKernel(name: string, via: string, what: string): TimerFacility {
  return {
    name,
    binding: 'native',
    async open(context) {
      const probe = await context.probe();
      const taken = async (least: number): Promise<readonly Expired[]> => {
        const { told } = worked(await probe.send('native-timer-take', { least }), 'native-timer-take');
        return parts(told).map((one) => one.map(Number)).map(([id = -1, count = 0, late = 0]) => ({ id, count, late }));
      };
      return {
        probe,
        create: async (clock) => available(context, await probe.send('native-timer', { via, clock }), what).ret,
        async set(id, args) {
          await probe.ok('native-timer-set', { id, ...args });
        },
        left: async (id) => Number((await probe.send('native-timer-get', { id }))['value']),
        take: () => taken(0),
        wait: () => taken(1),
      };
    },
  };
}

export const aemTimer: TimerFacility = {
  name: 'aem-timer',
  binding: 'aem',
  async open(context) {
    const probe = await context.probe(asNeutral);
    const expired = (call: { readonly eid: number; readonly overrun?: number; readonly late?: number }): Expired => ({
      id: call.eid,
      count: 1 + (call.overrun ?? 0),
      late: call.late ?? Number.NaN,
    });
    return {
      probe,
      create: (clock) => create(probe, { clock }),
      async set(id, args) {
        await probe.ok('timer-set', { id, ...args });
      },
      left: async (id) => Number((await probe.send('timer-get', { id }))['value']),
      take: async () => (await probe.settle()).map(expired),
      wait: async () => [expired(await probe.nextCall())],
    };
  },
};

export const timerfd = ofKernel('timerfd', 'timerfd', 'timerfd (CONFIG_TIMERFD)');
export const posixTimers = ofKernel('timer_create', 'signal', 'POSIX timers (CONFIG_POSIX_TIMERS)');
export const timerFacilities = [timerfd, posixTimers, aemTimer] as const;
