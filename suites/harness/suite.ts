// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sourceFiles } from '../../kernel/source/source.ts';
import { digestFiles, digestFolders, listFiles } from '../../lib/digest.ts';
import { exists } from '../../lib/exists.ts';
import { projectRoot } from '../../lib/paths.ts';
import type { RunInfo } from '../../reporters/results.ts';

/** All that verdicts can depend on; the packages are as the lock file says. */
const folders = ['cli', 'kernel', 'lib', 'modules', 'reporters', 'specs', 'suites'];
const files = ['package.json', 'package-lock.json'];

/** Which suite this is, as results.json and a bundle tell it. */
export async function describeSuite(): Promise<RunInfo['suite'] & Required<Pick<RunInfo['suite'], 'files'>>> {
  const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  const content = { files: { sha256: await digestSuite() } };
  const git = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', projectRoot, ...args])).stdout.trim();
  try {
    const [revision, changes] = [await git('rev-parse', 'HEAD'), await git('status', '--porcelain')];
    return { version, revision, dirty: changes !== '', ...content };
  } catch {
    // No git, or no repository: the files themselves say which suite it is.
    const parts = ['kernel', 'modules', 'specs', 'suites'];
    return { version, revision: await digestFolders(projectRoot, parts), dirty: false, ...content };
  }
}

/** The same in every checkout of a revision, and other after any change. */
async function digestSuite(): Promise<string> {
  // What git ignores is made here, and no part of the suite.
  const found = (await exists(join(projectRoot, '.git')))
    ? (await sourceFiles(projectRoot)).filter((file) => folders.includes(file.split('/')[0] ?? ''))
    : (await Promise.all(folders.map(async (folder) => (await listFiles(join(projectRoot, folder))).map((file) => join(folder, file))))).flat();
  return digestFiles(projectRoot, [...files, ...found]);
}
