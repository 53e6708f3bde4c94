// SPDX-License-Identifier: GPL-2.0-only
import { basename, dirname } from 'node:path';

/** Words and digits with hyphens between them. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** The suite of a test file: the folder that it is in. */
export function suiteOf(file: string): string {
  return basename(dirname(file));
}

/** `<suite>/<file without .suite.ts>/<title as slug>` */
export function testId(file: string, title: string): string {
  return `${suiteOf(file)}/${basename(file).replace(/\.suite\.ts$/, '')}/${slug(title)}`;
}
