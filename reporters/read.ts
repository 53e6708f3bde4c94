// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { InputError } from '../lib/errors.ts';
import { checkResults, type Problem } from './check.ts';
import type { Results } from './results.ts';
import schema from './schema/results.schema.json' with { type: 'json' };

const shownProblems = 10;

let compiled: ValidateFunction<Results> | undefined;

/** Compiles on first use: most commands never read results. */
function validator(): ValidateFunction<Results> {
  compiled ??= new Ajv2020({ strict: true, allErrors: true }).compile<Results>(schema);
  return compiled;
}

/**
 * Reads results.json and holds it against its schema and its own rules.
 * @throws InputError that names file:pointer of everything wrong, and how to make a good file
 */
export async function readResults(path: string): Promise<Results> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new InputError(
      code === 'ENOENT' ? 'there are no results' : `the results cannot be read (${code})`,
      {
        where: path,
        expected: 'the results.json of a run',
        hint: 'make one with `npx aemcert run`, or name another with --results FILE',
        cause,
      },
    );
  }
  return parseResults(text, path);
}

/** Like readResults, for a text at hand; `where` names it in errors. */
export function parseResults(text: string, where: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError('the results are not JSON', {
      where,
      seen: text.trim() === '' ? 'an empty file' : cause instanceof Error ? cause.message : String(cause),
      hint: 'a run that was cut off while writing leaves such a file: run `npx aemcert run` again',
      cause,
    });
  }
  const validate = validator();
  if (!validate(value)) throw invalid(where, (validate.errors ?? []).map(problemOf));
  const problems = checkResults(value);
  if (problems.length > 0) throw invalid(where, problems);
  return value;
}

function invalid(where: string, problems: readonly Problem[]): InputError {
  const [first, ...rest] = problems.map(({ pointer, message }) => ({ at: `${where}:${pointer}`, message }));
  const lines = rest.slice(0, shownProblems - 1).map(({ at, message }) => `${at}: ${message}`);
  if (rest.length > lines.length) lines.push(`… and ${rest.length - lines.length} more`);
  return new InputError([first?.message ?? 'the results are invalid', ...lines].join('\n'), {
    where: first?.at ?? where,
    hint: 'results.json is written by `npx aemcert run` and not by hand: run it again with this version',
  });
}

function problemOf(error: ErrorObject): Problem {
  const params = error.params as Readonly<Record<string, unknown>>;
  const pointer = error.instancePath === '' ? '/' : error.instancePath;
  switch (error.keyword) {
    case 'additionalProperties':
      return { pointer, message: `has an unknown member "${String(params['additionalProperty'])}"` };
    case 'required':
      return { pointer, message: `lacks its member "${String(params['missingProperty'])}"` };
    case 'enum':
      return { pointer, message: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    case 'const':
      return { pointer, message: `must be ${String(params['allowedValue'])}` };
    default:
      return { pointer, message: error.message ?? error.keyword };
  }
}
