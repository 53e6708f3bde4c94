// SPDX-License-Identifier: GPL-2.0-only
import { InputError } from '../../lib/errors.ts';

/** Fingerprints of both ends of a link, see fingerprint() and fingerprintTest(). */
export interface LinkFingerprint {
  readonly requirement: string;
  readonly test: string;
}

/** A test that verifies a requirement, with the fingerprints of both. */
export interface Link extends LinkFingerprint {
  readonly testId: string;
  readonly requirementId: string;
}

/** The content of specs/fingerprints.json. */
export interface FingerprintFile {
  readonly version: 1;
  /** By id of the test, then by id of the requirement. */
  readonly links: Readonly<Record<string, Readonly<Record<string, LinkFingerprint>>>>;
}

export type LinkChangeKind =
  /** The requirement says something else; the test is as it was. */
  | 'requirement-changed'
  /** The test does something else; the requirement is as it was. */
  | 'test-changed'
  /** Both were changed, together it seems; to be recorded, or the next change of one would not show. */
  | 'both-changed'
  /** Not in the file yet. */
  | 'new'
  /** In the file, and no test makes the link any more. */
  | 'gone';

export interface LinkChange {
  readonly kind: LinkChangeKind;
  readonly testId: string;
  readonly requirementId: string;
  readonly message: string;
}

/**
 * Which links changed at one end since they were recorded, in the order of
 * their ids.
 */
export function compareFingerprints(
  recorded: FingerprintFile,
  current: readonly Link[],
): readonly LinkChange[] {
  const now = new Map(current.map((link) => [keyOf(link), link]));
  const before = new Map(linksOf(recorded).map((link) => [keyOf(link), link]));
  return sorted([...now.values(), ...[...before.values()].filter((link) => !now.has(keyOf(link)))])
    .flatMap((link) => {
      const kind = kindOf(before.get(keyOf(link)), now.get(keyOf(link)));
      if (kind === undefined) return [];
      const { testId, requirementId } = link;
      return [{ kind, testId, requirementId, message: messageOf(kind, testId, requirementId) }];
    });
}

/** specs/fingerprints.json for these links: the same text for the same links, in any order. */
export function renderFingerprints(current: readonly Link[]): string {
  const links: Record<string, Record<string, LinkFingerprint>> = {};
  for (const { testId, requirementId, requirement, test } of sorted(current)) {
    (links[testId] ??= {})[requirementId] = { requirement, test };
  }
  return `${JSON.stringify({ version: 1, links } satisfies FingerprintFile, null, 2)}\n`;
}

/** Reads the text of specs/fingerprints.json; throws InputError when it is none. */
export function parseFingerprints(text: string, where = 'specs/fingerprints.json'): FingerprintFile {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw notFingerprints(where, cause instanceof Error ? cause.message : String(cause));
  }
  if (!isFingerprintFile(content)) throw notFingerprints(where, text.trim().slice(0, 80));
  return content;
}

function notFingerprints(where: string, seen: string): InputError {
  return new InputError('the recorded fingerprints cannot be read', {
    where,
    expected: '{ "version": 1, "links": { TEST: { REQUIREMENT: { "requirement", "test" } } } }',
    seen,
    hint: 'restore the file from the repository, or have it recorded again',
  });
}

function isFingerprintFile(content: unknown): content is FingerprintFile {
  if (!isObject(content) || content['version'] !== 1 || !isObject(content['links'])) return false;
  return Object.values(content['links']).every(
    (links) => isObject(links) && Object.values(links).every(isLinkFingerprint),
  );
}

function isLinkFingerprint(value: unknown): value is LinkFingerprint {
  return isObject(value) && typeof value['requirement'] === 'string' && typeof value['test'] === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function linksOf({ links }: FingerprintFile): readonly Link[] {
  return Object.entries(links).flatMap(([testId, ends]) =>
    Object.entries(ends).map(([requirementId, prints]) => ({ testId, requirementId, ...prints })),
  );
}

function sorted(links: readonly Link[]): readonly Link[] {
  return [...links].sort((a, b) => {
    const [left, right] = [keyOf(a), keyOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}

/** No id has a line feed in it. */
function keyOf({ testId, requirementId }: Link): string {
  return `${testId}\n${requirementId}`;
}

function kindOf(before: Link | undefined, now: Link | undefined): LinkChangeKind | undefined {
  if (now === undefined) return 'gone';
  if (before === undefined) return 'new';
  const requirementChanged = before.requirement !== now.requirement;
  const testChanged = before.test !== now.test;
  if (requirementChanged && testChanged) return 'both-changed';
  if (!requirementChanged && !testChanged) return undefined;
  return requirementChanged ? 'requirement-changed' : 'test-changed';
}

function messageOf(kind: LinkChangeKind, test: string, requirement: string): string {
  switch (kind) {
    case 'requirement-changed':
      return `${requirement} changed, and its test ${test} did not: see whether it still verifies it`;
    case 'test-changed':
      return `the test ${test} changed, and ${requirement} did not: see whether it still verifies it`;
    case 'both-changed':
      return `${requirement} and its test ${test} changed since the fingerprints were recorded`;
    case 'new':
      return `the test ${test} verifies ${requirement} since the fingerprints were recorded`;
    case 'gone':
      return `no test ${test} verifies ${requirement} any more`;
  }
}
