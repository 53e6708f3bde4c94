// SPDX-License-Identifier: GPL-2.0-only
import { appendFile, copyFile, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../lib/errors.ts';
import { projectRoot } from '../../lib/paths.ts';
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

const seedFolder = join(projectRoot, 'suites/controls/seed');

/**
 * Seeds all faults into a copy of the project's modules/ folder, in place:
 * `tree` is the folder that has modules/ in it. Kernel modules get aem_faulty()
 * from aem-core; user-mode code is compiled with the options of userFaultFlags().
 */
export async function seedTree(tree: string, controls: readonly Control[]): Promise<void> {
  for (const file of seededFiles(controls)) {
    const path = join(tree, file);
    await writeFile(path, seedFaults(file, await readFile(path, 'utf8'), controls));
  }
  const modules = join(tree, 'modules');
  await copyFile(join(seedFolder, 'aem-fault.h'), join(modules, 'include/aem-fault.h'));
  await copyFile(join(seedFolder, 'fault.c'), join(modules, 'aem-core/fault.c'));
  for (const name of await readdir(modules)) {
    if (!name.startsWith('aem-')) continue;
    const include = 'ccflags-y += -include $(src)/../include/aem-fault.h\n';
    const object = name === 'aem-core' ? 'aem-core-y += fault.o\n' : '';
    await appendFile(join(modules, name, 'Kbuild'), include + object);
  }
}

/** Compiler options for seeded user-mode sources; `tree` as for seedTree(). */
export function userFaultFlags(tree: string): readonly string[] {
  return ['-include', join(tree, 'modules/include/aem-fault.h')];
}
