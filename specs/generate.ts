// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../lib/errors.ts';
import { specsFolder } from './loader/index.ts';
import type { RequirementSet } from './loader/index.ts';

/** The file that has the ids as a type. */
export const idTypeFile = path.join(specsFolder, 'generated', 'ids.ts');

/** specs/generated/ids.ts for these requirements: every id, and the union of them. */
export function renderIdType({ requirements }: RequirementSet): string {
  return [
    '// SPDX-License-Identifier: GPL-2.0-only',
    '// Made by "aemcert specs generate" from specs/**/*.yaml. Do not edit.',
    '',
    'export const requirementIds = [',
    ...requirements.map(({ id }) => `  '${id}',`),
    '] as const;',
    '',
    'export type RequirementId = (typeof requirementIds)[number];',
    '',
  ].join('\n');
}

/** Writes the file where it differs. Returns whether it did. */
export async function writeIdType(set: RequirementSet, file: string = idTypeFile): Promise<boolean> {
  const text = renderIdType(set);
  if ((await readIfThere(file)) === text) return false;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
  return true;
}

/** Throws InputError when the file is not what writeIdType() would write. */
export async function checkIdType(set: RequirementSet, file: string = idTypeFile): Promise<void> {
  const text = await readIfThere(file);
  if (text === renderIdType(set)) return;
  throw new InputError('the type of the ids is not that of the requirements', {
    where: path.relative(process.cwd(), file),
    expected: `the ${set.requirements.length} ids of the requirement files`,
    seen: text === undefined ? 'no such file' : describeDifference(set, text),
    hint: 'aemcert specs generate',
  });
}

function describeDifference({ requirements }: RequirementSet, text: string): string {
  const wanted = new Set(requirements.map(({ id }) => id));
  const there = new Set([...text.matchAll(/^ {2}'(.*)',$/gm)].map(([, id]) => id ?? ''));
  const missing = [...wanted].filter((id) => !there.has(id)).map((id) => `${id} is missing`);
  const extra = [...there].filter((id) => !wanted.has(id)).map((id) => `${id} is too many`);
  const differences = [...missing, ...extra];
  if (differences.length === 0) return 'another order or form';
  const shown = differences.slice(0, 5).join(', ');
  return differences.length > 5 ? `${shown} and ${differences.length - 5} more` : shown;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
