// SPDX-License-Identifier: GPL-2.0-only
/**
 * Versions of the packages: other content, another version, and the same for the same, wherever and whenever it is made.
 *
 * First counts what has an order: the kernel's or the library's own version, then aemcert's. What is between two releases of aemcert has none (a
 * count or a date would need git, or differ from one build to the next), so a digest tells those apart: apt sees another version, which may be
 * the lower one. It is no part of the Debian revision: bindeb-pkg makes that the build number in `uname -v`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestValue } from '../../lib/digest.ts';
import { InputError } from '../../lib/errors.ts';
import { projectRoot } from '../../lib/paths.ts';
import type { KernelBuild } from '../build/artifacts.ts';

/** Hexadecimal digits of a digest in a version. */
const digits = 10;

/** Of the image and the headers: by the kernel's key, which stands for source, patches, configuration and compiler. */
export async function imageVersion({ release, version, key }: Pick<KernelBuild, 'release' | 'version' | 'key'>): Promise<string> {
  const [, base = version, candidate] = /^([\d.]*\d)(?:-(rc\d+))?/.exec(release) ?? [];
  // `~`: lower than the release that it is a candidate of.
  return versionOf(candidate === undefined ? base : `${base}~${candidate}`, key);
}

/** Of the modules and the library; `content`: a digest of all that is installed. The kernel that they are for is a part of it. */
export async function aemVersion({ image, content }: { readonly image: string; readonly content: string }): Promise<string> {
  return versionOf(await libraryVersion(), digestValue({ image, content }));
}

async function versionOf(base: string, digest: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { readonly version: string };
  // What comes before a release is lower than it: `-` is the revision's.
  return `${base}+aemcert${version.replaceAll('-', '~')}.${digest.slice(0, digits)}-1`;
}

/** The version that the library has, in its Makefile. */
async function libraryVersion(): Promise<string> {
  const where = join(projectRoot, 'modules/libaem/Makefile');
  const version = /^VERSION := (\S+)$/m.exec(await readFile(where, 'utf8'))?.[1];
  if (version === undefined) throw new InputError('the library has no version', { where, expected: 'VERSION := 1.2.3' });
  return version;
}
