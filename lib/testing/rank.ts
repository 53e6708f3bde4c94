// SPDX-License-Identifier: GPL-2.0-only
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths.ts';

/**
 * Of a test file its place among those that begin first, of any other the place after the last.
 *
 * @param first - Their paths in the project.
 * @throws Error where one of them is not there.
 */
export function rankAmong(first: readonly string[]): (file: { readonly moduleId: string }) => number {
  for (const path of first) {
    if (!existsSync(join(projectRoot, path))) throw new Error(`${path} is to begin first, and is not there: rename it in the list too, or take it out.`);
  }
  return ({ moduleId }) => {
    const place = first.findIndex((path) => moduleId.endsWith(`/${path}`));
    return place < 0 ? first.length : place;
  };
}
