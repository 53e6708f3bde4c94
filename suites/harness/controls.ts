// SPDX-License-Identifier: GPL-2.0-only
import type { Flavour } from '../../kernel/build/artifacts.ts';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import type { OnProgress } from '../../kernel/build/progress.ts';
import { digestText } from '../../lib/digest.ts';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { runsOn } from '../../lib/runs-on.ts';
import type { PlannedTest, Verdict } from '../../reporters/results.ts';
import { SpecError } from '../../specs/loader/index.ts';
import { checkControls, loadControls } from '../controls/load.ts';
import type { Control } from '../controls/load.ts';
import { makeConsoleLogs } from './console-logs.ts';
import { hostProgramsFor } from './host-programs.ts';
import type { Proof } from './evidence.ts';
import { executeTests } from './execute.ts';
import type { Executed } from './execute.ts';
import { limitsOf, loadPlan } from './run.ts';
import type { SessionSettings } from './session.ts';

export interface ControlsOptions {
  /** Only these requirements' controls; all when empty. */
  readonly requirements: readonly string[];
  /** How many tests of other requirements run with each fault: they have to pass. */
  readonly others: number;
  /** Of the kernel; the tests of other flavours do not run. */
  readonly flavour: Flavour;
  /** Of the kernel; the newest when absent. */
  readonly kernelVersion?: string | undefined;
  /** How many guests run tests at the same time, from 1. */
  readonly guests: number;
  /** The folder for controls-console-1.log, controls-agent-1.log and so on, one of each guest. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly onBuild: OnProgress;
  /** How many tests with faults, and how many controls have theirs on other flavours alone. */
  onPlan(total: number, elsewhere: number): void;
  onStart(test: PlannedTest, fault: string): void;
  onEnd(test: PlannedTest, executed: Executed): void;
}

/** What came of one control. */
export interface ControlOutcome {
  readonly requirement: string;
  readonly fault: string;
  /** All its tests, in milliseconds. */
  readonly durationMs: number;
  /** Own tests that failed, and by what. */
  readonly caughtBy: readonly { readonly test: string; readonly by: Proof }[];
  /** Own tests in which the target died, of which the control says nothing: who knows of what it died. */
  readonly died: readonly { readonly test: string; readonly why: string }[];
  /** Own tests that passed. */
  readonly missedBy: readonly string[];
  /** Own tests that could not tell. */
  readonly unresolved: readonly { readonly test: string; readonly why: string }[];
  /** Tests of other requirements that did not pass, and that the control does not name. */
  readonly harmed: readonly { readonly test: string; readonly verdict: Verdict; readonly why: string }[];
  /** Other requirements' tests that ran and passed. */
  readonly spared: number;
  /** What came of it the first time, where it was run twice: some faults show by chance. */
  readonly first?: Omit<ControlOutcome, 'first'>;
}

/** True when the fault was caught, by all its tests that ran, and by no other. */
export function isCaught({ caughtBy, died, missedBy, unresolved, harmed }: ControlOutcome): boolean {
  return caughtBy.length > 0 && [died, missedBy, unresolved, harmed].every(({ length }) => length === 0);
}

/** How many controls some test caught by each proof, and how many by nothing but what did not come. */
export function countProofs(outcomes: readonly ControlOutcome[]): Readonly<Record<Proof | 'only-missing-event', number>> {
  const sets = outcomes.filter(isCaught).map(({ caughtBy }) => new Set(caughtBy.map(({ by }) => by)));
  const count = (proof: Proof): number => sets.filter((set) => set.has(proof)).length;
  return {
    assertion: count('assertion'),
    'missing-event': count('missing-event'),
    'kernel-complaint': count('kernel-complaint'),
    'target-died': count('target-died'),
    'only-missing-event': sets.filter((set) => set.size === 1 && set.has('missing-event')).length,
  };
}

/** Milliseconds that a test waits for what a fault keeps from coming. */
const faultDeadline = 2_000;
const deadline = 60_000;
/** The share of controls that may run a second time: more that are not caught are no chance. */
const secondLooks = 0.05;

