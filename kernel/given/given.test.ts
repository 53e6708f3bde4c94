// SPDX-License-Identifier: GPL-2.0-only
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { prepareGiven } from './given.ts';
import { bareImage } from './testing/image.ts';

test('what is booted is a copy: the user’s file may change meanwhile', async () => {
  const kernel = join(await temporaryFolder(), 'vmlinuz');
  await writeFile(kernel, bareImage());

  const { image, source } = await prepareGiven({ kernel }, { scratch: await temporaryFolder() });
  await writeFile(kernel, 'another');

  expect(image).not.toBe(kernel);
  expect(await readFile(image)).toEqual(bareImage());
  expect(source).toMatch(/^vmlinuz sha256:[0-9a-f]{12}$/);
});

test('an image that is not there: one line', async () => {
  const preparing = prepareGiven({ kernel: '/nowhere/vmlinuz' }, { scratch: await temporaryFolder() });

  await expect(preparing).rejects.toMatchObject({ exitStatus: 3, message: 'vmlinuz: the kernel image cannot be read (ENOENT)' });
});
