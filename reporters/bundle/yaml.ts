// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { InputError } from '../../lib/errors.ts';
import { SpecError } from '../../specs/loader/index.ts';
import { parseSpec, type ParsedFile } from '../../specs/loader/parse.ts';
import { validateAgainst } from '../../specs/loader/validate.ts';

/** Parses YAML and holds it against a schema. @throws SpecError with all that is wrong, in `what` */
export function parseYaml(file: string, text: string, schema: ValidateFunction, what: string): ParsedFile {
  const parsed = parseSpec(file, text);
  const problems = parsed.broken ? parsed.problems : [...parsed.problems, ...validateAgainst(schema, parsed)];
  if (problems.length > 0) throw new SpecError(problems, what);
  return parsed;
}

/** Reads a file that the user names. @throws InputError when it cannot be read */
export async function readInput(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    throw new InputError(code === 'ENOENT' ? `there is no such ${what}` : `the ${what} cannot be read (${code})`, { where: path, cause });
  }
}
