// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { finalPath, type Instrumented } from '../../kernel/build/instrumented.ts';
import type { Target } from '../../kernel/target/target.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import { formatRanges } from '../../reporters/ranges.ts';
import type { CountedFile, LinesByFile } from '../../reporters/results.ts';
import { parseGcov, runGcov } from './gcov.ts';

/** Where the kernel has the counters, at the path that each object was built at. */
const counterRoot = '/sys/kernel/debug/gcov';

/**
 * Prints the counters: a line `> path`, then base64. What a test has set going, such as the
 * freeing of what its processes had, is given time to run.
 */
const readScript = `sleep 0.1; find ${counterRoot} -name '*.gcda' | while read -r path; do
echo "> $path"; base64 "$path" || exit 1; done`;

/** The files in which lines are counted, from what the compiler noted. */
export async function countedFiles({ notes, sources }: Instrumented): Promise<readonly CountedFile[]> {
  const counted = parseGcov(await runGcov(notes), sources);
  if (counted.size === 0) {
    throw new InfrastructureError('gcov names no source file of AEM', {
      expected: `files below ${sources.map(({ folder }) => folder).join(', ')}`,
      seen: `none in ${notes.length} objects`,
    });
  }
  return Promise.all(
    [...counted].map(async ([path, { instrumented, functions, source }]) => ({
      path,
      instrumented: formatRanges(instrumented),
      functions,
      source: await readFile(source, 'utf8'),
    })),
  );
}

/** The lines that ran since the last resetLines(), or since the target booted. */
export async function readLines(target: Target, { notes, sources }: Instrumented): Promise<LinesByFile> {
  const { status, stdout, stderr } = await target.exec(['sh', '-c', readScript]);
  if (status !== 0) throw new InfrastructureError('the counters cannot be read', { seen: stderr });
  const counted = parseGcov(await runGcov(notes, parseCounters(stdout)), sources);
  return Object.fromEntries(
    [...counted].flatMap(([path, { reached }]) => (reached.size === 0 ? [] : [[path, formatRanges(reached)]])),
  );
}

/** From now on only what runs from now on counts. */
export function resetLines(target: Target): Promise<void> {
  return target.writeFile(`${counterRoot}/reset`, '1');
}

/** What readScript prints: the counters by the path of their object's .gcno on this machine. */
export function parseCounters(output: string): ReadonlyMap<string, Uint8Array> {
  const counters = new Map<string, Uint8Array>();
  for (const part of `\n${output}`.split('\n> ').slice(1)) {
    const end = part.indexOf('\n');
    const path = part.slice(counterRoot.length, end);
    counters.set(finalPath(path).replace(/\.gcda$/, '.gcno'), Buffer.from(part.slice(end), 'base64'));
  }
  return counters;
}