/**
 * Runs the negative controls: each seeded fault with the tests of its
 * requirement, which have to fail, and with some of other requirements, which
 * have to pass. A few that are not caught run once more, on a guest that has the
 * machine for itself: a fault in a race shows by chance, and a test that has
 * caught it has proved that it can. What came of the first time is kept.
 */
export async function runControls(options: ControlsOptions): Promise<readonly ControlOutcome[]> {
  const { flavour, kernelVersion: version, signal, onBuild: onProgress } = options;
  const { requirements, plan: whole } = await loadPlan();
  const plan = whole.filter((test) => runsOn(test, flavour));
  const all = await loadControls();
  const tested = new Set(whole.flatMap((test) => test.requirements));
  const problems = options.requirements.length > 0 ? [] : checkControls(all, requirements, tested);
  if (problems.length > 0) throw new SpecError(problems);
  for (const id of options.requirements) {
    if (!all.some(({ requirement }) => requirement === id)) {
      throw new InputError(`${id} has no negative control`, { where: 'suites/controls' });
    }
  }
  const asked = all.filter(
    ({ requirement }) => options.requirements.length === 0 || options.requirements.includes(requirement),
  );
  // Where no test of a requirement runs, nothing can catch its fault.
  const controls = asked.filter((control) => ownTests(control, plan).length > 0);
  if (controls.length === 0) {
    throw new InputError(`no test that could catch ${options.requirements.join(', ')} runs on the flavour ${flavour}`, {
      hint: 'aemcert controls --flavour debug',
    });
  }

  const kernel = await ensureKernel({ version, flavour, signal, onProgress });
  const guest = await ensureGuest(kernel, 'controls', { signal, onProgress });
  const consoleLogs = await makeConsoleLogs(options.out, 'controls-console', options.guests);
  const agentLogs = await makeConsoleLogs(options.out, 'controls-agent', options.guests);
  let planned = 0;
  const judge = async (some: readonly Control[], guests: number): Promise<readonly ControlOutcome[]> => {
    const faults = some.map((control) => ({
      fault: control.requirement,
      tests: [...ownTests(control, plan), ...otherTests(control, plan, options.others)].map(({ id }) => id),
    }));
    planned += faults.reduce((sum, { tests }) => sum + tests.length, 0);
    options.onPlan(planned, asked.length - controls.length);
    const running = new Set(faults.flatMap(({ tests }) => tests));
    const executed = await execute(
      {
        on: {
          driver: 'qemu',
          kernel,
          guest: { ...guest, hostPrograms: hostProgramsFor(plan.filter(({ id }) => running.has(id))) },
          memoryMiB: 512,
          cpus: 2,
        },
        consoleLogs: consoleLogs.slice(0, guests),
        agentLogs: agentLogs.slice(0, guests),
        deadline,
        faultDeadline,
        faults,
        limits: limitsOf(requirements),
      },
      plan,
      options,
    );
    return some.map((control) => judgeControl(control, plan, executed));
  };

  const outcomes = await judge(controls, options.guests);
  const missed = toLookAtAgain(outcomes);
  if (missed.length === 0) return outcomes;
  const again = await judge(controls.filter(({ requirement }) => missed.includes(requirement)), 1);
  return outcomes.map((first) => {
    const second = again.find(({ requirement }) => requirement === first.requirement);
    return second === undefined ? first : { ...second, first };
  });
}

/** The requirements whose controls run once more. */
export function toLookAtAgain(outcomes: readonly ControlOutcome[]): readonly string[] {
  const missed = outcomes.filter((outcome) => !isCaught(outcome)).map(({ requirement }) => requirement);
  return missed.length > Math.max(1, secondLooks * outcomes.length) ? [] : missed;
}

