// SPDX-License-Identifier: GPL-2.0-only
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../lib/errors.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { addedFiles, applySeries, parseRejects, parseSeries, readSeries, type Patch } from './series.ts';

const original = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', ''].join('\n');
const diff = [
  '--- a/numbers',
  '+++ b/numbers',
  '@@ -2,5 +2,5 @@',
  ' two',
  ' three',
  '-four',
  '+FOUR',
  ' five',
  ' six',
  '',
].join('\n');

describe('the series file', () => {
  test('names patches in their order, with comments and strip levels as quilt has them', () => {
    const text = '# ours\n0001-a.patch\n\n0002-b.patch -p0 # why\n';

    expect(parseSeries(text, 'series')).toEqual([
      { name: '0001-a.patch', strip: 1 },
      { name: '0002-b.patch', strip: 0 },
    ]);
  });

  test('an option that is not known is an error with its line', () => {
    expect(() => parseSeries('a.patch\nb.patch -R\n', 'series')).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ where: 'series:2', seen: '-R' }) }),
    );
  });

  test('a patch stands in it once', () => {
    expect(() => parseSeries('a.patch\na.patch\n', 'series')).toThrow(InputError);
  });

  test('a patch that is not there is an error that names it', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'series'), 'absent.patch\n');

    await expect(readSeries(folder)).rejects.toMatchObject({ details: { seen: 'absent.patch' } });
  });

  test('a version without a series is an error', async () => {
    await expect(readSeries(await temporaryFolder())).rejects.toThrow('there is no patch series');
  });
});

describe('what patch(1) says of rejects', () => {
  test('each hunk, with its file', () => {
    const output = [
      'patching file kernel/fork.c',
      'Hunk #1 succeeded at 12 (offset 3 lines).',
      'patching file kernel/signal.c',
      'Hunk #2 FAILED at 2808.',
      'Hunk #3 FAILED at 3091.',
      '2 out of 4 hunks FAILED -- saving rejects to file kernel/signal.c.rej',
    ];

    expect(parseRejects(output)).toEqual([
      { why: 'does not fit', file: 'kernel/signal.c', hunk: 2, line: 2808 },
      { why: 'does not fit', file: 'kernel/signal.c', hunk: 3, line: 3091 },
    ]);
  });

  test('a file that is not in the tree', () => {
    const output = [
      "can't find file to patch at input line 5",
      'Perhaps you used the wrong -p or --strip option?',
      'The text leading up to this was:',
      '--------------------------',
      '|--- a/kernel/gone.c',
      '|+++ b/kernel/gone.c',
      '--------------------------',
      'No file to patch.  Skipping patch.',
    ];

    expect(parseRejects(output)).toEqual([{ why: 'no such file', file: 'kernel/gone.c' }]);
  });
});

describe('applying', () => {
  async function tree(numbers: string): Promise<{ tree: string; patch: Patch }> {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'numbers'), numbers);
    await writeFile(join(folder, 'p.patch'), diff);
    return { tree: folder, patch: { name: 'p.patch', strip: 1, digest: '', path: join(folder, 'p.patch') } };
  }

  test('a patch that fits', async () => {
    const { tree: folder, patch } = await tree(original);

    await applySeries(folder, [patch], 'a source', {});

    expect(await readFile(join(folder, 'numbers'), 'utf8')).toBe(original.replace('four', 'FOUR'));
  });

  test('an offset is fine: the point release moves', async () => {
    const { tree: folder, patch } = await tree(`zero\nzero\n${original}`);

    await applySeries(folder, [patch], 'a source', {});

    expect(await readFile(join(folder, 'numbers'), 'utf8')).toContain('FOUR');
  });

  test('fuzz is not: the error names patch, file and hunk, and shows the hunk', async () => {
    const { tree: folder, patch } = await tree(original.replace('two', 'TWO'));

    const error = await applySeries(folder, [patch], 'linux 1.2.3', {}).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(InputError);
    const { message, details } = error as InputError;
    expect(message).toBe('the patch p.patch does not apply');
    expect(details.expected).toContain('linux 1.2.3');
    expect(details.seen).toContain('numbers: hunk 1 at line 2 does not fit');
    expect(details.seen).toContain('+FOUR');
  });

  test('a patch that is in the source already is refused', async () => {
    const { tree: folder, patch } = await tree(original.replace('four', 'FOUR'));

    await expect(applySeries(folder, [patch], 'a source', {})).rejects.toMatchObject({
      message: 'the patch p.patch does not apply',
      details: { seen: expect.stringContaining('numbers: already applied') },
    });
  });
});

test('the files that a patch adds', () => {
  const added = ['--- /dev/null', '+++ b/kernel/new.c\t2026-01-01', '@@ -0,0 +1 @@', '+int x;', ''];
  const header = ['--- /dev/null', '+++ b/include/linux/new.h', '@@ -0,0 +1 @@', '+int y;', ''];
  const text = [diff, ...added, ...header].join('\n');

  expect(addedFiles(text, 1)).toEqual(['kernel/new.c', 'include/linux/new.h']);
  expect(addedFiles(diff, 1)).toEqual([]);
});
