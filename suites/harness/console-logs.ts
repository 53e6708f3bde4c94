// SPDX-License-Identifier: GPL-2.0-only
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Empty files NAME-1.log and so on, one for each guest's console; those of an earlier run are removed. Returns their paths. */
export async function makeConsoleLogs(folder: string, name: string, guests: number): Promise<readonly string[]> {
  const old = new RegExp(`^${name}(-\\d+)?\\.log$`);
  for (const file of await readdir(folder)) {
    if (old.test(file)) await rm(join(folder, file));
  }
  const paths = Array.from({ length: guests }, (_, guest) => join(folder, `${name}-${guest + 1}.log`));
  await Promise.all(paths.map((path) => writeFile(path, '')));
  return paths;
}
