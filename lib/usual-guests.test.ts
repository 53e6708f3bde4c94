// SPDX-License-Identifier: GPL-2.0-only
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { cpusTakeTurns } from './usual-guests.ts';

test('the CPUs of guests take turns where there are more of them than processors, and only there', () => {
  const processors = availableParallelism();
  expect(cpusTakeTurns({ guests: 1, cpus: processors })).toBe(false);
  expect(cpusTakeTurns({ guests: processors + 1, cpus: 1 })).toBe(false);
  expect(cpusTakeTurns({ guests: 1, cpus: processors + 1 })).toBe(true);
  expect(cpusTakeTurns({ guests: processors, cpus: 2 })).toBe(true);
});
