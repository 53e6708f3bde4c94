// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../../lib/paths.ts';
import { tryCommand } from '../../lib/run-command.ts';

export interface DebianPackage {
  readonly name: string;
  /** Why aemcert needs it. */
  readonly reason: string;
}

/** Parses a list such as debian-packages.txt: a name a line, its reason after a `#`. */
export function parsePackages(text: string): readonly DebianPackage[] {
  return text.split('\n').flatMap((line): readonly DebianPackage[] => {
    const [, name, reason] = /^\s*([a-z0-9][a-z0-9.+-]+)\s*(?:#\s*(.*))?$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, reason: reason ?? '' }];
  });
}

/** The packages that `aemcert` needs to run. */
export async function neededPackages(): Promise<readonly DebianPackage[]> {
  return parsePackages(await readFile(join(projectRoot, 'cli/setup/debian-packages.txt'), 'utf8'));
}

/** The installed version of each package; undefined where it is not installed. */
export async function installedVersions(
  packages: readonly DebianPackage[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const versions = new Map<string, string | undefined>(packages.map(({ name }) => [name, undefined]));
  await tryCommand(
    ['dpkg-query', '-W', '-f=${binary:Package} ${db:Status-Status} ${Version}\\n', ...versions.keys()],
    {
      onLine: (line) => {
        const [name = '', status, version] = line.split(' ');
        const bare = name.replace(/:.*/, '');
        if (status === 'installed' && versions.has(bare)) versions.set(bare, version);
      },
    },
  );
  return versions;
}
