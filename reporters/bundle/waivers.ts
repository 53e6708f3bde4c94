// SPDX-License-Identifier: GPL-2.0-only
import { join } from 'node:path';
import { projectRoot } from '../../lib/paths.ts';
import { SpecError, nearest, type SpecProblem } from '../../specs/loader/index.ts';
import { compileSchema } from '../../specs/loader/validate.ts';
import type { RequirementResult } from '../results.ts';
import { parseYaml, readInput } from './yaml.ts';

/** As The Open Group's programmes have them: who is to mend what. */
export type WaiverClass =
  /** The requirement can be read otherwise. */
  | 'interpretation'
  /** The suite is wrong. */
  | 'suite-deficiency'
  /** The subject is wrong, in little and for a time. */
  | 'minor-system-fault'
  /** The way of certifying is wrong. */
  | 'certification-deficiency';

/** Says why a requirement does not pass, and until when that is accepted. It never makes it pass. */
export interface Waiver {
  readonly requirement: string;
  readonly class: WaiverClass;
  readonly reason: string;
  readonly ticket: string;
  /** The last day on which it holds, YYYY-MM-DD, by UTC. */
  readonly expires: string;
}

/**
 * What has become of a waiver: only `waived` is as it should be.
 * - `expired`: its last day is over.
 * - `not-needed`: the requirement passes.
 * - `does-not-match`: the results have no such requirement.
 */
export type WaiverState = 'waived' | 'expired' | 'not-needed' | 'does-not-match';

export interface JudgedWaiver extends Waiver {
  readonly state: WaiverState;
}

interface WaiversFile {
  readonly waivers: readonly Waiver[];
}

const schema = compileSchema(join(projectRoot, 'reporters/bundle/waivers.schema.json'));

/**
 * Reads waivers. @throws InputError or SpecError with everything that is wrong, each with file:line:column: also a
 * waiver of what is no requirement, or two of one
 */
export async function readWaivers(
  path: string,
  known: readonly string[],
): Promise<{ readonly waivers: readonly Waiver[]; readonly text: string }> {
  const text = await readInput(path, 'waivers file');
  return { waivers: parseWaivers(text, path, known), text };
}

/** As readWaivers(), for a text at hand. Without `known` ids are taken as they are. */
export function parseWaivers(text: string, where: string, known?: readonly string[]): readonly Waiver[] {
  const parsed = parseYaml(where, text, schema(), 'the waivers');
  const { waivers } = parsed.content as WaiversFile;
  const problems = waivers.flatMap(({ requirement, expires }, index): readonly SpecProblem[] => {
    const place = (key: string): Pick<SpecProblem, 'file' | 'line' | 'column'> => ({ file: where, ...parsed.locate(['waivers', index, key]) });
    const earlier = waivers.findIndex((other) => other.requirement === requirement);
    const near = known === undefined ? undefined : nearest(requirement, known);
    return [
      ...(known === undefined || known.includes(requirement)
        ? []
        : [{ ...place('requirement'), message: 'a waiver of what is no requirement here', seen: requirement, ...(near === undefined ? {} : { hint: `did you mean ${near}?` }) }]),
      ...(earlier === index ? [] : [{ ...place('requirement'), message: `a second waiver of ${requirement}`, expected: 'each requirement once' }]),
      ...(isDay(expires) ? [] : [{ ...place('expires'), message: 'there is no such day', seen: expires }]),
    ];
  });
  if (problems.length > 0) throw new SpecError(problems, 'the waivers');
  return waivers;
}

function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

/** Is its last day over? */
export function hasExpired({ expires }: Pick<Waiver, 'expires'>, now: Date): boolean {
  return expires < now.toISOString().slice(0, 10);
}

/** What each waiver is worth on a day. */
export function judgeWaivers(waivers: readonly Waiver[], requirements: readonly RequirementResult[], now: Date): readonly JudgedWaiver[] {
  const verdicts = new Map(requirements.map(({ id, verdict }) => [id, verdict]));
  return waivers.map((waiver): JudgedWaiver => {
    const verdict = verdicts.get(waiver.requirement);
    const state =
      verdict === undefined ? 'does-not-match' : hasExpired(waiver, now) ? 'expired' : verdict === 'PASS' ? 'not-needed' : 'waived';
    return { ...waiver, state };
  });
}

/** What is wrong with a waiver, in one sentence; undefined when nothing is. */
export function waiverProblem({ requirement, state, expires }: JudgedWaiver): string | undefined {
  switch (state) {
    case 'waived':
      return undefined;
    case 'expired':
      return `the waiver of ${requirement} has expired: its last day was ${expires}`;
    case 'not-needed':
      return `the waiver of ${requirement} is not needed: it passes`;
    case 'does-not-match':
      return `the waiver of ${requirement} matches no requirement of this run`;
  }
}
