// SPDX-License-Identifier: GPL-2.0-only
/** Channels, and the facilities that tell when something has come through one. */
import { each } from '../harness/aem.ts';
import { worked } from '../harness/probe.ts';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { available } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';

/** What a facility has told, from one look at it. */
export interface Taken {
  /** How often it told of something. */
  readonly total: number;
  /** Of how many channels. */
  readonly distinct: number;
  /** How often of the one that it told of most. */
  readonly most: number;
  /** Their numbers, as they were told; the first 64. */
  readonly told: readonly number[];
}

/** A program that has asked one facility to tell of its channels, which are numbered from 0. */
export interface Notified {
  readonly probe: Probe;
  /** Something comes through a channel: from another thread than the one that is told. */
  fire(channel: number): Promise<void>;
  /** Through each channel, one after the other; or through each second one, from `from` on. */
  fireAll(by?: string, from?: number): Promise<void>;
  /** Takes out what has come: so many bytes, or all. */
  drain(channel: number, bytes?: number): Promise<void>;
  /** What is due. */
  take(): Promise<Taken>;
  /** Waits until so much has been told. */
  wait(least: number): Promise<Taken>;
  /** Settled when the program sleeps in wait(). */
  asleep(): Promise<void>;
}

export interface ChannelFacility extends Facility {
  open(context: Context, channels: number): Promise<Notified>;
}

const thread = 'other';

function ofKernel(name: string, edge: boolean, what: string): ChannelFacility {
  return {
    name,
    binding: 'native',
    async open(context, count) {
      const probe = await context.probe();
      available(context, await probe.send('native-open', { facility: name, channels: count, edge }), what);
      await probe.ok('thread', { name: thread });
      const taken = async (least: number): Promise<Taken> => {
        const { ret, distinct, most, told } = worked(await probe.send('native-take', { least }), 'native-take');
        const numbers = String(told) === '' ? [] : String(told).split(',').map(Number);
        return { total: ret, distinct: Number(distinct), most: Number(most), told: numbers };
      };
      const done = async (verb: string, args: Record<string, number | undefined>, by = 'io'): Promise<void> => {
        worked(await probe.on(by, verb, args), verb);
      };
      return {
        probe,
        fire: (channel) => done('native-fire', { channel }),
        fireAll: (by, from) => done('native-fire-all', from === undefined ? {} : { from, step: 2 }, by),
        drain: (channel, bytes) => done('native-drain', { channel, bytes }),
        take: () => taken(0),
        wait: taken,
        async asleep() {
          await probe.notice('entering');
          await context.inState(probe.pid, 'S');
        },
      };
    },
  };
}

/** An event of aem-example a channel; it is raised in the kernel. */
const aem: ChannelFacility = {
  name: 'aem',
  binding: 'aem',
  async open({ probe: start, inState }, count) {
    const probe = await start(asNeutral);
    await probe.ok('thread', { name: thread });
    const numbers = Array.from({ length: count }, (_, channel) => channel);
    const ids = await Promise.all(numbers.map((cookie) => probe.ok('register', { flags: each, cookie })));
    await Promise.all(ids.map((eid) => probe.ok('start', { eid })));
    const counted = (calls: readonly { readonly eid: number }[]): Taken => {
      const told = calls.map(({ eid }) => ids.indexOf(eid));
      const times = [...new Set(told)].map((channel) => told.filter((one) => one === channel).length);
      return { total: told.length, distinct: times.length, most: Math.max(0, ...times), told: told.slice(0, 64) };
    };
    const fire = async (channel: number, by: string): Promise<void> => {
      await probe.on(by, 'fire', { eid: ids[channel] });
    };
    return {
      probe,
      fire: (channel) => fire(channel, 'io'),
      async fireAll(by = 'io', from) {
        const of = numbers.filter((channel) => from === undefined || channel % 2 === from);
        await Promise.all(of.map((channel) => fire(channel, by)));
      },
      drain: () => Promise.resolve(),
      take: async () => counted(await probe.settle()),
      async wait(least) {
        const calls = [];
        while (calls.length < least) calls.push(await probe.nextCall());
        return counted(calls);
      },
      // Its handlers run whatever it sleeps in.
      asleep: () => inState(probe.pid, 'S'),
    };
  },
};

const epoll = ofKernel('epoll', false, 'epoll (CONFIG_EPOLL)');
const poll = ofKernel('poll', false, 'poll');
const uring = ofKernel('io_uring', false, 'io_uring (CONFIG_IO_URING)');
const aio = ofKernel('aio', false, 'asynchronous I/O (CONFIG_AIO)');
const epollEdge = ofKernel('epoll', true, 'epoll (CONFIG_EPOLL)');
const uringEdge = ofKernel('io_uring', true, 'io_uring with multishot polls (CONFIG_IO_URING)');
const signals = ofKernel('signals', true, 'signals of descriptors');
const signalfd = ofKernel('signalfd', true, 'signalfd (CONFIG_SIGNALFD)');

/** For as long as there is something in a channel they tell of it. */
export const byLevel = [epoll, poll, uring, aio] as const;
/** They tell when something comes into an empty channel. */
export const byEdge = [epollEdge, uringEdge, signals, signalfd, aem] as const;
export const all = [epoll, poll, uring, aio, signals, signalfd, aem] as const;
/** What comes once is told once, though it stays. */
export const once = [epollEdge, uringEdge, signals, signalfd, aem] as const;
