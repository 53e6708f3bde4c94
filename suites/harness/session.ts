// SPDX-License-Identifier: GPL-2.0-only
import type { BootableKernel, GuestBuild } from '../../kernel/build/artifacts.ts';
import type { Instrumented } from '../../kernel/build/instrumented.ts';
import { BootError, TargetDiedError } from '../../kernel/target/died.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import { attach } from '../../kernel/target/ssh/attach.ts';
import type { MachineFacts } from '../../kernel/target/ssh/facts.ts';
import type { Target } from '../../kernel/target/target.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { Incident, TargetInfo } from '../../reporters/results.ts';
import { gainedByFault } from '../../reporters/taint.ts';
import { findLeaks } from './leaks.ts';

/** Guests that are booted as they are needed. */
export interface QemuMachine {
  readonly driver: 'qemu';
  readonly kernel: BootableKernel;
  readonly guest: GuestBuild;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** See Machine; in parallel when absent. */
  readonly turns?: boolean;
}

/** A machine that somebody runs, at the other end of a Link. */
export interface SshMachine {
  readonly driver: 'ssh';
  readonly socket: string;
  readonly info: TargetInfo;
  readonly machine: MachineFacts;
  /** The kernel's taint before the run. */
  readonly taint: number;
}

/** What a run hands to the process in which the tests run. */
export interface SessionSettings {
  readonly on: QemuMachine | SshMachine;
  /** Where a target's console goes: one file, and one process with a target, for each. */
  readonly consoleLogs: readonly string[];
  /** Where goes what host and agent say to each other: a file for each guest; absent where nobody wants it. */
  readonly agentLogs?: readonly string[];
  /** Milliseconds until what a test waits for counts as not happening. */
  readonly deadline: number;
  /** Ids of the tests to run; absent for all. */
  readonly selected?: readonly string[];
  /** Which tests run with which seeded fault; absent but for negative controls. */
  readonly faults?: readonly { readonly fault: string; readonly tests: readonly string[] }[];
  /** The deadline of the tests that are to catch a seeded fault: they wait for what does not come. */
  readonly faultDeadline?: number;
  /** Where lines are counted; absent but for the flavour `coverage`. */
  readonly instrumented?: Instrumented;
  /** The figures of the requirements, by id and name. */
  readonly limits: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    session: SessionSettings | undefined;
  }
}

/** Fresh targets that may die before a test has begun. */
const beginAttempts = 3;

/** `icount`: an instruction takes 2 ** instructionShift nanoseconds, whatever the host does. */
export type Clock = 'host' | 'icount';
/** A boot waits for 0.2 s of that clock, which at a nanosecond an instruction takes 10 s. */
const instructionShift = 3;

let current: Target | undefined;
let currentClock: Clock = 'host';
let boots = 0;
/** A kernel that does not boot is not tried again for every test. */
const refusals = new Map<Clock, Error>();
/** What happened to targets, until somebody takes it. */
let untold: Incident[] = [];
/** What some test has in its evidence. */
const claimed = new WeakSet<Incident>();
const lastTaint = new WeakMap<Target, number>();

/** The running target; boots one first when there is none with that clock, or when it died. */
async function ensureTarget(settings: SessionSettings, clock: Clock): Promise<Target> {
  if (current !== undefined && clock === currentClock) return current;
  const refused = refusals.get(clock);
  if (refused !== undefined) throw refused;
  await leaveTarget();
  boots += 1;
  const guest = Number(process.env['VITEST_POOL_ID']);
  const consoleLog = settings.consoleLogs[guest - 1];
  const agentLog = settings.agentLogs?.[guest - 1];
  // A number that no boot of another guest has.
  const boot = (boots - 1) * settings.consoleLogs.length + guest;
  const common = { ...(consoleLog === undefined ? {} : { consoleLog }), ...(agentLog === undefined ? {} : { agentLog }), boot };
  const { on } = settings;
  const attachOrBoot = (): Promise<Target> => {
    if (on.driver === 'ssh') return attach({ ...on, ...common });
    // Several processors of a guest whose instructions are counted take turns: what one waits for, another has to come to.
    return bootQemu({ ...on, ...common, clock, ...(clock === 'icount' ? { cpus: 1, instructionShift } : {}) });
  };
  const target = await attachOrBoot().catch((error: unknown) => {
    if (error instanceof BootError) untold.push(...error.incidents);
    const refusal = error instanceof Error ? error : new Error(String(error));
    refusals.set(clock, refusal);
    throw refusal;
  });
  current = target;
  currentClock = clock;
  void target.died.then((incident) => {
    if (current !== target) return;
    current = undefined;
    untold.push(incident);
  });
  return target;
}

