// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import type { Instrumented } from '../../kernel/build/instrumented.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import type { Target } from '../../kernel/target/target.ts';

/** What a run hands to the process in which the tests run. */
export interface SessionSettings {
  readonly kernel: KernelBuild;
  readonly guest: GuestBuild;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly consoleLog: string;
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

let current: Target | undefined;
let boots = 0;
/** A kernel that does not boot is not tried again for every test. */
let refusal: Error | undefined;

/** The running target; boots one first when there is none, or when it died. */
export async function ensureTarget(settings: SessionSettings): Promise<Target> {
  if (current !== undefined) return current;
  if (refusal !== undefined) throw refusal;
  boots += 1;
  const target = await bootQemu({ ...settings, boot: boots }).catch((error: unknown) => {
    refusal = error instanceof Error ? error : new Error(String(error));
    throw refusal;
  });
  current = target;
  void target.died.then(() => {
    if (current === target) current = undefined;
  });
  return target;
}

// Ctrl-C is the run's to handle. When it has gone, nobody is left to tell the results to.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(1));
