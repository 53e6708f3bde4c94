// SPDX-License-Identifier: GPL-2.0-only
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { makeFolder } from '../../lib/make-folder.ts';
import type { SigningKey } from '../attestation/keys.ts';
import { parseResults } from '../read.ts';
import type { Digest, Results } from '../results.ts';
import { logFile } from './logs.ts';
import { configFile, makeBundle, resultsFile } from './make.ts';
import type { BundleFiles } from './manifest.ts';
import type { Product } from './product.ts';
import type { Waiver } from './waivers.ts';

export interface WriteBundleOptions {
  /** The folder of a finished run: results.json, the logs, the kernel's configuration. */
  readonly run: string;
  /** Where the bundle goes: a folder that is not there yet. */
  readonly out: string;
  readonly product: { readonly product: Product; readonly text: string };
  readonly waivers?: { readonly waivers: readonly Waiver[]; readonly text: string } | undefined;
  readonly key: SigningKey;
  /** The suite at hand, as it is now. */
  readonly suite: { readonly files: Digest };
}

/** Makes the bundle of a finished run; it is there as a whole, or not at all. Throws as makeBundle() does. */
export async function writeBundle({ run, out, product, waivers, key, suite }: WriteBundleOptions): Promise<Results> {
  await checkFree(out);
  const resultsText = await readText(join(run, resultsFile));
  const results = parseResults(resultsText, join(run, resultsFile));
  checkSuite(results, suite.files);
  const config = join(run, configFile);
  const files = makeBundle(
    {
      results,
      resultsText,
      product: product.product,
      productText: product.text,
      waivers: waivers?.waivers ?? [],
      ...(waivers === undefined ? {} : { waiversText: waivers.text }),
      ...((await exists(config)) ? { config: await readFile(config) } : {}),
      logs: await readLogs(run),
    },
    key,
  );
  await writeFolder(files, out);
  return results;
}

/** @throws InputError when something is where the bundle is to be */
export async function checkFree(out: string): Promise<void> {
  if (!(await exists(out))) return;
  throw new InputError('there is something where the bundle is to be', { where: out, hint: 'choose another place with --out, or move it away' });
}

/** A bundle of another suite could be verified nowhere: no checkout has what was edited while the run went on. */
function checkSuite({ run: { suite } }: Results, files: Digest): void {
  if (suite.files?.sha256 === files.sha256) return;
  throw new InputError('the run is of another suite than the one at hand', {
    expected: `files sha256 ${files.sha256}`,
    seen: suite.files === undefined ? 'results that do not say which' : `files sha256 ${suite.files.sha256}`,
    hint: `run again, from a checkout in which nothing is edited meanwhile; the results are of ${suite.revision}`,
  });
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('there are no results of a run', { where: path, hint: 'aemcert run, or aemcert certify without --from', cause });
  });
}

async function readLogs(run: string): Promise<BundleFiles> {
  const names = (await readdir(run)).filter((name) => logFile.test(name)).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(run, name))] as const)));
}

async function writeFolder(files: BundleFiles, out: string): Promise<void> {
  const partial = `${resolve(out)}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await makeFolder(dirname(partial));
    await mkdir(partial);
    for (const [name, data] of files) {
      const file = await open(join(partial, name), 'wx', 0o644);
      try {
        await file.writeFile(data);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    await rename(partial, out);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    throw new InfrastructureError('the bundle cannot be written', { where: out, seen: (cause as Error).message, cause });
  }
}
