// SPDX-License-Identifier: GPL-2.0-only
import { expect, inject, test } from 'vitest';
import type { Flavour } from '../../kernel/build/artifacts.ts';
import { TargetDiedError } from '../../kernel/target/died.ts';
import type { GuestOutput, GuestProcess, SpawnOptions, Target } from '../../kernel/target/target.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { Incident, LinesByFile, TargetInfo, Verdict } from '../../reporters/results.ts';
import type { RequirementId } from '../../specs/generated/ids.ts';
import { fingerprintTest } from '../../specs/loader/fingerprint.ts';
import { ExpectationError, UnsupportedError } from './expectation.ts';
import { slug, testId } from './ids.ts';
import { findLeaks } from './leaks.ts';
import { readLines, resetLines } from './lines.ts';
import { startProbe } from './probe.ts';
import type { Probe } from './probe.ts';
import { ensureTarget } from './session.ts';
import type { SessionSettings } from './session.ts';

/** What a test is given. Everything that it starts in the guest ends with it. */
export interface Context {
  readonly target: Target;
  /** Starts a probe; as root without options. */
  probe(options?: SpawnOptions & { readonly argv?: readonly string[] }): Promise<Probe>;
  /** Starts a program in the guest. */
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<GuestProcess>;
  /** Runs a program in the guest to its end. */
  run(argv: readonly string[], options?: SpawnOptions): Promise<GuestOutput>;
  /** Runs a shell command as root; it has to succeed. Returns its stdout, trimmed. */
  sh(command: string): Promise<string>;
  /** A figure of the requirement. */
  limit(name: string): number;
  /** Waits for the next line of a process. */
  line(process: GuestProcess): Promise<string>;
  /** Ends the test: the subject lacks an optional feature. */
  unsupported(reason: string): never;
  /** To be done when the test has ended, in reverse order. */
  after(action: () => Promise<unknown>): void;
}

export interface TestOptions {
  /** Kinds of trouble on the console that the test itself causes. */
  readonly provokes?: readonly Incident['kind'][];
  /** The flavours of the kernel that have what it needs; it is in the plan of no other. */
  readonly flavours?: readonly Flavour[];
}

/** What a test leaves behind for the report; see TestResult. */
export interface Evidence {
  verdict: Verdict;
  startedAt: string;
  assertions: number;
  reason?: string;
  expected?: string;
  observed?: string;
  details?: string;
  console?: string;
  taint?: { before: number; after: number };
  boot?: number;
  /** While the test ran. */
  incidents: Incident[];
  /** Between the test before and this one; they are nobody's. */
  stray: Incident[];
  target?: { info: TargetInfo; release: string };
  /** What ran during the test; what ran while the target booted, when no test before has told. */
  lines?: { boot?: LinesByFile; test?: LinesByFile };
}

declare module 'vitest' {
  interface TaskMeta {
    plan?: {
      readonly id: string;
      readonly requirements: readonly string[];
      readonly fault?: string;
      readonly flavours?: readonly Flavour[];
      readonly fingerprint: string;
    };
    evidence?: Evidence;
  }
}

/** Long enough for any number of deadlines in one test; what ends a test is an event. */
const testTimeout = 600_000;

/** Milliseconds for what a test does itself. */
const bodyLimit = 300_000;

/** Milliseconds for what it started to end. */
const cleanupLimit = 30_000;

/** Taint by which the kernel says that something went wrong: M, B, D, W, L of proc(5). */
const faultTaint = [4, 5, 7, 9, 14].reduce((word, bit) => word | (1 << bit), 0);

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
  const fingerprint = fingerprintTest(body.toString().replaceAll(/__vi_import_\d+__/g, ''));
  const { flavours } = options;
  const define = (name: string, fault?: string): void => {
    const plan = {
      id,
      requirements: ids,
      fingerprint,
      ...(fault === undefined ? {} : { fault }),
      ...(flavours === undefined ? {} : { flavours }),
    };
    test(name, { timeout: testTimeout, meta: { plan } }, async ({ task }) => {
      if (settings === undefined) throw new Error('tests run by `aemcert run`, which sets the session');
      const evidence = await execute(settings, ids, body, options, fault, name);
      task.meta.evidence = evidence;
      if (evidence.verdict !== 'PASS') throw new Error(evidence.reason);
    });
  };
  if (settings?.faults !== undefined) {
    for (const { fault, tests } of settings.faults) {
      if (tests.includes(id)) define(`${title} [${fault}]`, fault);
    }
    return;
  }
  if (settings?.selected === undefined || settings.selected.includes(id)) define(title);
}

