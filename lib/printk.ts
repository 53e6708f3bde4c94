// SPDX-License-Identifier: GPL-2.0-only

/** Drops what printk puts before a message: level, time, CPU or caller. */
export function stripPrefix(line: string): string {
  return line.replace(/^(<\d+>)?(\[\s*\d+\.\d+\]\s?)?(\[\s*[TC]\d+\]\s?)?/, '');
}
