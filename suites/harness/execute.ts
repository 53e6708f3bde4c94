// SPDX-License-Identifier: GPL-2.0-only
import { join } from 'node:path';
import type { Reporter, TestCase } from 'vitest/node';
import { projectRoot } from '../../lib/paths.ts';
import type { Incident, PlannedTest } from '../../reporters/results.ts';
import type { SessionSettings } from './session.ts';
import type { Evidence } from './verifies.ts';
import { openVitest } from './vitest.ts';

/** One test that has ended. */
export interface Executed {
  readonly id: string;
  /** The seeded fault with which it ran. */
  readonly fault: string | undefined;
  readonly durationMs: number;
  readonly evidence: Evidence;
}

export interface ExecuteOptions {
  readonly settings: SessionSettings;
  /** The tests to run, for their files; what of these runs is in the settings. */
  readonly tests: readonly PlannedTest[];
  readonly bail?: boolean;
  readonly signal?: AbortSignal | undefined;
  onStart?(id: string, fault: string | undefined): void;
  onEnd?(executed: Executed): void;
  /** What happened to the target while no test ran. */
  onStray?(incidents: readonly Incident[]): void;
}

/**
 * Runs tests in processes of their own, each on a target that it boots. Returns
 * what kept tests from being run at all, in words; empty when nothing did.
 */
export async function executeTests(options: ExecuteOptions): Promise<readonly string[]> {
  const tellStray = (incidents: readonly Incident[] = []): void => {
    if (incidents.length > 0) options.onStray?.(incidents);
  };
  const reporter: Reporter = {
    onTestCaseReady(test) {
      const { plan } = test.meta();
      if (plan !== undefined) options.onStart?.(plan.id, plan.fault);
    },
    onTestCaseResult(test) {
      const { plan, evidence } = test.meta();
      const result = test.result();
      // Cancelled, or left out by --bail: it has not been run.
      if (plan === undefined || result.state === 'skipped' || result.state === 'pending') return;
      tellStray(evidence?.stray);
      options.onEnd?.({
        id: plan.id,
        fault: plan.fault,
        durationMs: test.diagnostic()?.duration ?? 0,
        evidence: evidence === undefined ? withoutEvidence(test) : agreed(test, evidence),
      });
    },
    onTestModuleEnd(module) {
      tellStray(module.meta().stray);
    },
  };
  const vitest = await openVitest(reporter, { bail: options.bail, guests: options.settings.consoleLogs.length });
  const abort = (): void => void vitest.cancelCurrentRun('keyboard-input');
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    if (options.signal?.aborted === true) return [];
    vitest.provide('session', options.settings);
    const files = [...new Set(options.tests.map(({ file }) => join(projectRoot, file)))];
    const aborted = new Promise<'aborted'>((resolve) => {
      options.signal?.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    const outcome = await Promise.race([vitest.start(files), aborted]);
    if (outcome === 'aborted') return [];
    return [
      ...outcome.testModules.flatMap((module) => module.errors().map((error) => error.message)),
      ...outcome.unhandledErrors.filter(isNews).map((error) => (error as Error).message),
    ];
  } finally {
    options.signal?.removeEventListener('abort', abort);
    // A test that waits in its process is not waited for.
    if (options.signal?.aborted !== true) await vitest.close();
    process.exitCode = 0;
  }
}

/**
 * A command that a failing test waits for no more fails later, by itself: its
 * test has its verdict already.
 */
function isNews(error: unknown): boolean {
  const { name } = error as { readonly name?: string };
  return name !== 'ExpectationError' && name !== 'MissingEventError' && name !== 'TargetDiedError';
}

/** What the body did not throw, such as a soft assertion, fails it all the same. */
function agreed(test: TestCase, evidence: Evidence): Evidence {
  const { state, errors = [] } = test.result();
  if (state !== 'failed' || evidence.verdict !== 'PASS') return evidence;
  const [error] = errors;
  const reason = error?.message.split('\n')[0] ?? 'vitest has it failed';
  return { ...evidence, verdict: 'FAIL', by: 'assertion', reason, details: error?.stack ?? '' };
}

/** Its process was lost, or it ran into the time limit of a whole test. */
function withoutEvidence(test: TestCase): Evidence {
  const [error] = test.result().errors ?? [];
  return {
    verdict: 'UNRESOLVED',
    startedAt: new Date().toISOString(),
    assertions: 0,
    incidents: [],
    stray: [],
    reason: error?.message.split('\n')[0] ?? 'the test left no evidence',
    details: error?.stack ?? '',
  };
}