function currentFile(): string {
  const file = expect.getState().testPath;
  if (file === undefined) throw new Error('verifies() belongs at the top of a *.suite.ts file');
  return file;
}

async function execute(
  settings: SessionSettings,
  ids: readonly string[],
  body: (context: Context) => Promise<void>,
  options: TestOptions,
  fault: string | undefined,
  name: string,
): Promise<Evidence> {
  const evidence: Evidence & Required<Pick<Evidence, 'taint'>> = {
    taint: { before: 0, after: 0 },
    verdict: 'UNRESOLVED',
    startedAt: new Date().toISOString(),
    assertions: 0,
    incidents: [],
    stray: [],
  };
  begun += 1;
  let target: Target;
  try {
    target = await ensureTarget(settings);
    evidence.boot = target.boot;
    evidence.target = { info: target.info, release: target.release };
    await target.mark(`begin ${slug(name)}`);
    const before = await target.health();
    evidence.stray.push(...before.incidents);
    evidence.taint = { before: before.taint, after: before.taint };
    if (fault !== undefined) await setFault(target, fault);
    await beginLines(settings, target, evidence);
  } catch (error) {
    return { ...evidence, ...judge(error), incidents: incidentsOf(error) };
  }

  const cleanups: (() => Promise<unknown>)[] = [];
  const context = createContext(settings, target, ids, fault, cleanups);
  const outcome = await attempt(() => within(bodyLimit, body(context), 'the test to end'));
  evidence.assertions = expect.getState().assertionCalls;
  // First, so that nothing is in the way of what puts things back.
  if (fault !== undefined) await setFault(target, '').catch(() => undefined);
  for (const cleanup of cleanups.reverse()) {
    await within(cleanupLimit, cleanup(), 'what it started to end').catch(() => undefined);
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
  if (incident !== undefined) {
    return {
      ...evidence,
      verdict: incident.blame === 'kernel' ? 'FAIL' : 'UNRESOLVED',
      reason: `${incident.kind} while the test ran`,
      expected: 'a kernel that goes on without a complaint',
      observed: incident.excerpt.split('\n').find((line) => /Kernel panic|BUG:|WARNING:|Oops:|INFO:|Killed process/.test(line)) ?? incident.kind,
      console: incident.excerpt,
    };
  }
  if (outcome !== undefined) return { ...evidence, ...judge(outcome), incidents: incidentsOf(outcome) };
  const gained = evidence.taint.after & ~evidence.taint.before & faultTaint;
  if (gained !== 0) {
    const observed = `taint ${gained} gained`;
    return { ...evidence, verdict: 'FAIL', reason: observed, expected: 'no taint by a fault', observed };
  }
  if (health !== undefined) return { ...evidence, ...judge(health) };
  if (evidence.assertions === 0) {
    return { ...evidence, verdict: 'UNTESTED', reason: 'the test asserted nothing' };
  }
  return { ...evidence, verdict: 'PASS' };
}

/** Tests, in this process. */
let begun = 0;

/** After the last test of a run: what is lost by then is no test's, and fails the run. */
async function leaksAtEnd(settings: SessionSettings, target: Target): Promise<readonly Incident[]> {
  if (begun !== settings.selected?.length) return [];
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
  const read = within(cleanupLimit, readLines(target, instrumented), 'the counters');
  const lines = await read.catch(() => undefined);
  if (lines !== undefined) evidence.lines = { ...evidence.lines, test: lines };
}

function setFault(target: Target, fault: string): Promise<void> {
  return target.writeFile('/sys/module/aem_core/parameters/fault', `${fault}\n`);
}

/** Nothing can be said when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const error = new InfrastructureError(`waited ${ms / 1000} s for ${what}`);
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
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

function incidentsOf(error: unknown): Incident[] {
  return error instanceof TargetDiedError ? [error.incident] : [];
}

type Judged = Pick<Evidence, 'verdict' | 'reason' | 'expected' | 'observed' | 'details' | 'console'>;

/** What an error says of the subject: it fails, lacks something, or nothing can be said. */
function judge(error: unknown): Judged {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.split('\n')[0] ?? message;
  const details = error instanceof Error ? (error.stack ?? message) : message;
  if (error instanceof UnsupportedError) return { verdict: 'UNSUPPORTED', reason };
  if (error instanceof TargetDiedError) {
    const { incident } = error;
    const verdict = incident.blame === 'kernel' ? 'FAIL' : 'UNRESOLVED';
    return { verdict, reason: `${incident.kind} while the test ran`, console: incident.excerpt };
  }
  if (error instanceof InfrastructureError) {
    const seen = error.details.seen;
    return { verdict: 'UNRESOLVED', reason, details: seen === undefined ? details : `${seen}\n${details}` };
  }
  if (error instanceof ExpectationError) {
    return { verdict: 'FAIL', reason, expected: error.expected, observed: error.observed, details };
  }
  if (isAssertion(error)) {
    return { verdict: 'FAIL', reason, expected: show(error.expected), observed: show(error.actual), details };
  }
  // A fault of the test or of the tools is no fault of the kernel.
  return { verdict: 'UNRESOLVED', reason, details };
}

function isAssertion(error: unknown): error is Error & { expected: unknown; actual: unknown } {
  return error instanceof Error && error.name === 'AssertionError';
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value) as string | undefined;
  return text ?? String(value);
}

