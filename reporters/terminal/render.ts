// SPDX-License-Identifier: GPL-2.0-only
import type { Verdict } from '../results.ts';
import { clipLine, formatDuration, oneLine, rerunCommand } from '../text.ts';
import type { VerdictCounts } from '../verdict.ts';
import { paint, type Paint } from './style.ts';

/** What the live region shows. All times are in milliseconds of one clock. */
export interface ProgressState {
  readonly total: number;
  readonly finished: number;
  readonly counts: VerdictCounts;
  readonly running: readonly { readonly title: string; readonly suite: string; readonly since: number }[];
  readonly phase?: Phase | undefined;
  readonly startedAt: number;
  /** When the first test started: what was built before says nothing of the time left. */
  readonly testingSince?: number | undefined;
}

/** Something that is not a test: a kernel build, a boot. */
export interface Phase {
  /** e.g. `kernel build` */
  readonly name: string;
  /** How far: `done` of `total`, in `unit`. */
  readonly done?: number;
  readonly total?: number;
  /** e.g. `files` */
  readonly unit?: string;
  /** e.g. the file that is compiled now. */
  readonly detail?: string;
}

export interface FinishedTest {
  readonly id: string;
  readonly title: string;
  readonly suite: string;
  readonly verdict: Verdict;
  readonly durationMs: number;
  readonly reason?: string | undefined;
  readonly expected?: string | undefined;
  readonly observed?: string | undefined;
}

export interface Look {
  readonly columns: number;
  readonly colour: boolean;
}

/** The live region: at most three lines, none longer than the terminal is wide. */
export function renderLive(state: ProgressState, now: number, look: Look): string[] {
  const ink = paint(look.colour);
  const lines: string[] = [];
  if (state.phase !== undefined) lines.push(clipLine(`  ${phaseText(state.phase)}`, look.columns - 1));
  const [first, ...others] = state.running;
  if (first !== undefined) {
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    const text = `${first.suite}: ${first.title}${more}, ${formatDuration(now - first.since)}`;
    lines.push(`${ink.strong('▸')} ${clipLine(text, look.columns - 3)}`);
  }
  lines.push(statusLine(state, now, look.columns - 1, ink));
  return lines;
}

function statusLine(state: ProgressState, now: number, width: number, ink: Paint): string {
  const { counts } = state;
  const failed = counts.FAIL;
  const other = counts.UNRESOLVED + counts.UNTESTED + counts.UNSUPPORTED;
  const left = timeLeft(state, now);
  const parts: { readonly text: string; readonly shade?: (text: string) => string }[] = [
    { text: `${state.finished} of ${state.total} tests` },
    { text: `${failed} failed`, shade: failed > 0 ? ink.bad : ink.soft },
    ...(other > 0 ? [{ text: `${other} without verdict`, shade: ink.doubtful }] : []),
    { text: formatDuration(now - state.startedAt), shade: ink.soft },
    ...(left === undefined ? [] : [{ text: `about ${formatDuration(left)} left`, shade: ink.soft }]),
  ];
  const kept: string[] = [];
  let used = 2;
  for (const { text, shade } of parts) {
    if (used + text.length + 3 > width) break;
    used += text.length + 3;
    kept.push(shade === undefined ? text : shade(text));
  }
  return `  ${kept.join(' · ')}`;
}

/** From the mean so far, once three tests are done; undefined before. */
export function timeLeft(state: ProgressState, now: number): number | undefined {
  const { finished, total, testingSince } = state;
  if (testingSince === undefined || finished < 3 || finished >= total) return undefined;
  return ((now - testingSince) / finished) * (total - finished);
}

/** `kernel build 120 of 2410 files: kernel/signal.o` */
export function phaseText({ name, done, total, unit, detail }: Phase): string {
  const far = done === undefined ? '' : total === undefined ? ` ${done}` : ` ${done} of ${total}`;
  const units = far === '' || unit === undefined ? '' : ` ${unit}`;
  return `${name}${far}${units}${detail === undefined ? '' : `: ${detail}`}`;
}

/** The lines of a finished test: one when it passed, with reason and how to repeat it when not. */
export function renderFinished(test: FinishedTest, position: string, look: Look): string[] {
  const ink = paint(look.colour);
  const head =
    `${ink.verdict(test.verdict, test.verdict.padEnd(11))} ${ink.soft(position)} ` +
    `${clipLine(`${test.suite}: ${test.title}`, 160)} ${ink.soft(`(${formatDuration(test.durationMs)})`)}`;
  if (test.verdict === 'PASS') return [head];
  const indent = ' '.repeat(12);
  const lines = [head];
  if (test.reason !== undefined) lines.push(`${indent}${clipLine(test.reason, 200)}`);
  if (test.verdict !== 'FAIL') return lines;
  if (test.expected !== undefined) lines.push(`${indent}expected: ${clipLine(test.expected, 160)}`);
  if (test.observed !== undefined) lines.push(`${indent}observed: ${clipLine(test.observed, 160)}`);
  lines.push(`${indent}again:    ${oneLine(rerunCommand(test))}`);
  return lines;
}
