// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { parseGcov, runGcov } from './gcov.ts';
import { parseCounters } from './lines.ts';

const sources = [
  { folder: '/cache/kernels/k/tree', prefix: 'linux/', only: ['kernel/aem.c', 'include/linux/aem.h'] },
  { folder: '/cache/units/aem-core-1', prefix: '' },
  { folder: '/cache/units/aem-pexit-1', prefix: '' },
];

interface File {
  readonly file: string;
  /** Counts by line. */
  readonly counts: Readonly<Record<number, number>>;
  readonly functions?: readonly [string, number, number][];
}

function gcovLine(cwd: string, ...files: readonly File[]): string {
  return JSON.stringify({
    format_version: '1',
    gcc_version: '12.2.0',
    current_working_directory: cwd,
    data_file: 'o.gcno',
    files: files.map(({ file, counts, functions = [] }) => ({
      file,
      lines: Object.entries(counts).map(([line, count]) => ({
        line_number: Number(line),
        count,
        function_name: 'f',
        unexecuted_block: false,
        branches: [],
      })),
      functions: functions.map(([name, start_line, end_line]) => ({ name, start_line, end_line, execution_count: 0 })),
    })),
  });
}

const tree = '/cache/kernels/k.partial/tree';

describe('what gcov prints', () => {
  test('is kept for the files of AEM, at their final place', () => {
    const text = [
      gcovLine(
        tree,
        { file: 'kernel/aem.c', counts: { 10: 1, 11: 0 }, functions: [['aem_go', 9, 12]] },
        { file: './include/linux/list.h', counts: { 3: 7 } },
      ),
      gcovLine(tree, { file: '/cache/units/aem-core-1.partial/modules/aem-core/main.c', counts: { 5: 2 } }),
      '',
    ].join('\n');

    const counted = parseGcov(text, sources);

    expect([...counted.keys()]).toEqual(['linux/kernel/aem.c', 'modules/aem-core/main.c']);
    expect(counted.get('linux/kernel/aem.c')).toEqual({
      instrumented: new Set([10, 11]),
      reached: new Set([10]),
      functions: [{ name: 'aem_go', first: 9, last: 12 }],
      source: '/cache/kernels/k/tree/kernel/aem.c',
    });
  });

  test('a header that several objects include is one file: what any of them ran is reached', () => {
    const header = 'modules/aem-core/../include/aem-kernel.h';
    const text = [
      gcovLine(tree, {
        file: `/cache/units/aem-core-1.partial/${header}`,
        counts: { 20: 1, 21: 0 },
        functions: [['aem_inline', 19, 22]],
      }),
      gcovLine(tree, {
        file: '/cache/units/aem-pexit-1.partial/modules/include/aem-kernel.h',
        counts: { 21: 4, 30: 0 },
        functions: [
          ['aem_inline', 19, 22],
          ['aem_inline.part.0', 20, 21],
        ],
      }),
    ].join('\n');

    const counted = parseGcov(text, sources).get('modules/include/aem-kernel.h');

    expect(counted?.instrumented).toEqual(new Set([20, 21, 30]));
    expect(counted?.reached).toEqual(new Set([20, 21]));
    expect(counted?.functions).toEqual([{ name: 'aem_inline', first: 19, last: 22 }]);
  });

  test('of another format is refused', () => {
    const text = gcovLine(tree).replace('"format_version":"1"', '"format_version":"2"');
    expect(() => parseGcov(text, sources)).toThrow('gcov speaks another format');
  });
});

test('gcov itself: objects of the same name, one of which ran', async () => {
  const folder = await temporaryFolder();
  const run = (...argv: readonly [string, ...string[]]) => promisify(execFile)(argv[0], argv.slice(1), { cwd: folder });
  await writeFile(join(folder, 'main.c'), 'int f(int);\nint main(void)\n{\n\treturn f(1) - 2;\n}\n');
  await writeFile(join(folder, 'f.c'), 'int f(int x)\n{\n\tif (x > 5)\n\t\treturn 1;\n\treturn 2;\n}\n');
  await run('gcc', '--coverage', '-c', 'main.c', 'f.c');
  await run('gcc', '--coverage', 'main.o', 'f.o', '-o', 'main');
  await run('./main');
  const notes = ['main.gcno', 'f.gcno'].map((name) => join(folder, name));
  const here = [{ folder, prefix: '' }];

  const never = parseGcov(await runGcov(notes), here);
  const counters = new Map([[notes[1] ?? '', await readFile(join(folder, 'f.gcda'))]]);
  const once = parseGcov(await runGcov(notes, counters), here);

  expect(never.get('f.c')).toMatchObject({ instrumented: new Set([1, 3, 4, 5]), reached: new Set() });
  expect(once.get('f.c')?.reached).toEqual(new Set([1, 3, 5]));
  expect(once.get('main.c')?.reached).toEqual(new Set());
});

test('the counters as the guest prints them', () => {
  const root = '/sys/kernel/debug/gcov/cache';
  const long = Buffer.alloc(100, 'x');
  const output = [
    `> ${root}/kernels/k.partial/tree/kernel/aem.gcda`,
    'YWVt',
    `> ${root}/units/aem-core-1.partial/modules/aem-core/main.gcda`,
    ...(long.toString('base64').match(/.{1,76}/g) ?? []),
    '',
  ].join('\n');

  const counters = parseCounters(output);

  expect([...counters]).toEqual([
    ['/cache/kernels/k/tree/kernel/aem.gcno', Buffer.from('aem')],
    ['/cache/units/aem-core-1/modules/aem-core/main.gcno', long],
  ]);
  expect(parseCounters('').size).toBe(0);
});
