// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { finalPath, type Instrumented } from '../../kernel/build/instrumented.ts';
import { InfrastructureError } from '../../lib/errors.ts';

/** A function of a source file. */
export interface CountedFunction {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

/** What gcov tells of a source file, all objects that hold code of it together. */
export interface Counted {
  readonly instrumented: ReadonlySet<number>;
  readonly reached: ReadonlySet<number>;
  readonly functions: readonly CountedFunction[];
  /** Where the file is on this machine. */
  readonly source: string;
}

/** The part of gcov's JSON that is used; its man page describes all of it. */
interface Document {
  readonly format_version: string;
  readonly current_working_directory: string;
  readonly files: readonly {
    readonly file: string;
    readonly lines: readonly { readonly line_number: number; readonly count: number }[];
    readonly functions: readonly {
      readonly name: string;
      readonly start_line: number;
      readonly end_line: number;
    }[];
  }[];
}

/**
 * Runs gcov on objects. `counters`: the content of .gcda files by the path of their .gcno; an
 * object without has run nothing.
 */
export async function runGcov(
  notes: readonly string[],
  counters: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aemcert-gcov-'));
  try {
    const inputs = await Promise.all(
      notes.map(async (path, index) => {
        // Objects of different modules may have the same name.
        const place = join(folder, String(index));
        await mkdir(place);
        await symlink(path, join(place, 'o.gcno'));
        const data = counters.get(path);
        if (data !== undefined) await writeFile(join(place, 'o.gcda'), data);
        return join(place, 'o.gcno');
      }),
    );
    const { stdout } = await promisify(execFile)('gcov', ['--json-format', '--stdout', ...inputs], {
      cwd: folder,
      maxBuffer: 1 << 28,
    });
    return stdout;
  } catch (cause) {
    throw new InfrastructureError('gcov does not work', {
      seen: cause instanceof Error ? cause.message : String(cause),
      hint: 'it is a part of gcc, and has to be of the version that built the kernel',
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Reads what gcov printed: one JSON document a line and object. Returns AEM's own files by
 * their path in reports, and leaves out the kernel's headers.
 */
export function parseGcov(text: string, sources: Instrumented['sources']): ReadonlyMap<string, Counted> {
  const found = new Map<string, Counted>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const { format_version: version, current_working_directory: cwd, files } = JSON.parse(line) as Document;
    if (version !== '1') {
      throw new InfrastructureError('gcov speaks another format', {
        expected: 'format_version 1',
        seen: version,
      });
    }
    for (const { file, lines, functions } of files) {
      const source = resolve(finalPath(`${cwd}/`), finalPath(file));
      const path = reportPath(source, sources);
      if (path === undefined) continue;
      const before = found.get(path);
      const numbers = lines.map(({ line_number: number }) => number);
      const ran = lines.filter(({ count }) => count > 0).map(({ line_number: number }) => number);
      found.set(path, {
        instrumented: new Set([...(before?.instrumented ?? []), ...numbers]),
        reached: new Set([...(before?.reached ?? []), ...ran]),
        functions: mergeFunctions(
          before?.functions ?? [],
          functions.map(({ name, start_line: first, end_line: last }) => ({ name, first, last })),
        ),
        source: before?.source ?? source,
      });
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function mergeFunctions(
  known: readonly CountedFunction[],
  more: readonly CountedFunction[],
): readonly CountedFunction[] {
  // An inline function of a header is in several objects; a part that gcc split off has a dot in its name.
  const own = more.filter(
    ({ name, first }) => !name.includes('.') && !known.some((one) => one.name === name && one.first === first),
  );
  return [...known, ...own].sort((a, b) => a.first - b.first);
}

function reportPath(source: string, sources: Instrumented['sources']): string | undefined {
  for (const { folder, prefix, only } of sources) {
    if (!source.startsWith(`${folder}/`)) continue;
    const path = source.slice(folder.length + 1);
    return only === undefined || only.includes(path) ? `${prefix}${path}` : undefined;
  }
  return undefined;
}
