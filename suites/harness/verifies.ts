// SPDX-License-Identifier: GPL-2.0-only
import { afterAll, expect, inject, test } from 'vitest';
import type { RunnerTestFile } from 'vitest';
import type { Flavour } from '../../kernel/build/artifacts.ts';
import { isEmulators } from '../../kernel/target/died.ts';
import type { Target } from '../../kernel/target/target.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import { within } from '../../lib/within.ts';
import type { Binding, Incident } from '../../reporters/results.ts';
import { hasOwnClock } from '../../reporters/own-clock.ts';
import { gainedByFault } from '../../reporters/taint.ts';
import type { RequirementId } from '../../specs/generated/ids.ts';
import { fingerprintTest } from '../../specs/loader/fingerprint.ts';
import { createContext } from './context.ts';
import type { Context } from './context.ts';
import { incidentsOf, judge, judgeIncident } from './evidence.ts';
import type { Evidence } from './evidence.ts';
import { slug, suiteOf, testId } from './ids.ts';
import { findLeaks } from './leaks.ts';
import { readLines, resetLines } from './lines.ts';
import { lacking } from './needs.ts';
import type { Need, Needing } from './needs.ts';
import { beginOnTarget, claim, endOnTarget, takeLastStray, takeStray } from './session.ts';
import type { SessionSettings } from './session.ts';

export type { Context } from './context.ts';
export type { Evidence } from './evidence.ts';

export interface TestOptions {
  /** Kinds of trouble on the console that the test itself causes. */
  readonly provokes?: readonly Incident['kind'][];
  /** The flavours of the kernel that have what it needs; it is in the plan of no other. */
  readonly flavours?: readonly Flavour[];
  /** Through what it exercises its requirements; aem when absent. */
  readonly binding?: Binding;
  /** The facility of the kernel that it exercises, in the words of the reports. */
  readonly facility?: string;
  /** What it does, where the body is made of it: a change of this is a change of the test. */
  readonly source?: string;
  /** Milliseconds for what it does itself, where that is more than usual. */
  readonly bodyLimit?: number;
  /** What it needs of a machine that was not made for it; AEM, where it is of that binding, goes without saying. */
  readonly needs?: readonly Need[];
}

declare module 'vitest' {
  interface TaskMeta {
    plan?: {
      readonly id: string;
      readonly requirements: readonly string[];
      readonly fault?: string;
      readonly flavours?: readonly Flavour[];
      readonly needs?: readonly Need[];
      readonly binding: Binding;
      readonly facility?: string;
      readonly fingerprint: string;
    };
    evidence?: Evidence;
    /** Of a file: what happened to the target after its last test. */
    stray?: readonly Incident[];
  }
}

/** Targets that the emulator may kill, one after the other, until the test has no verdict. */
const attempts = 3;

/** Long enough for any number of deadlines in one test; what ends a test is an event. */
const testTimeout = 600_000;

/** Milliseconds for what a test does itself. */
const usualBodyLimit = 300_000;

/** Milliseconds for what it started to end. */
const cleanupLimit = 30_000;

/**
 * Defines a test of one or more requirements. It is a test of the suite whose
 * folder its file is in, and its id is made of the file's name and the title.
 */
