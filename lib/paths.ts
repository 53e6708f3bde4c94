// SPDX-License-Identifier: GPL-2.0-only
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The project's own folder, absolute, without a slash at its end. Every path of a file that is
 * read at run time begins with it: once bundled, no other module knows where its source was.
 */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/**
 * Where built kernels and modules are kept: `$XDG_CACHE_HOME/aemcert`, else `~/.cache/aemcert`.
 * A relative XDG_CACHE_HOME is ignored, as the XDG specification demands.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_CACHE_HOME'];
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.cache');
  return join(base, 'aemcert');
}
