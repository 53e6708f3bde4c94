// SPDX-License-Identifier: GPL-2.0-only
import type { PlannedTest } from './results.ts';

/** The test measures a time: in QEMU it has a guest for that, which is not the machine that the reports tell of. */
export function hasOwnClock({ needs = [] }: Pick<PlannedTest, 'needs'>): boolean {
  return needs.includes('clock');
}
