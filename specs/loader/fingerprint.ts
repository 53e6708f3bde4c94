// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import type { RequirementEntry } from './types.ts';

/**
 * The sha256 of what a test of the requirement depends on, in hexadecimal:
 * its id, statement, reading, limits, verification and bindings. White space
 * and the order of keys do not matter; neither do title, notes and parents.
 */
export function fingerprint(requirement: RequirementEntry): string {
  const { id, statement, reading, limits, verification, bindings } = requirement;
  const content = { id, statement, reading, limits, verification, bindings: [...bindings].sort() };
  return sha256(JSON.stringify(normalize(content)));
}

/**
 * The sha256 of a test's source text, in hexadecimal; white space at the ends
 * of lines and empty lines do not matter.
 */
export function fingerprintTest(source: string): string {
  const lines = source.split(/\r?\n/).map((line) => line.trimEnd());
  return sha256(lines.filter((line) => line !== '').join('\n'));
}

function normalize(value: unknown): unknown {
  if (typeof value === 'string') return value.trim().replaceAll(/\s+/g, ' ');
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, normalize(item)]));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
