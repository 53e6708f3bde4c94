// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diskUsage, formatBytes, freeSpace, needSpace } from './disk-space.ts';
import { InfrastructureError } from './errors.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

test('bytes are told in decimal units', () => {
  expect([0, 999, 1000, 9_960, 51_000_000, 1_830_000_000].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '10.0 kB',
    '51 MB',
    '1.8 GB',
  ]);
});

test('free space is that of the nearest folder that exists', async () => {
  const folder = await temporaryFolder();

  expect(await freeSpace(join(folder, 'not/yet/there'))).toBeGreaterThan(0);
});

test('too little space is an error that tells how much is needed', async () => {
  const folder = await temporaryFolder();
  const error: unknown = await needSpace(folder, 1e18, 'a test').catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(InfrastructureError);
  expect((error as InfrastructureError).details).toMatchObject({
    where: folder,
    expected: '1000000 TB free',
  });
});

test('usage is that of all files below', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'a'));
  await writeFile(join(folder, 'a/b'), Buffer.alloc(100_000, 1));

  expect(await diskUsage(folder)).toBeGreaterThanOrEqual(100_000);
  expect(await diskUsage(join(folder, 'absent'))).toBe(0);
});