export function verifies(
  requirements: RequirementId | readonly RequirementId[],
  title: string,
  body: (context: Context) => Promise<void>,
  options: TestOptions = {},
): void {
  const ids = typeof requirements === 'string' ? [requirements] : requirements;
  const settings = inject('session');
  const id = testId(currentFile(), title);
  // An import's name in the transformed source has its number among the imports in it.
  const fingerprint = fingerprintTest((options.source ?? body.toString()).replaceAll(/__vi_import_\d+__/g, ''));
  const { flavours, binding = 'aem', facility } = options;
  // What it provokes, it looks at.
  const needs: readonly Need[] = [...(options.needs ?? []), ...(options.provokes === undefined ? [] : ['destructive', 'log'] as const)];
  const needing = { suite: suiteOf(currentFile()), binding, needs };
  const define = (name: string, fault?: string): void => {
    const plan = {
      id,
      requirements: ids,
      fingerprint,
      binding,
      ...(facility === undefined ? {} : { facility }),
      ...(fault === undefined ? {} : { fault }),
      ...(flavours === undefined ? {} : { flavours }),
      ...(needs.length === 0 ? {} : { needs }),
    };
    test(name, { timeout: testTimeout + (options.bodyLimit ?? 0), meta: { plan } }, async ({ task, annotate }) => {
      if (settings === undefined) throw new Error('tests run by `aemcert run`, which sets the session');
      runningFile = task.file;
      // For its side effect: that the test before has ended, and this one has begun, is told now. By itself vitest 4 may keep it until
      // another ends, where the timer of its throttle() fires early; that is mended in 5. Whether it was told is no matter of the test.
      void annotate(`begin ${name}`).catch(() => undefined);
      const evidence = await execute(name, { settings, ids, body, options, fault, needing });
      task.meta.evidence = evidence;
      if (evidence.verdict !== 'PASS') throw new Error(evidence.reason);
    });
  };
  if (settings !== undefined) lookAfter(currentFile());
  if (settings?.faults !== undefined) {
    for (const { fault, tests } of settings.faults) {
      if (tests.includes(id)) define(`${title} [${fault}]`, fault);
    }
    return;
  }
  if (settings?.selected === undefined || settings.selected.includes(id)) define(title);
}

/** A test's body runs, or what puts things back after it. */
let executing = false;

const lookedAfter = new Set<string>();
/** The file whose tests run. */
let runningFile: RunnerTestFile | undefined;

/** After a file's last test comes no other that would tell what happened to the target since. */
function lookAfter(file: string): void {
  if (lookedAfter.has(file)) return;
  lookedAfter.add(file);
  afterAll(async () => {
    // Where another guest's test has ended the run (--bail), ours goes on, and what it provokes is no stray.
    if (runningFile !== undefined) runningFile.meta.stray = executing ? takeStray() : await takeLastStray();
  }, testTimeout);
}

function currentFile(): string {
  const file = expect.getState().testPath;
  if (file === undefined) throw new Error('verifies() belongs at the top of a *.suite.ts file');
  return file;
}

/** Runs a test, and once more where the emulator has killed its target: that is a stray incident then. */
async function execute(name: string, execution: Execution): Promise<Evidence> {
  started += 1;
  const stray: Incident[] = [];
  for (let attempt = 1; ; attempt++) {
    const evidence = await executeOnce(name, execution);
    if (attempt === attempts || !evidence.incidents.some(isEmulators)) {
      claim(evidence.incidents);
      return { ...evidence, stray: [...stray, ...evidence.stray, ...takeStray()] };
    }
    stray.push(...evidence.stray, ...takeStray());
  }
}

async function executeOnce(name: string, execution: Execution): Promise<Evidence> {
  const { settings, fault } = execution;
  const evidence: Evidence & Required<Pick<Evidence, 'taint'>> = {
    taint: { before: 0, after: 0 },
    verdict: 'UNRESOLVED',
    startedAt: new Date().toISOString(),
    assertions: 0,
    incidents: [],
    stray: [],
  };
  let target: Target;
  try {
    const begun = await beginOnTarget(settings, slug(name), hasOwnClock(execution.needing) ? 'icount' : 'host');
    target = begun.target;
    evidence.boot = target.boot;
    evidence.target = { info: target.info, release: target.release };
    evidence.stray.push(...takeStray());
    evidence.taint = { before: begun.taint, after: begun.taint };
    const missing = settings.on.driver === 'ssh' ? lacking(execution.needing, settings.on) : undefined;
    if (missing !== undefined) {
      endOnTarget(target, begun.taint);
      return { ...evidence, verdict: 'UNTESTED', reason: missing };
    }
    if (fault !== undefined) await setFault(target, fault);
    await beginLines(settings, target, evidence);
  } catch (error) {
    return { ...evidence, ...judge(error), incidents: incidentsOf(error) };
  }
  executing = true;
  const judged = await executeOn(target, evidence, execution).finally(() => (executing = false));
  endOnTarget(target, evidence.taint.after);
  return judged;
}

