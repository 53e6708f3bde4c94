// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../lib/errors.ts';

/**
 * `6.12` out of the head of a kernel's top Makefile; undefined when it is no such file.
 */
export function parseVersion(makefile: string): string | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}\\s*=\\s*(\\d+)\\s*$`, 'm').exec(makefile)?.[1];
  const version = field('VERSION');
  const patchlevel = field('PATCHLEVEL');
  return version === undefined || patchlevel === undefined ? undefined : `${version}.${patchlevel}`;
}

/** Throws an InputError unless the tree is a kernel of this version (`6.12`). `source`: what to call it. */
export async function checkVersion(tree: string, version: string, source: string): Promise<void> {
  const makefile = await readFile(join(tree, 'Makefile'), 'utf8').catch(() => '');
  const seen = parseVersion(makefile);
  if (seen === version) return;
  if (seen === undefined) {
    throw new InputError('this is no kernel source', {
      where: source,
      expected: 'a top Makefile with VERSION and PATCHLEVEL',
      seen: makefile === '' ? 'no Makefile' : 'a Makefile without them',
      hint: '--source takes the top folder of a kernel tree, or a tarball of one',
    });
  }
  throw new InputError(`the source is Linux ${seen}, the series is for ${version}`, {
    where: source,
    expected: `Linux ${version}`,
    seen: `Linux ${seen}`,
    hint: `choose the series with --kernel-version, if kernel/patches has one for ${seen}`,
  });
}
