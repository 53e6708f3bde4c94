// SPDX-License-Identifier: GPL-2.0-only
import type { ParsedFile, PathSegment, Position } from './parse.ts';
import type { SpecProblem } from './problem.ts';
import { suggestion } from './suggest.ts';

/** What the checks across files look at; read even from a file of the wrong shape. */
interface Entry {
  readonly file: string;
  readonly id: string;
  readonly idAt: Position;
  readonly parents: readonly { readonly id: string; readonly at: Position }[];
  readonly retired: boolean;
}

/**
 * What the schema cannot say: ids that occur twice, parents that do not exist
 * or are retired, cycles, sources that are not in the file's references, and
 * statements without exactly one "shall".
 */
export function checkSpecs(files: readonly ParsedFile[]): readonly SpecProblem[] {
  const entries = files.flatMap(entriesOf);
  return [
    ...files.flatMap(checkStatements),
    ...files.flatMap(checkSources),
    ...checkDuplicates(entries),
    // With a file that cannot be read, nobody knows which ids are missing.
    ...(files.some((file) => file.broken) ? [] : checkParents(entries)),
    ...checkCycles(entries),
  ];
}

function entriesOf(file: ParsedFile): readonly Entry[] {
  return requirementsOf(file).flatMap(({ value, path }) => {
    if (typeof value['id'] !== 'string') return [];
    const parents = Array.isArray(value['parents']) ? (value['parents'] as readonly unknown[]) : [];
    return [
      {
        file: file.file,
        id: value['id'],
        idAt: file.locate([...path, 'id']),
        parents: parents.flatMap((parent, index) =>
          typeof parent === 'string' ? [{ id: parent, at: file.locate([...path, 'parents', index]) }] : [],
        ),
        retired: value['status'] === 'retired',
      },
    ];
  });
}

function checkStatements(file: ParsedFile): readonly SpecProblem[] {
  return requirementsOf(file).flatMap(({ value, path }) => {
    const statement = value['statement'];
    if (typeof statement !== 'string') return [];
    const count = statement.match(/\bshall\b/gi)?.length ?? 0;
    if (count === 1) return [];
    return [
      {
        file: file.file,
        ...file.locate([...path, 'statement']),
        message: `the statement of ${label(value)} is not one requirement`,
        expected: 'exactly one "shall"',
        seen: count === 0 ? 'none' : `${count} of them`,
        ...(count > 1 ? { hint: 'split it into one requirement for each "shall"' } : {}),
      },
    ];
  });
}

function checkSources(file: ParsedFile): readonly SpecProblem[] {
  const head = isObject(file.content) ? file.content['document'] : undefined;
  const references = isObject(head) && isObject(head['references']) ? Object.keys(head['references']) : [];
  if (references.length === 0) return [];
  return requirementsOf(file).flatMap(({ value, path }) => {
    const source = isObject(value['source']) ? value['source']['document'] : undefined;
    if (typeof source !== 'string' || references.includes(source)) return [];
    return [
      {
        file: file.file,
        ...file.locate([...path, 'source', 'document']),
        message: `the source of ${label(value)} is not in the file's references`,
        expected: `one of ${references.join(', ')}`,
        seen: source,
        ...suggestion(source, references),
      },
    ];
  });
}

function checkDuplicates(entries: readonly Entry[]): readonly SpecProblem[] {
  const first = new Map<string, Entry>();
  return entries.flatMap((entry): readonly SpecProblem[] => {
    const earlier = first.get(entry.id);
    if (earlier === undefined) {
      first.set(entry.id, entry);
      return [];
    }
    const retired = earlier.retired || entry.retired;
    return [
      {
        file: entry.file,
        ...entry.idAt,
        message: `the id ${entry.id} is ${retired ? 'retired and used again' : 'used twice'}`,
        expected: 'an id that was never used',
        seen: `${entry.id}, also at ${place(earlier)}`,
      },
    ];
  });
}

function checkParents(entries: readonly Entry[]): readonly SpecProblem[] {
  const active = new Map(entries.filter((entry) => !entry.retired).map((entry) => [entry.id, entry]));
  const retired = new Map(entries.filter((entry) => entry.retired).map((entry) => [entry.id, entry]));
  return entries.filter((entry) => !entry.retired).flatMap((entry) =>
    entry.parents.filter((parent) => !active.has(parent.id)).map((parent): SpecProblem => {
      const gone = retired.get(parent.id);
      return {
        file: entry.file,
        ...parent.at,
        message: `a parent of ${entry.id} ${gone === undefined ? 'does not exist' : 'is retired'}`,
        expected: 'the id of a requirement',
        seen: gone === undefined ? parent.id : `${parent.id}, retired at ${place(gone)}`,
        ...(gone === undefined ? suggestion(parent.id, active.keys()) : {}),
      };
    }),
  );
}

/** One problem a cycle, at the parent that closes it. */
function checkCycles(entries: readonly Entry[]): readonly SpecProblem[] {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const done = new Set<string>();
  const problems: SpecProblem[] = [];

  const visit = (entry: Entry, trail: readonly string[]): void => {
    if (done.has(entry.id)) return;
    const here = [...trail, entry.id];
    for (const parent of entry.parents) {
      const start = here.indexOf(parent.id);
      const next = byId.get(parent.id);
      if (start >= 0) {
        problems.push({
          file: entry.file,
          ...parent.at,
          message: 'requirements are their own ancestors',
          expected: 'parents without a cycle',
          seen: [...here.slice(start), parent.id].join(' -> '),
        });
      } else if (next !== undefined) {
        visit(next, here);
      }
    }
    done.add(entry.id);
  };
  for (const entry of entries) visit(entry, []);
  return problems;
}

interface LooseRequirement {
  readonly value: Readonly<Record<string, unknown>>;
  readonly path: readonly PathSegment[];
}

function requirementsOf(file: ParsedFile): readonly LooseRequirement[] {
  const list = isObject(file.content) ? file.content['requirements'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((value: unknown, index) =>
    isObject(value) ? [{ value, path: ['requirements', index] }] : [],
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function label(value: Readonly<Record<string, unknown>>): string {
  return typeof value['id'] === 'string' ? value['id'] : 'a requirement without id';
}

function place(entry: Entry): string {
  return `${entry.file}:${entry.idAt.line}:${entry.idAt.column}`;
}
