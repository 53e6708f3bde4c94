// SPDX-License-Identifier: GPL-2.0-only
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { checkVersion, parseVersion } from './version.ts';

const makefile = '# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\n';

test('the version is in the head of the top Makefile', () => {
  expect(parseVersion(makefile)).toBe('6.12');
  expect(parseVersion('all:\n')).toBeUndefined();
});

test('a source of the series’ version is accepted', async () => {
  const tree = await temporaryFolder();
  await writeFile(join(tree, 'Makefile'), makefile);

  await checkVersion(tree, '6.12', 'a tree');
});

test('another version is an error that tells both', async () => {
  const tree = await temporaryFolder();
  await writeFile(join(tree, 'Makefile'), makefile);

  await expect(checkVersion(tree, '6.1', 'a tree')).rejects.toThrow(
    'the source is Linux 6.12, the series is for 6.1',
  );
});

test('something else is no kernel source', async () => {
  await expect(checkVersion(await temporaryFolder(), '6.12', 'a tree')).rejects.toThrow(
    'this is no kernel source',
  );
});
