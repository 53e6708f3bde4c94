// SPDX-License-Identifier: GPL-2.0-only
import type { Verdict } from '../results.ts';
import { clipLine } from '../text.ts';
import { countVerdicts } from '../verdict.ts';
import { phaseText, renderFinished, renderLive, type FinishedTest, type Look, type Phase } from './render.ts';
import { wantsColour } from './style.ts';

/** What progress writes to: process.stderr, or a stand-in. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly columns?: number;
}

export interface ProgressOptions {
  readonly stream: ProgressStream;
  readonly isTTY: boolean;
  /** How many tests were planned; 0 while unknown, then planned(). */
  readonly total: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of any steady clock. */
  readonly now?: () => number;
  /**
   * Calls `tick` now and then so that times move on; returns what stops it. The default does once a second.
   */
  readonly every?: (tick: () => void) => () => void;
}

export interface StartedTest {
  readonly id: string;
  readonly title: string;
  readonly suite: string;
}

/** Tells a person what a run does now. Never throws and never keeps the process alive. */
export interface Progress {
  /** The plan is known, or has grown. */
  planned(total: number): void;
  /** What goes on beside tests, e.g. a build or a boot; undefined when it is over. */
  phase(phase: Phase | undefined): void;
  testStarted(test: StartedTest): void;
  testFinished(test: FinishedTest): void;
  /** One line that stays. */
  note(text: string): void;
  /** Takes the live region away; later events write nothing. */
  finish(): void;
}

/** Between two draws of a phase that moves fast, ms. */
const drawInterval = 100;

/** Live lines on a terminal; elsewhere a line for each test, and for each tenth of a phase. */
export function createProgress(options: ProgressOptions): Progress {
  const { stream, isTTY } = options;
  const now = options.now ?? (() => performance.now());
  const colour = wantsColour(isTTY, options.env ?? process.env);
  const running = new Map<
    string,
    { readonly title: string; readonly suite: string; readonly since: number }
  >();
  const verdicts: Verdict[] = [];
  const startedAt = now();
  let total = options.total;
  let testingSince: number | undefined;
  let phase: Phase | undefined;
  let saidOfPhase = '';
  let drawnLines = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let over = false;

  const look = (): Look => ({ columns: Math.max(20, stream.columns ?? 80), colour });
  const erase = (): string => (drawnLines === 0 ? '' : `\r\u001b[${drawnLines}A\u001b[0J`);
  const draw = (above: readonly string[] = []): void => {
    if (over) return;
    if (!isTTY) {
      if (above.length > 0) stream.write(`${above.join('\n')}\n`);
      return;
    }
    const state = {
      total,
      finished: verdicts.length,
      counts: countVerdicts(verdicts),
      running: [...running.values()],
      phase,
      startedAt,
      testingSince,
    };
    const live = renderLive(state, now(), look());
    stream.write(`${erase()}${[...above, ...live].join('\n')}\n`);
    drawnLines = live.length;
    drawnAt = now();
  };
  const stop = isTTY ? (options.every ?? onceASecond)(() => draw()) : () => undefined;

  return {
    planned(count) {
      total = count;
      draw();
    },
    phase(next) {
      const moved = next?.name !== phase?.name;
      phase = next;
      if (isTTY) {
        if (moved || now() - drawnAt >= drawInterval) draw();
        return;
      }
      const step = next === undefined ? '' : tenth(next);
      if (step === saidOfPhase) return;
      saidOfPhase = step;
      if (next !== undefined) draw([clipLine(phaseText(next), 160)]);
    },
    testStarted({ id, title, suite }) {
      testingSince ??= now();
      running.set(id, { title, suite, since: now() });
      draw();
    },
    testFinished(test) {
      running.delete(test.id);
      testingSince ??= now();
      verdicts.push(test.verdict);
      const lines = renderFinished(test, `${verdicts.length}/${total}`, look());
      // A terminal keeps what went wrong; what passed is in the count.
      draw(isTTY && test.verdict === 'PASS' ? [] : lines);
    },
    note(text) {
      draw([clipLine(text, 400)]);
    },
    finish() {
      if (over) return;
      stop();
      if (isTTY) stream.write(erase());
      over = true;
    },
  };
}

function onceASecond(tick: () => void): () => void {
  const timer = setInterval(tick, 1000);
  timer.unref();
  return () => clearInterval(timer);
}

/** Changes when a phase begins, ends or gets a tenth further. */
function tenth({ name, done, total }: Phase): string {
  if (done === undefined || total === undefined || total <= 0) return name;
  return `${name} ${Math.floor((done / total) * 10)}`;
}
