// SPDX-License-Identifier: GPL-2.0-only
import { formatRanges, parseRanges } from '../ranges.ts';
import type { CountedFile, LineCoverage, LinesByFile, RequirementResult, Results } from '../results.ts';

/** Which lines of AEM the tests reach. A line is reached when it ran, whatever the verdict of the test. */
export interface LineReport {
  readonly total: LineCounts;
  readonly files: readonly FileLines[];
  /** In the order of the results; without those that no test verifies. */
  readonly requirements: readonly RequirementLines[];
  /** Tests that were run and whose counters could not be read: what they reached is not here. */
  readonly unread: readonly string[];
}

export interface LineCounts {
  readonly instrumented: number;
  /** While booting, or by any test. */
  readonly reached: number;
  /** Of these, by no test: only while booting and loading the modules. */
  readonly bootOnly: number;
}

export interface FileLines extends LineCounts {
  readonly path: string;
  readonly unreached: readonly UnreachedLines[];
  /** The ranges reached only while booting and loading. */
  readonly bootLines: string;
}

/** The lines of a function that nothing reached. */
export interface UnreachedLines {
  /** Absent outside of functions. */
  readonly function?: string;
  /** False when no line of the function was reached. */
  readonly entered: boolean;
  readonly lines: readonly { readonly line: number; readonly text: string }[];
}

export interface RequirementLines {
  readonly id: string;
  readonly title: string;
  /** How many lines its tests reached; without own tests, those of its children. */
  readonly reached: number;
  /** Of these, how many no other test reached. */
  readonly alone: number;
  readonly lines: LinesByFile;
}

/** Undefined when the run counted no lines. */
export function lineReport(results: Results): LineReport | undefined {
  const { lines: coverage } = results;
  if (coverage === undefined) return undefined;
  const byTests = countTests(Object.values(coverage.tests));
  const files = coverage.files.map((file) => fileLines(file, coverage.boot, byTests));
  const sum = (name: keyof LineCounts): number => files.reduce((count, file) => count + file[name], 0);
  return {
    total: { instrumented: sum('instrumented'), reached: sum('reached'), bootOnly: sum('bootOnly') },
    files,
    requirements: requirementLines(results, coverage, byTests),
    unread: results.tests
      .filter(({ id, startedAt }) => startedAt !== undefined && coverage.tests[id] === undefined)
      .map(({ id }) => id),
  };
}

/** `85.3 %`; never 100 % when a line is missing. */
export function percentage({ reached, instrumented }: LineCounts): string {
  if (instrumented === 0) return '–';
  return `${(Math.floor((reached / instrumented) * 1000) / 10).toFixed(1)} %`;
}

function fileLines(file: CountedFile, boot: LinesByFile, tests: TestCounts): FileLines {
  const { path } = file;
  const instrumented = parseRanges(file.instrumented);
  const byTests = tests.get(path) ?? new Map<number, number>();
  const byBoot = new Set(parseRanges(boot[path] ?? ''));
  const bootOnly = instrumented.filter((line) => byBoot.has(line) && !byTests.has(line));
  const unreached = instrumented.filter((line) => !byBoot.has(line) && !byTests.has(line));
  return {
    path,
    instrumented: instrumented.length,
    reached: instrumented.length - unreached.length,
    bootOnly: bootOnly.length,
    unreached: byFunction(file, instrumented, unreached),
    bootLines: formatRanges(bootOnly),
  };
}

function byFunction(
  { functions, source }: CountedFile,
  instrumented: readonly number[],
  unreached: readonly number[],
): readonly UnreachedLines[] {
  const texts = source.split('\n');
  const groups = new Map<CountedFile['functions'][number] | undefined, number[]>();
  for (const line of unreached) {
    const around = functions.find(({ first, last }) => first <= line && line <= last);
    groups.set(around, [...(groups.get(around) ?? []), line]);
  }
  return [...groups].map(([around, lines]): UnreachedLines => ({
    ...(around === undefined ? {} : { function: around.name }),
    entered:
      around === undefined ||
      instrumented.some((line) => around.first <= line && line <= around.last && !unreached.includes(line)),
    lines: lines.map((line) => ({ line, text: texts[line - 1] ?? '' })),
  }));
}

function requirementLines(
  { requirements }: Results,
  { files, tests }: LineCoverage,
  all: TestCounts,
): readonly RequirementLines[] {
  const byId = new Map(requirements.map((requirement) => [requirement.id, requirement]));
  return requirements.flatMap((requirement) => {
    const own = testsOf(requirement, byId);
    if (own.size === 0) return [];
    const reached = countTests([...own].map((id) => tests[id] ?? {}));
    const counted = files.flatMap(({ path }) => [...(reached.get(path) ?? [])].map(([line, count]) => ({ path, line, count })));
    return [
      {
        id: requirement.id,
        title: requirement.title,
        reached: counted.length,
        alone: counted.filter(({ path, line, count }) => all.get(path)?.get(line) === count).length,
        lines: Object.fromEntries(
          files.flatMap(({ path }) => {
            const lines = reached.get(path);
            return lines === undefined ? [] : [[path, formatRanges(lines.keys())]];
          }),
        ),
      },
    ];
  });
}

/** By file and line, how many tests reached it; without those that none did. */
type TestCounts = ReadonlyMap<string, ReadonlyMap<number, number>>;

function countTests(tests: readonly LinesByFile[]): TestCounts {
  const counts = new Map<string, Map<number, number>>();
  for (const [path, ranges] of tests.flatMap((lines) => Object.entries(lines))) {
    if (ranges === '') continue;
    const inFile = counts.get(path) ?? new Map<number, number>();
    counts.set(path, inFile);
    for (const line of parseRanges(ranges)) inFile.set(line, (inFile.get(line) ?? 0) + 1);
  }
  return counts;
}

/** The tests that a requirement's verdict is made from: its own, else its children's. */
function testsOf(
  requirement: RequirementResult,
  byId: ReadonlyMap<string, RequirementResult>,
  above: readonly string[] = [],
): ReadonlySet<string> {
  if (requirement.tests.length > 0 || above.includes(requirement.id)) return new Set(requirement.tests);
  const children = requirement.children.flatMap((id) => byId.get(id) ?? []);
  return new Set(children.flatMap((child) => [...testsOf(child, byId, [...above, requirement.id])]));
}
