// SPDX-License-Identifier: GPL-2.0-only
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildProgressView, progressText } from './build-progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function sink(isTTY: boolean): {
  isTTY: boolean;
  columns: number;
  text: string[];
  write: (text: string) => void;
} {
  const text: string[] = [];
  return { isTTY, columns: 40, text, write: (part) => void text.push(part) };
}

test('what is done, in percent and in steps, and the time left', () => {
  const progress = {
    stage: 'compile',
    message: 'compiling',
    done: 620,
    total: 1474,
    secondsLeft: 80,
  } as const;

  expect(progressText(progress, 30)).toBe('compiling: 42 %, 620 of 1474, about 1:20 left');
  expect(progressText({ stage: 'source', message: 'unpacking' }, 0)).toBe('unpacking');
  expect(progressText({ stage: 'source', message: 'unpacking' }, 75)).toBe('unpacking: for 1:15');
});

test('in a log: a line for each new thing, and one every 15 seconds', () => {
  const log = sink(false);
  const view = buildProgressView(log);

  view.show({ stage: 'source', message: 'unpacking' });
  for (let step = 1; step <= 300; step += 1) {
    vi.advanceTimersByTime(100);
    view.show({ stage: 'compile', message: 'compiling', done: step, total: 1000 });
  }
  view.done();
  vi.advanceTimersByTime(60_000);

  expect(log.text.map((line) => line.trimEnd().split(',')[0])).toEqual([
    'unpacking',
    'compiling: 0 %',
    'compiling: 15 %',
  ]);
});

test('a thing that tells nothing while it lasts still shows life', () => {
  const log = sink(false);
  const view = buildProgressView(log);

  view.show({ stage: 'source', message: 'unpacking' });
  vi.advanceTimersByTime(31_000);
  view.done();

  expect(log.text).toEqual(['unpacking\n', 'unpacking: for 0:15\n', 'unpacking: for 0:30\n']);
});

test('on a terminal one line, no wider than it, and gone at the end', () => {
  const terminal = sink(true);
  const view = buildProgressView(terminal);

  view.show({ stage: 'compile', message: 'x'.repeat(100), done: 1, total: 2 });
  view.done();

  expect(terminal.text).toEqual([`\r\u001B[2K${'x'.repeat(39)}`, '\r\u001B[2K']);
});
