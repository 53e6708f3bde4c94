// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestFiles, digestFolders, listFiles } from '../../lib/digest.ts';
import { projectRoot } from '../../lib/paths.ts';
import type { RunInfo } from '../../reporters/results.ts';

/** All that verdicts can depend on; the packages are as the lock file says. */
const folders = ['cli', 'kernel', 'lib', 'modules', 'reporters', 'specs', 'suites'];
const files = ['package.json', 'package-lock.json', 'vitest.config.ts'];

/** Which suite this is, as results.json and a bundle tell it. `root`: the project's, or a copy of it. */
export async function describeSuite(root = projectRoot): Promise<RunInfo['suite'] & Required<Pick<RunInfo['suite'], 'files'>>> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const content = { files: { sha256: await digestSuite(root) } };
  const git = async (...args: readonly string[]): Promise<string> => (await promisify(execFile)('git', ['-C', root, ...args])).stdout.trim();
  try {
    // Of what lies about beside the suite, such as a certification, nothing depends; a file that git ignores may be a test.
    const changes = await git('status', '--porcelain', '--ignored', '--', ...folders, ...files);
    return { version, revision: await git('rev-parse', 'HEAD'), dirty: changes !== '', ...content };
  } catch {
    // No git, or no repository: the files themselves say which suite it is.
    const parts = ['kernel', 'modules', 'specs', 'suites'];
    return { version, revision: await digestFolders(root, parts), dirty: false, ...content };
  }
}

/** The same in every checkout of a revision, and other after any change: a test that git does not know is one, too. */
async function digestSuite(root: string): Promise<string> {
  const found = await Promise.all(folders.map(async (folder) => (await listFiles(join(root, folder))).map((file) => join(folder, file))));
  return digestFiles(root, [...files, ...found.flat()]);
}
