// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { passingResults, sampleLines, sampleResults, sampleTest } from '../testing/sample.ts';
import { createProgress, type Progress, type ProgressOptions } from './progress.ts';
import { renderLive, timeLeft, type FinishedTest, type ProgressState } from './render.ts';
import { wantsColour } from './style.ts';
import { renderSummary } from './summary.ts';

// eslint-disable-next-line no-control-regex -- terminal sequences are the subject
const sequences = /\u001b\[[0-9;]*[A-Za-z]/g;

/** A stream, a clock that the test moves, and the progress on them. */
function stage(options: Partial<ProgressOptions> = {}) {
  const written: string[] = [];
  const clock = { ms: 0, tick: (): void => undefined, stopped: false };
  const progress: Progress = createProgress({
    stream: { write: (text) => written.push(text), columns: 80 },
    isTTY: false,
    total: 4,
    env: {},
    now: () => clock.ms,
    every: (tick) => {
      clock.tick = tick;
      return () => {
        clock.stopped = true;
      };
    },
    ...options,
  });
  return { progress, written, clock, text: () => written.join('') };
}

const finished = (verdict: FinishedTest['verdict'], rest: Partial<FinishedTest> = {}): FinishedTest => ({
  id: 'pexit/notify/a',
  title: 'reports the exit',
  suite: 'pexit',
  verdict,
  durationMs: 320,
  ...rest,
});
const started = { id: 'pexit/notify/a', title: 'reports the exit', suite: 'pexit' };

describe('without a terminal', () => {
  test('each test is a line, a failure says why and how to repeat it', () => {
    const { progress, text } = stage();
    progress.testStarted(started);
    progress.testFinished(finished('PASS'));
    progress.testFinished(
      finished('FAIL', { reason: 'lost', expected: '11', observed: '0', title: "it's off" }),
    );
    progress.finish();
    expect(text()).toBe(
      [
        'PASS        1/4 pexit: reports the exit (320 ms)',
        "FAIL        2/4 pexit: it's off (320 ms)",
        '            lost',
        '            expected: 11',
        '            observed: 0',
        "            again:    npx aemcert run --grep 'it'\\''s off'",
        '',
      ].join('\n'),
    );
  });

  test('a build is told in tenths, not file by file', () => {
    const { progress, written } = stage();
    for (let done = 0; done <= 1000; done += 1)
      progress.phase({ name: 'kernel build', done, total: 1000, unit: 'files' });
    progress.phase(undefined);
    expect(written).toHaveLength(11);
    expect(written[3]).toBe('kernel build 300 of 1000 files\n');
  });

  test('nothing ticks and no sequence is written', () => {
    const { progress, text } = stage();
    progress.note('booting \u001b[31mred\u001b[0m');
    expect(text()).toBe('booting red\n');
  });
});

describe('on a terminal', () => {
  test('the live region says what runs, how far, and what failed', () => {
    const { progress, written, clock } = stage({ isTTY: true, env: { NO_COLOR: '1' } });
    progress.testStarted(started);
    clock.ms = 2000;
    clock.tick();
    expect(written.at(-1)?.replace(sequences, '')).toBe(
      '\r▸ pexit: reports the exit, 2.0 s\n  0 of 4 tests · 0 failed · 2.0 s\n',
    );
  });

  test('it redraws in place and is gone at the end', () => {
    const { progress, written, clock } = stage({ isTTY: true });
    progress.testStarted(started);
    progress.testFinished(finished('PASS'));
    progress.finish();
    expect(written.at(-2)).toContain('\u001b[2A\u001b[0J');
    expect(written.at(-1)).toBe('\r\u001b[1A\u001b[0J');
    expect(clock.stopped).toBe(true);

    const before = written.length;
    progress.note('late');
    expect(written).toHaveLength(before);
  });

  test('what did not pass stays above the live region', () => {
    const { progress, text } = stage({ isTTY: true });
    progress.testFinished(finished('UNRESOLVED', { reason: 'the target went silent' }));
    expect(text()).toContain('the target went silent');
  });

  test('a phase that moves fast is drawn ten times a second', () => {
    const { progress, written, clock } = stage({ isTTY: true });
    for (let done = 0; done < 1000; done += 1) {
      clock.ms = done;
      progress.phase({ name: 'kernel build', done, total: 1000, unit: 'files', detail: 'kernel/signal.o' });
    }
    expect(written).toHaveLength(10);
    expect(written[0]).toContain('kernel build 0 of 1000 files: kernel/signal.o');
  });
});

describe('the live region', () => {
  const state: ProgressState = {
    total: 10,
    finished: 4,
    counts: { PASS: 2, FAIL: 1, UNRESOLVED: 1, UNSUPPORTED: 0, UNTESTED: 0 },
    running: [{ title: 't'.repeat(200), suite: 's', since: 0 }],
    startedAt: 0,
    testingSince: 1000,
    phase: { name: 'p'.repeat(200) },
  };

  test('estimates the time left from tests alone, once three are done', () => {
    expect(timeLeft(state, 5000)).toBe(6000);
    expect(timeLeft({ ...state, finished: 2 }, 5000)).toBeUndefined();
    expect(timeLeft({ ...state, testingSince: undefined }, 5000)).toBeUndefined();
    expect(timeLeft({ ...state, finished: 10 }, 5000)).toBeUndefined();
  });

  test.each([20, 40, 80, 200])('no line is wider than %i columns', (columns) => {
    for (const line of renderLive(state, 5000, { columns, colour: true })) {
      expect(line.replace(sequences, '').length).toBeLessThan(columns);
    }
  });
});

test('colours: on a terminal only, and never against NO_COLOR', () => {
  expect(wantsColour(true, {})).toBe(true);
  expect(wantsColour(true, { NO_COLOR: '' })).toBe(true);
  expect(wantsColour(true, { NO_COLOR: '1' })).toBe(false);
  expect(wantsColour(true, { TERM: 'dumb' })).toBe(false);
  expect(wantsColour(false, {})).toBe(false);
});

describe('the summary', () => {
  test('says what failed, why, how to repeat it, where the reports are, and the conclusion', () => {
    const text = renderSummary(sampleResults(), {
      colour: false,
      reports: ['reports/coverage.html', 'reports/junit.xml'],
    });
    expect(text).toContain('FAIL        pexit: reports the signal of a fault');
    expect(text).toContain('AEM-PEXIT-004, AVL.5.3-a: the status word lost the signal');
    expect(text).toContain('expected exit_code & 0x7f = 11');
    expect(text).toContain("again: npx aemcert run --grep 'never fires early'");
    expect(text).toContain('tests         5 PASS, 1 UNSUPPORTED, 1 UNTESTED, 1 UNRESOLVED, 1 FAIL');
    expect(text).toContain('reports/junit.xml');
    expect(text).toContain('Not conformant (4 min 42 s)');
  });

  test('tells how many lines ran, when they were counted', () => {
    const text = renderSummary(sampleResults({ lines: sampleLines() }), { colour: false });
    expect(text).toContain('lines         3 of 7 reached, 42.8 %');
    expect(renderSummary(sampleResults(), { colour: false })).not.toContain('lines  ');
  });

  test('is short when all is well', () => {
    const text = renderSummary(passingResults(), { colour: false });
    expect(text).toContain('Conformant: every mandatory requirement passed');
    expect(text.split('\n').length).toBeLessThan(8);
  });

  test('keeps to 40 lines however much failed', () => {
    const tests = Array.from({ length: 500 }, (_, index) =>
      sampleTest(`core/a/${index}`, 'FAIL', {
        requirements: ['AEM-CORE-010'],
        expected: 'x',
        observed: 'y',
      }),
    );
    const text = renderSummary(sampleResults({ tests, incidents: [] }), {
      colour: false,
      reports: ['a', 'b', 'c', 'd'],
    });
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
    expect(text).toContain('and 495 more tests that did not pass');
  });
});
