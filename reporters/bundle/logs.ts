// SPDX-License-Identifier: GPL-2.0-only
import type { Results, TestResult } from '../results.ts';
import type { BundleFiles } from './manifest.ts';

/** What the guests' consoles said, and what host and agent said to each other. */
export const logFile = /^(console|agent)-\d+\.log$/;

/** A log that is not whole, and what it lacks. */
export interface Loss {
  readonly file: string;
  readonly what: string;
}

/**
 * What the logs of a run lack that they have when they are whole: each test that ran has its beginning in the log of
 * its guest's console and of its guest's agent, and after the last test that passed both tell of the look at the
 * kernel that follows it.
 */
export function lossesOf(results: Results, logs: BundleFiles): readonly Loss[] {
  const guests = results.target.guests ?? 1;
  return Array.from({ length: guests }, (_, index) => index + 1).flatMap((guest) => {
    // Guest N has the boots N, N + guests, N + 2 guests …
    const own = results.tests.filter(({ boot }) => boot !== undefined && (boot - 1) % guests === guest - 1);
    return ['console', 'agent'].flatMap((kind): readonly Loss[] => {
      const file = `${kind}-${guest}.log`;
      const log = logs.get(file);
      if (log === undefined) return [{ file, what: 'is missing' }];
      return lacksOf(own, Buffer.from(log).toString('latin1'), kind === 'console' ? 'aemcert: ' : '"').map((what) => ({ file, what }));
    });
  });
}

function lacksOf(tests: readonly TestResult[], text: string, before: string): readonly string[] {
  const begun = [...text.matchAll(new RegExp(`${before}(begin ([\\w-]+)|health) #\\d+`, 'g'))];
  const times = countOf(begun.flatMap(([, , slug]) => slug ?? []));
  // Tests of two files may have the same words.
  const wanted = countOf(tests.map(slugOf));
  const lost = [...wanted].filter(([slug, count]) => (times.get(slug) ?? 0) < count).map(([slug]) => slug);
  if (lost[0] !== undefined) {
    return [`truncated: it does not tell of the beginning of ${lost[0]}, which ran${lost.length > 1 ? ` (and ${lost.length - 1} more)` : ''}`];
  }
  const last = begun.findLastIndex(([, , slug]) => slug !== undefined);
  const slug = begun[last]?.[2];
  const passed = tests.some((test) => slugOf(test) === slug) && tests.every((test) => slugOf(test) !== slug || test.verdict === 'PASS');
  // One look when it begins, one when it has ended.
  return passed && begun.length - 1 - last < 2 ? [`truncated: it does not tell of the end of ${slug ?? ''}, which passed`] : [];
}

/** The words with which a test begins: see beginOnTarget(). */
function slugOf({ id }: TestResult): string {
  return id.slice(id.lastIndexOf('/') + 1);
}

function countOf(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
