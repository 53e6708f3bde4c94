// SPDX-License-Identifier: GPL-2.0-only
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestFile, listFiles } from '../../lib/digest.ts';

const record = 'outputs.json';

/** What make has left that somebody will use: modules, their exports, libraries, programs. */
async function findOutputs(folder: string): Promise<readonly string[]> {
  const outputs: string[] = [];
  for (const file of await listFiles(folder)) {
    const named = /\.(ko|a|so(\.\d+)*)$|(^|\/)Module\.symvers$/.test(file);
    if (named || (await stat(join(folder, file))).mode & 0o100) outputs.push(file);
  }
  return outputs;
}

/** Notes the digests of what was built in a folder, beside it. */
export async function recordOutputs(folder: string): Promise<void> {
  const digests: Record<string, string> = {};
  for (const file of await findOutputs(folder)) digests[file] = await digestFile(join(folder, file));
  await writeFile(join(folder, record), `${JSON.stringify(digests, null, 1)}\n`);
}

/** Is everything that was built still as it was? */
export async function outputsIntact(folder: string): Promise<boolean> {
  try {
    const digests = JSON.parse(await readFile(join(folder, record), 'utf8')) as Readonly<Record<string, string>>;
    for (const [file, digest] of Object.entries(digests)) {
      if ((await digestFile(join(folder, file))) !== digest) return false;
    }
    return true;
  } catch {
    // No record, or what it names is not there.
    return false;
  }
}
