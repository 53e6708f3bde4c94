// SPDX-License-Identifier: GPL-2.0-only
import type { Incident } from '../../../reporters/results.ts';

/** On a machine that others use, too, that memory runs out is no fault of its kernel; nor that its log was read too late. */
export function blameOn(kind: Incident['kind']): Incident['blame'] {
  return kind === 'out-of-memory' || kind === 'other' ? 'infrastructure' : 'kernel';
}
