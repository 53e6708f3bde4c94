// SPDX-License-Identifier: GPL-2.0-only
import { access, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { listFiles } from '../../lib/digest.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import { projectRoot } from '../../lib/paths.ts';
import type { GuestBuild, KernelBuild } from './artifacts.ts';
import { addedFiles, readSeries } from './series.ts';

/** What gcov counts in, in a build of the flavour `coverage`; it can be handed to another process. */
export interface Instrumented {
  /** Their .gcno files, which the compiler left beside the objects. */
  readonly notes: readonly string[];
  /** The sources that are AEM's: those below `folder`, only the named ones when there are names. */
  readonly sources: readonly {
    readonly folder: string;
    /** Goes before a file's path below `folder`, in reports. */
    readonly prefix: string;
    readonly only?: readonly string[];
  }[];
}

/** Finds the instrumented objects of a kernel and its modules. */
export async function findInstrumented(kernel: KernelBuild, guest: GuestBuild): Promise<Instrumented> {
  const series = await readSeries(join(projectRoot, 'kernel/patches', kernel.version));
  const texts = await Promise.all(
    series
      .filter(({ name }) => kernel.patches.includes(name))
      .map(async ({ path, strip }) => addedFiles(await readFile(path, 'utf8'), strip)),
  );
  const added = texts.flat();
  const inKernel = added
    .filter((file) => file.endsWith('.c'))
    .map((file) => join(kernel.tree, file.replace(/\.c$/, '.gcno')));
  const folders = guest.modules.map(({ path }) => dirname(path));
  const inModules = await Promise.all(
    folders.map(async (folder) =>
      (await listFiles(folder, (name) => /^[^.].*(?<!\.mod)\.gcno$/.test(name))).map((file) =>
        join(folder, file),
      ),
    ),
  );
  const notes = [...inKernel, ...inModules.flat()];
  await Promise.all(
    notes.map((path) =>
      access(path).catch((cause: unknown) => {
        throw new InfrastructureError('an object was built without gcov', {
          where: path,
          hint: 'aemcert kernel clean, and build it again with --flavour coverage',
          cause,
        });
      }),
    ),
  );
  return {
    notes,
    sources: [
      { folder: kernel.tree, prefix: 'linux/', only: added },
      // unit/modules/name: the paths below the unit are those in the project.
      ...folders.map((folder) => ({ folder: resolve(folder, '../..'), prefix: '' })),
    ],
  };
}

/** An entry of the cache is built under this name and renamed: so the compiler has recorded it. */
export function finalPath(recorded: string): string {
  return recorded.replace('.partial/', '/');
}
