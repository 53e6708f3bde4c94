// SPDX-License-Identifier: GPL-2.0-only
import { copyFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { exists } from '../../lib/exists.ts';
import { InputError } from '../../lib/errors.ts';
import { logFile } from '../../reporters/bundle/logs.ts';
import { configFile, resultsFile } from '../../reporters/bundle/make.ts';
import { departuresFrom } from '../../reporters/bundle/same-suite.ts';
import { conclude } from '../../reporters/conclude.ts';
import { mergeShards, type Shard } from '../../reporters/merge.ts';
import { readResults } from '../../reporters/read.ts';
import type { Results } from '../../reporters/results.ts';
import { removeReports } from '../../reporters/write.ts';
import { suiteAtHand } from '../../suites/harness/run.ts';
import { inClaimedFolder, report } from '../measure.ts';

/** `aemcert merge`: one run of its shards. */
export function register(program: Command): void {
  program
    .command('merge')
    .description('make one run of those of `aemcert run --shard I/N`, with its results, logs and reports')
    .argument('<run...>', 'the folder of each shard, all of them')
    .requiredOption('-o, --out <dir>', 'where the one run goes, such as for `aemcert certify --from`')
    .addHelpText('after', `
Refused are shards of another suite than the one at hand, of different kernels or machines, that were cut off,
are missing, or are there twice.

Exit status: as of \`aemcert run\`: 0 every mandatory requirement passed, 1 not, 2 they do not fit, 3 could not tell.

Example:
  $ aemcert merge shard-1 shard-2 shard-3 --out reports`)
    .action((folders: readonly string[], { out }: { readonly out: string }) => inClaimedFolder(out, 'merge', () => merge(folders, out)));
}

async function merge(folders: readonly string[], out: string): Promise<void> {
  if (folders.some((folder) => resolve(folder) === resolve(out))) throw new InputError('the merged run cannot go into one of its shards', { where: out });
  const shards = await Promise.all(folders.map(async (folder): Promise<Shard> => ({ where: folder, results: await readResults(join(folder, resultsFile)) })));
  const { results, guestsBefore } = mergeShards(shards, ['aemcert', ...process.argv.slice(2)]);
  await checkSuite(results);
  await removeReports(out);
  await clearLogs(out);
  for (const [index, folder] of folders.entries()) await copyLogs(folder, out, guestsBefore[index] ?? 0);
  const [first = ''] = folders;
  await rm(join(out, configFile), { force: true });
  if (await exists(join(first, configFile))) await copyFile(join(first, configFile), join(out, configFile));
  await writeFile(join(out, resultsFile), `${JSON.stringify(results, null, 1)}\n`);
  await report(results, out);
  process.exitCode = conclude(results).exitStatus;
}

/** Together the shards have to be the whole suite, which only the suite knows. */
async function checkSuite(results: Results): Promise<void> {
  const suite = await suiteAtHand();
  if (results.run.suite.files?.sha256 !== suite.files.sha256) {
    throw new InputError('the shards are of another suite than the one at hand', { expected: `a checkout of ${results.run.suite.revision}`, seen: suite.revision });
  }
  const [odd] = departuresFrom(suite, results);
  if (odd !== undefined) throw new InputError('the shards are not the whole suite', { seen: odd });
}

async function clearLogs(out: string): Promise<void> {
  for (const name of await readdir(out)) if (logFile.test(name)) await rm(join(out, name));
}

async function copyLogs(from: string, to: string, before: number): Promise<void> {
  for (const name of await readdir(from)) {
    if (!logFile.test(name)) continue;
    const renamed = name.replace(/\d+/, (guest) => String(Number(guest) + before));
    await copyFile(join(from, name), join(to, renamed));
  }
}
