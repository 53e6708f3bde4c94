// SPDX-License-Identifier: GPL-2.0-only
import { readFile, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { projectRoot } from '../../lib/paths.ts';
import { SpecError } from '../../specs/loader/index.ts';
import type { RequirementSet, SpecProblem } from '../../specs/loader/index.ts';
import { parseSpec } from '../../specs/loader/parse.ts';
import type { ParsedFile } from '../../specs/loader/parse.ts';
import { compileSchema, validateAgainst } from '../../specs/loader/validate.ts';

/**
 * The negative control of a requirement: a fault, seeded into a copy of the
 * sources, that its tests must catch. The sources that are shipped hold none.
 */
export interface Control {
  readonly requirement: string;
  /** What the faulty subject does, one sentence. */
  readonly fault: string;
  readonly edits: readonly Edit[];
  /** Why the target may die of it; absent when a death says nothing of the requirement. */
  readonly targetDies?: string;
  /** Requirements that cannot hold either with this fault, and why. */
  readonly alsoFails: readonly { readonly requirement: string; readonly because: string }[];
  /** The file of controls, from the project's root. */
  readonly source: string;
  readonly line: number;
}

/** Text put before, after or instead of `at`, which stands once in `file`. */
export interface Edit {
  /** From the project's root. */
  readonly file: string;
  readonly at: string;
  readonly before?: string;
  readonly after?: string;
  readonly instead?: string;
}

interface ControlsFile {
  readonly controls: readonly (Omit<Control, 'source' | 'line' | 'alsoFails'> &
    Partial<Pick<Control, 'alsoFails'>>)[];
}

const folder = join(projectRoot, 'suites/controls');
const validate = compileSchema(join(folder, 'controls.schema.json'));

/** Loads suites/controls/*.yaml. Throws a SpecError with everything that is wrong. */
export async function loadControls(): Promise<readonly Control[]> {
  // Hidden is what an editor keeps beside a file, such as a lock.
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml') && !name.startsWith('.')).sort();
  const problems: SpecProblem[] = [];
  const controls: Control[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const parsed = parseSpec(relative(projectRoot, path), await readFile(path, 'utf8'));
    const found = [...parsed.problems, ...validateAgainst(validate(), parsed)];
    problems.push(...found);
    if (found.length === 0) controls.push(...toControls(parsed));
  }
  problems.push(...duplicates(controls));
  if (problems.length > 0) throw new SpecError(problems);
  return controls;
}

/** Which requirements lack a control, and which controls name no requirement. `tested`: what tests verify. */
export function checkControls(
  controls: readonly Control[],
  requirements: RequirementSet,
  tested: ReadonlySet<string>,
): readonly SpecProblem[] {
  const controlled = new Set(controls.map((control) => control.requirement));
  const missing = requirements.requirements
    .filter(({ id, verification }) => tested.has(id) || (id.startsWith('AEM-') && verification === 'test'))
    .filter(({ id }) => !controlled.has(id))
    .map((requirement): SpecProblem => ({
      file: requirement.file,
      line: requirement.line,
      message: `${requirement.id} has no negative control`,
      expected: 'a seeded fault in suites/controls that its tests catch',
    }));
  const dangling = controls.flatMap((control) =>
    [control.requirement, ...control.alsoFails.map((other) => other.requirement)]
      .filter((id) => !requirements.byId.has(id))
      .map((id): SpecProblem => ({
        file: control.source,
        line: control.line,
        message: `a control names ${id}, which is no requirement`,
      })),
  );
  return [...missing, ...dangling];
}

function toControls(parsed: ParsedFile): readonly Control[] {
  const { controls } = parsed.content as ControlsFile;
  return controls.map((control, index) => ({
    ...control,
    alsoFails: control.alsoFails ?? [],
    source: parsed.file,
    line: parsed.locate(['controls', index]).line,
  }));
}

function duplicates(controls: readonly Control[]): readonly SpecProblem[] {
  const first = new Map<string, Control>();
  const problems: SpecProblem[] = [];
  for (const control of controls) {
    const earlier = first.get(control.requirement);
    if (earlier === undefined) {
      first.set(control.requirement, control);
      continue;
    }
    problems.push({
      file: control.source,
      line: control.line,
      message: `${control.requirement} has two controls`,
      seen: `the other at ${earlier.source}:${earlier.line}`,
    });
  }
  return problems;
}
