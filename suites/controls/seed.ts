// SPDX-License-Identifier: GPL-2.0-only
import { InputError } from '../../lib/errors.ts';
import type { Control, Edit } from './load.ts';

/**
 * Seeds the faults of all controls into a source file's text. Each fault is
 * guarded by aem_faulty(), so one build holds them all and shows none until
 * it is asked for. `file` is the path from the project's root.
 *
 * Throws an InputError that names the control whose place is not in the text
 * exactly once: the source has changed and the control has to follow.
 */
export function seedFaults(file: string, text: string, controls: readonly Control[]): string {
  let seeded = text;
  for (const control of controls) {
    for (const edit of control.edits) {
      if (edit.file === file) seeded = apply(seeded, edit, control);
    }
  }
  return seeded;
}

/** The source files, from the project's root, into which some control puts a fault. */
export function seededFiles(controls: readonly Control[]): ReadonlySet<string> {
  return new Set(controls.flatMap((control) => control.edits.map((edit) => edit.file)));
}

function apply(text: string, edit: Edit, control: Control): string {
  const guard = `aem_faulty("${control.requirement}")`;
  const added = edit.before ?? edit.after ?? edit.instead ?? '';
  if (!added.includes(guard)) {
    throw new InputError(`the fault of ${control.requirement} is not guarded`, {
      where: `${control.source}:${control.line}`,
      expected: guard,
      seen: added,
    });
  }
  const parts = text.split(edit.at);
  if (parts.length !== 2) {
    throw new InputError(`the fault of ${control.requirement} has no place in ${edit.file}`, {
      where: `${control.source}:${control.line}`,
      expected: `exactly once: ${JSON.stringify(edit.at)}`,
      seen: `${parts.length - 1} times`,
      hint: 'the source has changed: give the control its new place',
    });
  }
  const [head = '', tail = ''] = parts;
  if (edit.before !== undefined) return `${head}${edit.before}${edit.at}${tail}`;
  if (edit.after !== undefined) return `${head}${edit.at}${edit.after}${tail}`;
  return `${head}${edit.instead ?? ''}${tail}`;
}
