// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../lib/errors.ts';
import { digestText } from '../../lib/digest.ts';
import { tryCommand, type CommandOptions } from '../../lib/run-command.ts';

/** A patch of a quilt series. */
export interface Patch {
  readonly name: string;
  /** How many leading folders to strip from its file names. */
  readonly strip: number;
  /** sha256 of its text. */
  readonly digest: string;
  /** Absolute. */
  readonly path: string;
}

/** One hunk, or one file of a patch, that was refused. */
export interface Reject {
  readonly why: 'does not fit' | 'no such file' | 'already applied';
  /** Path in the tree; undefined when patch(1) did not tell. */
  readonly file: string | undefined;
  /** Its number in that file's part of the patch, from 1; absent when the whole file is concerned. */
  readonly hunk?: number;
  /** The line it was expected at. */
  readonly line?: number;
}

/** Parses a quilt series file. `where`: its name, for errors. Throws an InputError with the line. */
export function parseSeries(
  text: string,
  where: string,
): readonly { readonly name: string; readonly strip: number }[] {
  const patches: { name: string; strip: number }[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = raw.replace(/(^|\s)#.*$/, '').trim();
    if (line === '') return;
    const [name = '', ...options] = line.split(/\s+/);
    const strip = options.length === 0 ? '1' : /^-p([0-9])$/.exec(options.join(' '))?.[1];
    if (strip === undefined) {
      throw new InputError('an option of a patch is not known', {
        where: `${where}:${index + 1}`,
        expected: '-p and a digit, or nothing',
        seen: options.join(' '),
      });
    }
    if (patches.some((patch) => patch.name === name)) {
      throw new InputError('a patch stands in the series twice', {
        where: `${where}:${index + 1}`,
        seen: name,
      });
    }
    patches.push({ name, strip: Number(strip) });
  });
  return patches;
}

/** Reads a series and its patches. Throws an InputError for what is missing. */
export async function readSeries(folder: string): Promise<readonly Patch[]> {
  const series = join(folder, 'series');
  const text = await readFile(series, 'utf8').catch((cause: unknown) => {
    throw new InputError('there is no patch series for this kernel version', { where: series, cause });
  });
  return Promise.all(
    parseSeries(text, series).map(async ({ name, strip }) => {
      const path = join(folder, name);
      const content = await readFile(path).catch((cause: unknown) => {
        throw new InputError('the series names a patch that is not there', {
          where: series,
          seen: name,
          cause,
        });
      });
      return { name, strip, path, digest: digestText(content) };
    }),
  );
}

/** The files that a patch adds to the tree, from its text; paths in the tree. */
export function addedFiles(text: string, strip: number): readonly string[] {
  return [...text.matchAll(/^--- \/dev\/null\n\+\+\+ (\S+)(?:\t.*)?$/gm)].map(([, path = '']) =>
    path.split('/').slice(strip).join('/'),
  );
}

/** The hunks that patch(1) refused, from what it printed. */
export function parseRejects(output: readonly string[]): readonly Reject[] {
  const rejects: Reject[] = [];
  let file: string | undefined;
  for (const line of output) {
    const named = /^(?:patching|checking) file '?(.+?)'?(?: \(.*\))?$/.exec(line);
    if (named !== null) file = named[1];
    const hunk = /^Hunk #(\d+) FAILED at (\d+)/.exec(line);
    if (hunk !== null)
      rejects.push({ why: 'does not fit', file, hunk: Number(hunk[1]), line: Number(hunk[2]) });
    if (/^can't find file to patch at input line/.test(line)) {
      rejects.push({ why: 'no such file', file: undefined });
    }
    const absent = /^\|\+\+\+ (?:[^/]+\/)?(\S+)/.exec(line);
    const last = rejects.at(-1);
    if (absent !== null && last?.why === 'no such file' && last.file === undefined) {
      rejects[rejects.length - 1] = { ...last, file: absent[1] };
    }
    if (/Reversed \(or previously applied\) patch detected/.test(line)) {
      rejects.push({ why: 'already applied', file });
    }
  }
  return rejects;
}

/**
 * Applies the patches in their order, without fuzz. `apply` is told each name before it is applied.
 *
 * Throws an InputError that names the patch, the file and the hunk, and shows the hunk.
 */
export async function applySeries(
  tree: string,
  patches: readonly Patch[],
  source: string,
  options: CommandOptions & { readonly onPatch?: (patch: Patch, index: number) => void },
): Promise<void> {
  const { onPatch, ...rest } = options;
  for (const [index, patch] of patches.entries()) {
    onPatch?.(patch, index);
    const result = await tryCommand(
      [
        'patch',
        `-p${patch.strip}`,
        '--fuzz=0',
        '--forward',
        '--batch',
        '--no-backup-if-mismatch',
        `--directory=${tree}`,
        `--input=${patch.path}`,
      ],
      rest,
    );
    if (result.status !== 0) throw await rejected(tree, patch, source, result.output);
  }
}

async function rejected(
  tree: string,
  patch: Patch,
  source: string,
  output: readonly string[],
): Promise<InputError> {
  const rejects = parseRejects(output);
  const files = [...new Set(rejects.flatMap(({ file }) => (file === undefined ? [] : [file])))];
  const texts = await Promise.all(
    files.map((file) => readFile(join(tree, `${file}.rej`), 'utf8').catch(() => '')),
  );
  const rejectText = texts.join('').trimEnd().split('\n');
  const shown = rejectText.slice(0, 60).join('\n            ');
  const list = rejects.map(
    ({ why, file = 'an unknown file', hunk, line }) =>
      `${file}: ${hunk === undefined ? why : `hunk ${hunk} at line ${line ?? '?'} ${why}`}`,
  );
  return new InputError(`the patch ${patch.name} does not apply`, {
    where: patch.path,
    expected: `each hunk to fit ${source} without fuzz`,
    seen: [
      `rejected: ${list.length === 0 ? output.slice(-5).join('; ') : list.join('; ')}`,
      ...(shown === '' ? [] : [shown]),
      ...(rejectText.length > 60 ? [`… ${rejectText.length - 60} more lines`] : []),
    ].join('\n            '),
    hint: `refresh ${patch.name} for this source, or build without the series: --unpatched`,
  });
}