interface Execution {
  readonly settings: SessionSettings;
  readonly ids: readonly string[];
  readonly body: (context: Context) => Promise<void>;
  readonly options: TestOptions;
  readonly fault: string | undefined;
  readonly needing: Needing;
}

/** Runs the body, puts things back, and judges by all that was seen; fills in `evidence`. */
async function executeOn(
  target: Target,
  evidence: Evidence & Required<Pick<Evidence, 'taint'>>,
  { settings, ids, body, options, fault }: Execution,
): Promise<Evidence> {
  const cleanups: (() => Promise<unknown>)[] = [];
  const { assertionCalls } = expect.getState();
  const context = createContext(settings, target, ids, fault, cleanups);
  const outcome = await attempt(() => inTime(options.bodyLimit ?? usualBodyLimit, body(context), 'the test to end'));
  evidence.assertions = expect.getState().assertionCalls - assertionCalls;
  // First, so that nothing is in the way of what puts things back.
  if (fault !== undefined) await setFault(target, '').catch(() => undefined);
  for (const cleanup of cleanups.reverse()) {
    await inTime(cleanupLimit, cleanup(), 'what it started to end').catch(() => undefined);
  }

  await endLines(settings, target, evidence);
  const health = await attempt(async () => {
    const after = await target.health();
    evidence.taint.after = after.taint;
    evidence.incidents.push(...after.incidents.filter(({ kind }) => !(options.provokes ?? []).includes(kind)));
  });
  if (health !== undefined) evidence.incidents.push(...incidentsOf(health));
  if (health === undefined) evidence.stray.push(...(await leaksAtEnd(settings, target)));
  const [incident] = evidence.incidents;
  if (incident !== undefined) return { ...evidence, ...judgeIncident(incident, incidentsOf(health).length > 0) };
  if (outcome !== undefined) return { ...evidence, ...judge(outcome), incidents: incidentsOf(outcome) };
  const gained = gainedByFault(evidence.taint);
  if (gained !== 0) {
    const observed = `taint ${gained} gained`;
    const by = 'kernel-complaint';
    return { ...evidence, verdict: 'FAIL', by, reason: observed, expected: 'no taint by a fault', observed };
  }
  if (health !== undefined) return { ...evidence, ...judge(health) };
  if (evidence.assertions === 0) {
    return { ...evidence, verdict: 'UNTESTED', reason: 'the test asserted nothing' };
  }
  return { ...evidence, verdict: 'PASS' };
}

/** How many tests, in this process. */
let started = 0;

/** After the last test of a run: what is lost by then is no test's, and fails the run. */
async function leaksAtEnd(settings: SessionSettings, target: Target): Promise<readonly Incident[]> {
  if (started !== settings.selected?.length) return [];
  return findLeaks(target).catch(incidentsOf);
}

/** Targets whose boot has been told of. */
const known = new WeakSet<Target>();

async function beginLines({ instrumented }: SessionSettings, target: Target, evidence: Evidence): Promise<void> {
  if (instrumented === undefined) return;
  evidence.lines = {};
  if (!known.has(target)) evidence.lines.boot = await readLines(target, instrumented);
  known.add(target);
  await resetLines(target);
}

/** Counters that cannot be read are no matter of the verdict: the report names the test. */
async function endLines({ instrumented }: SessionSettings, target: Target, evidence: Evidence): Promise<void> {
  if (instrumented === undefined) return;
  const read = inTime(cleanupLimit, readLines(target, instrumented), 'the counters');
  const lines = await read.catch(() => undefined);
  if (lines !== undefined) evidence.lines = { ...evidence.lines, test: lines };
}

function setFault(target: Target, fault: string): Promise<void> {
  return target.writeFile('/sys/module/aem_core/parameters/fault', `${fault}\n`);
}

/** Nothing can be said when it takes longer. */
function inTime<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  return within(ms, promise, () => new InfrastructureError(`waited ${ms / 1000} s for ${what}`));
}

/** Returns what was thrown, or undefined. */
async function attempt(action: () => Promise<unknown>): Promise<unknown> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return error ?? new Error('undefined was thrown');
  }
}