/** Runs each fault's tests. What came of them: by fault and id of the test, with a blank between. */
async function execute(
  settings: SessionSettings,
  plan: readonly PlannedTest[],
  options: ControlsOptions,
): Promise<ReadonlyMap<string, Executed>> {
  const executed = new Map<string, Executed>();
  const byId = new Map(plan.map((test) => [test.id, test]));
  const broken = await executeTests({
    settings,
    tests: plan.filter(({ id }) => settings.faults?.some(({ tests }) => tests.includes(id))),
    signal: options.signal,
    onStart(id, fault) {
      const test = byId.get(id);
      if (test !== undefined && fault !== undefined) options.onStart(test, fault);
    },
    onEnd(result) {
      const test = byId.get(result.id);
      if (test === undefined || result.fault === undefined) return;
      executed.set(`${result.fault} ${result.id}`, result);
      options.onEnd(test, result);
    },
  });
  options.signal.throwIfAborted();
  if (broken[0] !== undefined) throw new InfrastructureError('the controls could not be run', { seen: broken[0] });
  return executed;
}

function ownTests({ requirement }: Control, plan: readonly PlannedTest[]): readonly PlannedTest[] {
  return plan.filter(({ requirements }) => requirements.includes(requirement));
}

function isOther(control: Control, test: PlannedTest): boolean {
  const excused = new Set([control.requirement, ...control.alsoFails.map(({ requirement }) => requirement)]);
  // What is written for any facility holds with AEM's only as far as AEM does.
  const onAem = test.facility !== undefined && test.binding === 'aem';
  return !onAem && !test.requirements.some((id) => excused.has(id));
}

/**
 * A different part of the plan for each control, as if by lot; but the same each time, and one
 * more test or control changes hardly any, so that what has been seen to go together stays so.
 */
export function otherTests(control: Control, plan: readonly PlannedTest[], count: number): readonly PlannedTest[] {
  return plan
    .filter((test) => isOther(control, test))
    .map((test) => ({ test, lot: digestText(`${control.requirement} ${test.id}`) }))
    .sort((a, b) => (a.lot < b.lot ? -1 : 1))
    .slice(0, count)
    .map(({ test }) => test);
}

/** What the tests say of one control. `executed`: by fault and id of the test, with a blank between. */
export function judgeControl(
  control: Control,
  plan: readonly PlannedTest[],
  executed: ReadonlyMap<string, Executed>,
): ControlOutcome {
  const verdicts = plan.flatMap((test) => {
    const result = executed.get(`${control.requirement} ${test.id}`);
    return result === undefined ? [] : [{ test, result }];
  });
  const own = verdicts.filter(({ test }) => test.requirements.includes(control.requirement));
  const others = verdicts.filter(({ test }) => isOther(control, test));
  const why = (result: Executed): string => result.evidence.reason ?? 'no reason given';
  const failed = own
    .filter(({ result }) => result.evidence.verdict === 'FAIL')
    .map(({ test, result }) => ({ test: test.id, by: result.evidence.by ?? 'assertion', why: why(result) }));
  const counts = (by: Proof): boolean => by !== 'target-died' || control.targetDies !== undefined;
  return {
    requirement: control.requirement,
    fault: control.fault,
    durationMs: Math.round(verdicts.reduce((sum, { result }) => sum + result.durationMs, 0)),
    caughtBy: failed.filter(({ by }) => counts(by)).map(({ test, by }) => ({ test, by })),
    died: failed.filter(({ by }) => !counts(by)).map(({ test, why: told }) => ({ test, why: told })),
    missedBy: own.filter(({ result }) => result.evidence.verdict === 'PASS').map(({ test }) => test.id),
    unresolved: own
      .filter(({ result }) => result.evidence.verdict !== 'PASS' && result.evidence.verdict !== 'FAIL')
      .map(({ test, result }) => ({ test: test.id, why: why(result) })),
    harmed: others
      .filter(({ result }) => result.evidence.verdict !== 'PASS')
      .map(({ test, result }) => ({ test: test.id, verdict: result.evidence.verdict, why: why(result) })),
    spared: others.filter(({ result }) => result.evidence.verdict === 'PASS').length,
  };
}
