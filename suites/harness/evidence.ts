// SPDX-License-Identifier: GPL-2.0-only
import { TargetDiedError } from '../../kernel/target/died.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { Incident, LinesByFile, TargetInfo, Verdict } from '../../reporters/results.ts';
import { toldLine } from '../../reporters/text.ts';
import { ExpectationError, MissingEventError, UnsupportedError } from './expectation.ts';

/**
 * How a failing test shows that the subject fails:
 * - `assertion`: what came was not what had to come.
 * - `missing-event`: what had to come did not, within the deadline.
 * - `kernel-complaint`: the kernel itself complained, on the console or by its taint.
 * - `target-died`: the kernel did not go on.
 */
export const proofs = ['assertion', 'missing-event', 'kernel-complaint', 'target-died'] as const;
export type Proof = (typeof proofs)[number];

/** What a test leaves behind for the report; see TestResult. */
export interface Evidence {
  verdict: Verdict;
  startedAt: string;
  assertions: number;
  reason?: string;
  expected?: string;
  observed?: string;
  details?: string;
  /** How it shows that the subject fails; of FAIL only. */
  by?: Proof;
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

/** What an incident while it ran says of a test. */
export function judgeIncident(incident: Incident, died: boolean): Judged {
  const { kind, blame, excerpt } = incident;
  const told = {
    reason: `${kind} while the test ran`,
    expected: 'a kernel that goes on without a complaint',
    observed: toldLine(incident),
    console: excerpt,
  };
  if (blame !== 'kernel') return { verdict: 'UNRESOLVED', ...told };
  return { verdict: 'FAIL', by: died ? 'target-died' : 'kernel-complaint', ...told };
}

export function incidentsOf(error: unknown): Incident[] {
  return error instanceof TargetDiedError ? [error.incident] : [];
}

export type Judged = Pick<Evidence, 'verdict' | 'by' | 'reason' | 'expected' | 'observed' | 'details' | 'console'>;

/** What an error says of the subject: it fails, lacks something, or nothing can be said. */
export function judge(error: unknown): Judged {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.split('\n')[0] ?? message;
  const details = error instanceof Error ? (error.stack ?? message) : message;
  if (error instanceof UnsupportedError) return { verdict: 'UNSUPPORTED', reason };
  if (error instanceof TargetDiedError) return judgeIncident(error.incident, true);
  if (error instanceof InfrastructureError) {
    const seen = error.details.seen;
    return { verdict: 'UNRESOLVED', reason, details: seen === undefined ? details : `${seen}\n${details}` };
  }
  if (error instanceof ExpectationError) {
    const by = error instanceof MissingEventError ? 'missing-event' : 'assertion';
    return { verdict: 'FAIL', by, reason, expected: error.expected, observed: error.observed, details };
  }
  if (isAssertion(error)) {
    const [expected, observed] = [show(error.expected), show(error.actual)];
    return { verdict: 'FAIL', by: 'assertion', reason, expected, observed, details };
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