const sigkill = 9;

function createContext(
  settings: SessionSettings,
  target: Target,
  ids: readonly string[],
  fault: string | undefined,
  cleanups: (() => Promise<unknown>)[],
): Context {
  const env = fault === undefined ? {} : { AEM_FAULT: fault };
  const catches = fault !== undefined && ids.includes(fault);
  const deadline = catches ? (settings.faultDeadline ?? settings.deadline) : settings.deadline;
  const withEnv = (options: SpawnOptions): SpawnOptions => ({ ...options, env: { ...env, ...options.env } });
  const owned = (process: GuestProcess): GuestProcess => {
    // Its whole session: what it started ends with it.
    cleanups.push(async () => {
      await target.exec(['kill', '-9', `-${process.pid}`]).catch(() => undefined);
      await process.kill(sigkill).catch(() => undefined);
      await process.exited;
    });
    return process;
  };
  const context: Context = {
    target,
    async probe({ argv = ['probe'], ...options } = {}) {
      const probe = await startProbe(target, deadline, { argv, ...withEnv(options) });
      owned(probe.process);
      return probe;
    },
    spawn: async (argv, options = {}) => owned(await target.spawn(argv, withEnv(options))),
    run: (argv, options = {}) => target.exec(argv, withEnv(options)),
    async sh(command) {
      const output = await target.exec(['sh', '-c', command], withEnv({}));
      if (output.status !== 0) {
        throw new ExpectationError(`\`${command}\` to succeed`, `status ${output.status ?? '?'}: ${output.stderr}`);
      }
      return output.stdout.trim();
    },
    limit(name) {
      for (const id of ids) {
        const value = settings.limits[id]?.[name];
        if (value !== undefined) return value;
      }
      throw new Error(`no limit ${name} in ${ids.join(', ')}`);
    },
    async line(process) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        const error = new ExpectationError(`a line within ${deadline / 1000} s`, 'none');
        timer = setTimeout(() => reject(error), deadline);
      });
      try {
        const next = await Promise.race([process.lines.next(), late]);
        if (next.done === true) throw new ExpectationError('a line', `the end of the output ${process.stderr()}`);
        return next.value;
      } finally {
        clearTimeout(timer);
      }
    },
    unsupported(reason) {
      throw new UnsupportedError(reason);
    },
    after(action) {
      cleanups.push(action);
    },
  };
  return context;
}
