// SPDX-License-Identifier: GPL-2.0-only
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../../lib/errors.ts';
import { projectRoot } from '../../lib/paths.ts';
import { checkSpecs } from './check.ts';
import { fingerprint } from './fingerprint.ts';
import { parseSpec } from './parse.ts';
import type { ParsedFile } from './parse.ts';
import { SpecError } from './problem.ts';
import type { SpecProblem } from './problem.ts';
import { suggestion } from './suggest.ts';
import type { Requirement, RequirementEntry, RequirementSet } from './types.ts';
import { isSpecFile, validateSpec } from './validate.ts';

/** The folder of the suite's own requirements. */
export const specsFolder = path.join(projectRoot, 'specs');

/**
 * Loads every .yaml file below `folder`, except hidden ones.
 * Throws SpecError with all that is wrong in them, InputError when there is
 * nothing to load, or a file cannot be read.
 */
export async function loadRequirements(folder: string = specsFolder): Promise<RequirementSet> {
  const found = await findFiles(folder);
  const names = found.filter((name) => name.endsWith('.yaml'));
  const files = await Promise.all(names.map(async (name) => parseSpec(displayName(name), await readSpec(name))));

  const problems = [
    ...found.filter((name) => !names.includes(name)).map(misnamed),
    ...files.flatMap((file) => file.problems),
    ...files.filter((file) => !file.broken).flatMap(validateSpec),
    ...checkSpecs(files),
  ];
  if (problems.length > 0) throw new SpecError(problems);
  return assemble(files);
}

/** The requirement with the id, or an InputError that names the nearest id. */
export function findRequirement(set: RequirementSet, id: string): Requirement {
  const found = set.byId.get(id);
  if (found !== undefined) return found;
  const retiredAt = set.retired.get(id);
  throw new InputError(`there is no requirement ${id}`, {
    ...(retiredAt === undefined ? {} : { seen: `an id that is retired, at ${retiredAt}` }),
    hint: 'aemcert specs list tells all ids',
    ...suggestion(id, set.byId.keys()),
  });
}

/** The figure `name` of the requirement, in the unit its file gives; throws InputError when it has none. */
export function limitOf(set: RequirementSet, id: string, name: string): number {
  const requirement = findRequirement(set, id);
  const limit = requirement.limits[name];
  if (limit !== undefined) return limit.value;
  const names = Object.keys(requirement.limits);
  throw new InputError(`${id} has no limit ${name}`, {
    where: `${requirement.file}:${requirement.line}`,
    expected: names.length === 0 ? 'a limits entry' : `one of ${names.join(', ')}`,
    seen: name,
  });
}

async function readSpec(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new InputError('a file of requirements cannot be read', {
      where: displayName(file),
      seen: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  });
}

function misnamed(file: string): SpecProblem {
  return {
    file: displayName(file),
    message: 'a file of requirements has another name',
    expected: 'one that ends in .yaml',
  };
}

/** Those that end in .yml too: what they say would be left out in silence. */
async function findFiles(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new InputError('the folder of requirements cannot be read', { where: folder, cause });
  });
  // Hidden is what an editor keeps beside a file, such as a lock.
  const names = found.filter((name) => /\.ya?ml$/.test(name) && !/(^|\/)\./.test(name));
  if (names.length === 0) {
    throw new InputError('there are no requirements', {
      where: folder,
      expected: 'files that end in .yaml',
      seen: 'none',
    });
  }
  // By code unit, not by locale: the order must be the same everywhere.
  return names.sort().map((name) => path.join(folder, name));
}

/** From the project's root; a file outside keeps its full name. */
function displayName(file: string): string {
  const relative = path.relative(projectRoot, path.resolve(file));
  return relative.startsWith('..') ? path.resolve(file) : relative;
}

function assemble(files: readonly ParsedFile[]): RequirementSet {
  const placed = files.flatMap((file) => {
    const content = file.content;
    if (!isSpecFile(content)) return [];
    return content.requirements.map((entry, index) => ({
      entry,
      module: entry.module ?? content.document.module,
      file: file.file,
      line: file.locate(['requirements', index]).line,
    }));
  });
  const active = placed.filter(({ entry }) => entry.status !== 'retired');
  const children = childrenOf(active.map(({ entry }) => entry));

  const requirements = active.map(({ entry, module, file, line }): Requirement => {
    const { status: _status, ...content } = entry;
    const own = children.get(entry.id) ?? [];
    return {
      ...content,
      limits: entry.limits ?? {},
      mandatory: entry.mandatory ?? (own.length === 0 && entry.verification === 'test'),
      module,
      children: own,
      fingerprint: fingerprint(entry),
      file,
      line,
    };
  });
  const retired = placed.filter(({ entry }) => entry.status === 'retired');
  return {
    requirements,
    byId: new Map(requirements.map((requirement) => [requirement.id, requirement])),
    retired: new Map(retired.map(({ entry, file, line }) => [entry.id, `${file}:${line}`])),
    files: files.map((file) => file.file),
  };
}

function childrenOf(entries: readonly RequirementEntry[]): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>();
  for (const { id, parents } of entries) {
    for (const parent of parents) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [id]);
      else known.push(id);
    }
  }
  return children;
}
