// SPDX-License-Identifier: GPL-2.0-only
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InfrastructureError } from './errors.ts';
import { tryLock, type Lock } from './lock.ts';
import { checkWritable } from './make-folder.ts';

/**
 * Keeps other processes from writing the results of the same command into a folder, which is made when
 * missing, until release(), or this process's end.
 *
 * Throws an InfrastructureError when it cannot be written to, or another process has it.
 */
export async function claimFolder(out: string, command: string): Promise<Pick<Lock, 'release'>> {
  await checkWritable(out);
  const path = join(out, `.${command}.lock`);
  const lock = await tryLock(path);
  if (lock === undefined) {
    throw new InfrastructureError(`another \`aemcert ${command}\` writes its results there now`, {
      where: out,
      hint: 'wait for its end, or choose another folder with --out',
    });
  }
  return {
    release: async () => {
      // While it is held: a name without its lock would be another's.
      await rm(path, { force: true });
      await lock.release();
    },
  };
}
