// SPDX-License-Identifier: GPL-2.0-only
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * As mkdir -p. Node's own `recursive` never ends where the kernel answers ENOENT for a parent that is there
 * (/proc). Something that is there and is no folder is no error here: opening a file in it will say so.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}
