// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { outputsIntact, recordOutputs } from './outputs.ts';

async function built(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'out'));
  await writeFile(join(folder, 'a.ko'), 'a module');
  await writeFile(join(folder, 'out/agent'), 'a program', { mode: 0o755 });
  await writeFile(join(folder, 'a.c'), 'a source');
  await recordOutputs(folder);
  return folder;
}

test('what was built is whole, whatever becomes of its sources', async () => {
  const folder = await built();
  await rm(join(folder, 'a.c'));

  expect(await outputsIntact(folder)).toBe(true);
});

test.each(['a.ko', 'out/agent'])('a truncated %s is seen, and one that is gone', async (file) => {
  const folder = await built();
  await truncate(join(folder, file), 4);
  expect(await outputsIntact(folder)).toBe(false);

  await rm(join(folder, file));
  expect(await outputsIntact(folder)).toBe(false);
});

test('a folder without a record is not trusted', async () => {
  expect(await outputsIntact(await temporaryFolder())).toBe(false);
});
