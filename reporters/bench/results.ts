// SPDX-License-Identifier: GPL-2.0-only
import type { TargetInfo } from '../results.ts';

/** What `aemcert bench core` measured, as suites/guest/bench.c and bench-process.c tell it. */

/** Of the rounds; nanoseconds an event. */
export interface Figure {
  readonly median: number;
  readonly min: number;
}

export const metrics = ['raise', 'deliver', 'whole'] as const;
export type Metric = (typeof metrics)[number];

/** A number of events raised one right after the other, while nobody else ran. */
export interface Burst extends Readonly<Record<Metric, Figure>> {
  readonly size: number;
  readonly rounds: number;
  /** System calls of the thread that is told, an event; absent on a kernel that does not count them. */
  readonly entries?: number;
}

/** Nanoseconds for one more source beside those that are there: medians. */
export interface OneMore {
  readonly register: number;
  readonly lookup: number;
  readonly shutdown: number;
}

export interface Fitting {
  readonly mechanism: string;
  /** Registered sources beside those that are raised. */
  readonly idle: number;
  readonly fits: true;
  readonly bursts: readonly Burst[];
  /** Nanoseconds a source. */
  readonly register: number;
  /** Absent where sources go with the whole. */
  readonly shutdown?: number;
  /** Absent where sources have no numbers to be looked up by. */
  readonly more?: OneMore;
  /** Of kernel memory a source; absent where there are too few to weigh. */
  readonly bytes?: number;
  /** Of these, its kind's own: the rest is the mechanism's. */
  readonly ownBytes?: number;
}

/** There was too little memory for so many sources. */
export interface Misfit {
  readonly mechanism: string;
  readonly idle: number;
  readonly fits: false;
  /** An estimate, from those that did fit. */
  readonly neededKb: number;
  readonly availableKb: number;
}

export type Measurement = Fitting | Misfit;

export const processMetrics = ['deliver', 'whole'] as const;
export type ProcessMetric = (typeof processMetrics)[number];

/** Events that processes of their own handled. */
export interface ProcessBurst extends Readonly<Record<ProcessMetric, Figure>> {
  readonly size: number;
  readonly rounds: number;
}

export interface ProcessMeasurement {
  readonly mechanism: string;
  /** What the events' owner has touched; 0: no more than it needs. */
  readonly ownerMiB: number;
  readonly bursts: readonly ProcessBurst[];
}

/** `icount`: a virtual nanosecond is an instruction. `host`: it is the host's. */
export type BenchClock = 'icount' | 'host';

export interface ClockRun {
  readonly clock: BenchClock;
  readonly target: TargetInfo;
  /** So many instructions took so long. */
  readonly nops: number;
  readonly nopsNs: number;
  /** How long it takes to read the clock: a part of every figure. */
  readonly clockNs: number;
  readonly measurements: readonly Measurement[];
  readonly processes: readonly ProcessMeasurement[];
}

/** What every benchmark's results begin with. */
export interface BenchRun {
  readonly schema: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly command: readonly string[];
  /** `uname -r` */
  readonly release: string;
}

export interface BenchResults extends BenchRun {
  readonly schema: 'aemcert-bench-core/2';
  /** Fewer rounds and sources than a whole run has. */
  readonly quick: boolean;
  readonly runs: readonly ClockRun[];
}

/** What one unit of a clock's figures is. */
export const unitOf: Readonly<Record<BenchClock, string>> = { icount: 'instructions', host: 'ns' };
