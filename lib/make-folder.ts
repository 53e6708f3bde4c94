// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InfrastructureError } from './errors.ts';

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

/** A folder that cannot be written to is better known before a build than after the run. */
export async function checkWritable(out: string): Promise<void> {
  const probe = join(out, `.writable-${process.pid}`);
  try {
    await makeFolder(resolve(out));
    await (await open(probe, 'w')).close();
    await rm(probe);
  } catch (cause) {
    throw new InfrastructureError('the folder for the results cannot be written to', {
      where: out,
      seen: cause instanceof Error ? cause.message : String(cause),
      hint: 'choose another one with --out',
      cause,
    });
  }
}
