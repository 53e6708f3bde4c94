// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { silentTaint } from './run.ts';

const test1 = { id: 'a/b/c', verdict: 'PASS', durationMs: 1, assertions: 1, boot: 3 } as const;

test('a fault after the last test that the taint alone tells of is one of the kernel', () => {
  expect(silentTaint({ tests: [{ ...test1, taint: { before: 4096, after: 4096 } }] }, 4096 | 512)).toMatchObject([
    { kind: 'other', blame: 'kernel', boot: 3, excerpt: 'taint 512 gained after the last test, and no word of it in the log' },
  ]);
});

test('what a test has told of, or what was there before the run, is not told again', () => {
  expect(silentTaint({ tests: [{ ...test1, taint: { before: 128, after: 128 | 512 } }] }, 128 | 512)).toEqual([]);
  expect(silentTaint({ tests: [test1] }, 512)).toEqual([]);
});
