// SPDX-License-Identifier: GPL-2.0-only
import type { BuildProgress } from '../kernel/build/progress.ts';

/** Where progress goes: stderr, as a rule. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows what a build does. Call done() before anything else is printed there. */
export interface ProgressView {
  readonly show: (progress: BuildProgress) => void;
  readonly done: () => void;
}

/**
 * On a terminal one line that is written over; elsewhere a line for each new thing to do and one
 * every `interval` milliseconds, so that a log shows life and stays short.
 */
export function buildProgressView(
  stream: ProgressStream,
  interval = stream.isTTY ? 1000 : 15_000,
): ProgressView {
  let current: BuildProgress | undefined;
  let began = 0;
  let written = 0;
  const print = (): void => {
    if (current === undefined) return;
    const text = progressText(current, Math.round((Date.now() - began) / 1000));
    written = Date.now();
    if (stream.isTTY) stream.write(`\r\u001B[2K${text.slice(0, (stream.columns ?? 80) - 1)}`);
    else stream.write(`${text}\n`);
  };
  // Some things tell nothing while they last, such as unpacking.
  const timer = setInterval(() => {
    if (Date.now() - written >= interval) print();
  }, 1000);
  timer.unref();
  return {
    show: (progress) => {
      const fresh = current?.message !== progress.message;
      if (fresh) began = Date.now();
      current = progress;
      const wait = stream.isTTY ? 100 : interval;
      if (fresh || Date.now() - written >= wait) print();
    },
    done: () => {
      clearInterval(timer);
      if (stream.isTTY && current !== undefined) stream.write('\r\u001B[2K');
      current = undefined;
    },
  };
}

/** `compiling Linux 6.12 (base): 42 %, 620 of 1474, about 1:20 left` */
export function progressText(progress: BuildProgress, seconds: number): string {
  const { message, done, total, secondsLeft } = progress;
  const parts: string[] = [];
  if (done !== undefined && total !== undefined) {
    parts.push(`${Math.floor((100 * done) / Math.max(1, total))} %`, `${done} of ${total}`);
  }
  if (secondsLeft !== undefined) parts.push(`about ${clock(secondsLeft)} left`);
  else if (seconds >= 2) parts.push(`for ${clock(seconds)}`);
  return parts.length === 0 ? message : `${message}: ${parts.join(', ')}`;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
