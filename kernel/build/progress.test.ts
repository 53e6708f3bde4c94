// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { estimate, isStep } from './progress.ts';

test.each([
  '  CC      kernel/fork.o',
  '  HOSTCC  scripts/basic/fixdep',
  '  CC [M]  /x/aem-core/main.o',
  '  LD      vmlinux.o',
])('%j is a step', (line) => {
  expect(isStep(line)).toBe(true);
});

test.each([
  'kernel/fork.c:12: error: no',
  '',
  'make[2]: *** [x] Error 1',
  '  note',
  '#',
  'Kernel: arch/x86/boot/bzImage is ready',
])('%j is none', (line) => {
  expect(isStep(line)).toBe(false);
});

test('the time left is told from the rate so far', () => {
  expect(estimate(500, 0, 1500, 50)).toEqual({ done: 500, total: 1500, secondsLeft: 100 });
});

test('what an interrupted run had done counts as done, not for the rate', () => {
  expect(estimate(100, 1000, 1500, 20)).toEqual({ done: 1100, total: 1500, secondsLeft: 80 });
});

test('at the very beginning nothing is said of the time', () => {
  expect(estimate(3, 0, 1500, 1)).toEqual({ done: 3, total: 1500 });
});

test('it is never all done while steps come, however many', () => {
  expect(estimate(1600, 0, 1500, 160)).toEqual({ done: 1600, total: 1601, secondsLeft: 1 });
});