/** Shuts the target down, after the last look at it. */
async function leaveTarget(): Promise<void> {
  const target = current;
  if (target === undefined) return;
  try {
    await lookOver(target);
    untold.push(...(await findLeaks(target)));
  } catch (error) {
    if (!(error instanceof TargetDiedError)) throw error;
    await target.died;
    return;
  }
  current = undefined;
  await target.close();
  // A panic on its way down; the end itself was asked for.
  const end = await target.died;
  if (end.kind !== 'exit') untold.push(end);
}

/**
 * A target on which a test can begin, after the marker that says so, and its taint. What happened
 * before the marker is no matter of the test: takeStray() has it.
 */
export async function beginOnTarget(
  settings: SessionSettings,
  marker: string,
  wanted: Clock,
): Promise<{ readonly target: Target; readonly taint: number }> {
  // A machine that somebody runs has the one clock that it has.
  const clock = settings.on.driver === 'qemu' ? wanted : 'host';
  for (let attempt = 1; attempt <= beginAttempts; attempt++) {
    const target = await ensureTarget(settings, clock);
    try {
      await target.mark(`begin ${marker}`);
      // What a machine has of old is no fault of the run's.
      if (!lastTaint.has(target) && settings.on.driver === 'ssh') lastTaint.set(target, settings.on.taint);
      return { target, taint: await lookOver(target) };
    } catch (error) {
      if (!(error instanceof TargetDiedError)) throw error;
      await target.died;
    }
  }
  throw new InfrastructureError('no target lives until a test begins', { seen: `${beginAttempts} died` });
}

/** Looks at the console and the taint while no test runs: what is there is nobody's. Returns the taint. */
async function lookOver(target: Target): Promise<number> {
  const { taint, incidents } = await target.health();
  untold.push(...incidents);
  const gained = gainedByFault({ before: lastTaint.get(target) ?? 0, after: taint });
  if (gained !== 0 && incidents.every(({ blame }) => blame !== 'kernel')) untold.push(silentTaint(target, gained));
  lastTaint.set(target, taint);
  return taint;
}

/** The kernel says that it had a fault, and the console does not say which. */
function silentTaint({ boot }: Target, gained: number): Incident {
  const excerpt = `taint ${gained} gained, and no word of it on the console`;
  return { kind: 'other', blame: 'kernel', at: new Date().toISOString(), boot, excerpt };
}

/** Has a setting put back when the target goes, whatever ends it. */
export async function keepOnTarget(path: string): Promise<void> {
  await current?.keep(path);
}

/** From here on what happens is nobody's; `taint` is what the test has told of. */
export function endOnTarget(target: Target, taint: number): void {
  lastTaint.set(target, taint);
}

/** A test has them in its evidence: they are no stray ones. */
export function claim(incidents: readonly Incident[]): void {
  for (const incident of incidents) claimed.add(incident);
}

/** What happened to targets while no test ran, since the last call. */
export function takeStray(): Incident[] {
  const stray = untold.filter((incident) => !claimed.has(incident));
  untold = [];
  return stray;
}

/** As takeStray(), with a look at the target that runs now: no test may come that would. */
export async function takeLastStray(): Promise<Incident[]> {
  const target = current;
  // Where nothing is to be done its time leaps on without a pause, which takes a processor from the others.
  if (currentClock === 'icount') await leaveTarget();
  else if (target !== undefined) {
    await lookOver(target).catch(async (error: unknown) => {
      if (!(error instanceof TargetDiedError)) throw error;
      await target.died;
    });
  }
  return takeStray();
}

// Ctrl-C is the run's to handle. When it has gone, nobody is left to tell the results to.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(1));
