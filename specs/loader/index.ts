// SPDX-License-Identifier: GPL-2.0-only
export { findRequirement, limitOf, loadRequirements, specsFolder } from './load.ts';
export { fingerprint, fingerprintTest } from './fingerprint.ts';
export { compareFingerprints, parseFingerprints, renderFingerprints } from './freshness.ts';
export type { FingerprintFile, Link, LinkChange, LinkChangeKind, LinkFingerprint } from './freshness.ts';
export { checkLinks } from './links.ts';
export type { LinkProblem, LinkProblemKind, LinkedTest } from './links.ts';
export { SpecError, formatProblem } from './problem.ts';
export type { SpecProblem } from './problem.ts';
export { nearest, suggestion } from './suggest.ts';
export type {
  Binding,
  Certainty,
  Limit,
  Priority,
  Requirement,
  RequirementSet,
  RequirementSource,
  Standing,
  Verification,
} from './types.ts';
