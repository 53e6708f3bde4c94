// SPDX-License-Identifier: GPL-2.0-only
/** The series of all kernel versions are one: the same patches, the same interface to the modules. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../lib/paths.ts';
import { kernelVersions } from './inputs.ts';
import { addedFiles, readSeries } from './series.ts';

interface Text {
  readonly name: string;
  readonly text: string;
  readonly strip: number;
}

async function readPatches(version: string): Promise<readonly Text[]> {
  const patches = await readSeries(join(projectRoot, 'kernel/patches', version));
  return Promise.all(patches.map(async ({ name, path, strip }) => ({ name, strip, text: await readFile(path, 'utf8') })));
}

/** What a patch does to the files that the series adds; what it exports. */
function interfaceOf({ name, text }: Text, added: readonly string[]): readonly string[] {
  const files = text.split(/^(?=diff --git )/m).slice(1);
  const own = files.filter((file) => added.some((path) => file.startsWith(`diff --git a/${path} `)));
  const exported = text.match(/^[+-]EXPORT_SYMBOL.*$/gm) ?? [];
  return [name, ...own.map((file) => file.replace(/^index .*$/m, '')), ...exported];
}

const [newest = '', ...older] = await kernelVersions();

describe.each(older)('the series for %s', (version) => {
  test(`has the patches of that for ${newest}, and they give the modules the same`, async () => {
    const reference = await readPatches(newest);
    const added = reference.flatMap(({ text, strip }) => addedFiles(text, strip));
    expect(added.length).toBeGreaterThan(0);

    const patches = await readPatches(version);

    expect(patches.map((patch) => interfaceOf(patch, added))).toEqual(reference.map((patch) => interfaceOf(patch, added)));
  });
});
