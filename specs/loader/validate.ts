// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { projectRoot } from '../../lib/paths.ts';
import type { ParsedFile, PathSegment } from './parse.ts';
import type { SpecProblem } from './problem.ts';
import { suggestion } from './suggest.ts';
import type { SpecFile } from './types.ts';

const validator = compileSchema(join(projectRoot, 'specs/schema/requirement.schema.json'));

/** What of the file departs from specs/schema/requirement.schema.json. */
export function validateSpec(parsed: ParsedFile): readonly SpecProblem[] {
  return validateAgainst(validator(), parsed);
}

/** What of a YAML file departs from a schema, each with its place. */
export function validateAgainst(validate: ValidateFunction, parsed: ParsedFile): readonly SpecProblem[] {
  if (validate(parsed.content)) return [];
  return (validate.errors ?? [])
    // Its cause is an error of its own.
    .filter((error) => error.keyword !== 'propertyNames')
    .map((error) => toProblem(parsed, error));
}

/** True when the content has the schema's shape; narrows it. */
export function isSpecFile(content: unknown): content is SpecFile {
  return validator()(content);
}

/** A JSON Schema file (2020-12), which is read and compiled, strictly, when it is first asked for. */
export function compileSchema(path: string): () => ValidateFunction {
  let compiled: ValidateFunction | undefined;
  return () => {
    // verbose: the errors carry the schema and the value that they are about.
    const ajv = new Ajv2020({ allErrors: true, strict: true, verbose: true });
    compiled ??= ajv.compile(JSON.parse(readFileSync(path, 'utf8')) as object);
    return compiled;
  };
}

function toProblem(parsed: ParsedFile, error: ErrorObject): SpecProblem {
  const path = toPath(error.instancePath, parsed.content);
  const params = error.params as Readonly<Record<string, unknown>>;
  const where = nameOf(path);

  if (error.keyword === 'additionalProperties') {
    const key = String(params['additionalProperty']);
    const known = Object.keys((error.parentSchema?.['properties'] ?? {}) as object);
    return {
      file: parsed.file,
      ...parsed.locateKey(path, key),
      message: `unknown key in ${where}`,
      expected: oneOf(known),
      seen: key,
      ...suggestion(key, known),
    };
  }
  if (error.keyword === 'required') {
    return {
      file: parsed.file,
      ...parsed.locate(path),
      message: `a key is missing in ${where}`,
      expected: `the key ${String(params['missingProperty'])}`,
      seen: Object.keys(error.data as object).join(', ') || 'no key',
    };
  }
  if (error.propertyName !== undefined) {
    return {
      file: parsed.file,
      ...parsed.locateKey(path, error.propertyName),
      message: `a wrong name in ${where}`,
      expected: describe(error),
      seen: error.propertyName,
    };
  }
  return {
    file: parsed.file,
    ...parsed.locate(path),
    message: `a wrong value of ${where}`,
    expected: describe(error),
    seen: show(error.data),
    ...hintFor(error),
  };
}

/** What the schema wanted, in words. */
function describe(error: ErrorObject): string {
  const params = error.params as Readonly<Record<string, unknown>>;
  if (error.keyword === 'enum') return oneOf(params['allowedValues'] as readonly string[]);
  if (error.keyword === 'uniqueItems') return 'each item once';
  if (error.keyword === 'type' && error.schema === 'string') return 'text';
  const description: unknown = error.parentSchema?.['description'];
  if (typeof description === 'string') return description;
  return error.message ?? error.keyword;
}

function hintFor(error: ErrorObject): { readonly hint?: string } {
  if (error.keyword === 'enum' && typeof error.data === 'string') {
    return suggestion(error.data, error.schema as readonly string[]);
  }
  const wantsText = error.keyword === 'type' && error.schema === 'string';
  const isPlain = ['number', 'boolean'].includes(typeof error.data);
  return wantsText && isPlain ? { hint: `quote it: '${String(error.data)}'` } : {};
}

/** A JSON pointer as the keys and indexes that it names in `content`. */
function toPath(pointer: string, content: unknown): readonly PathSegment[] {
  let value = content;
  return pointer.split('/').slice(1).map((part) => {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const isIndex = Array.isArray(value);
    value = (value as Readonly<Record<string, unknown>>)[key];
    return isIndex ? Number(key) : key;
  });
}

/** `the file`, `requirements[2]` or `requirements[2].source.part`. */
function nameOf(path: readonly PathSegment[]): string {
  if (path.length === 0) return 'the file';
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
