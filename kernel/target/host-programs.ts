// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { InfrastructureError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';

/** A file of this machine and where it is in the guest: at the same place. */
export interface HostFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * Programs of this machine's /usr/bin, which others have made, with the libraries that they are linked with and the
 * loader. Throws an InfrastructureError that names the packages of those that are not installed.
 *
 * @param programs their names, and the Debian package of each
 */
export async function hostPrograms(programs: Readonly<Record<string, string>>): Promise<readonly HostFile[]> {
  const found = await Promise.all(
    Object.entries(programs).map(async ([name, debianPackage]) => ({ path: `/usr/bin/${name}`, debianPackage, here: await exists(`/usr/bin/${name}`) })),
  );
  const missing = found.filter(({ here }) => !here);
  if (missing.length > 0) {
    throw new InfrastructureError('programs that run in the guest are not installed', {
      expected: missing.map(({ path }) => path).join(', '),
      hint: `apt-get install ${missing.map(({ debianPackage }) => debianPackage).join(' ')}`,
    });
  }
  const linked = await Promise.all(found.map(({ path }) => librariesOf(path)));
  const paths = [...new Set([...found.map(({ path }) => path), ...linked.flat()])].sort();
  return Promise.all(paths.map(async (path) => ({ path, data: await readFile(path) })));
}

/** As the loader finds them; a program that is static has none. */
async function librariesOf(path: string): Promise<readonly string[]> {
  const run = promisify(execFile)('ldd', [path]).catch((cause: unknown) => {
    throw new InfrastructureError('the libraries of a program cannot be told', { where: path, cause });
  });
  return librariesIn((await run).stdout);
}

/** Of what ldd prints. */
export function librariesIn(output: string): readonly string[] {
  return output.split('\n').flatMap((line) => {
    const [, library] = /^\s+(?:\S+ => )?(\/\S+) \(0x/.exec(line) ?? [];
    return library === undefined ? [] : [library];
  });
}
