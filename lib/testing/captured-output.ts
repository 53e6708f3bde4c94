// SPDX-License-Identifier: GPL-2.0-only
import { onTestFinished, vi } from 'vitest';

/** Keeps what is printed on stdout from here to the test's end from being seen; text() is all of it so far. */
export function captureOutput(): { text(): string } {
  let printed = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  return { text: () => printed };
}
