// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** sha256 of a text or of bytes, in hex. */
export function digestText(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** sha256 of a JSON value whose keys stand in a fixed order: nothing else of its making counts. */
export function digestValue(value: unknown): string {
  return digestText(JSON.stringify(value, sortKeys));
}

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** sha256 of a file, read as a stream. Throws the signal's reason when aborted. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, signal ? { signal } : {});
  } catch (error) {
    // The pipeline's own error does not say why.
    signal?.throwIfAborted();
    throw error;
  }
  return hash.digest('hex');
}

/**
 * sha256 over the names, the kinds, the execute bits and the contents of files.
 * `files` are paths under `folder`; their order does not matter.
 */
export async function digestFiles(
  folder: string,
  files: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [...files].sort()) {
    signal?.throwIfAborted();
    const path = join(folder, file);
    const stat = await lstat(path);
    if (stat.isSymbolicLink()) {
      hash.update(`l ${file}\0${await readlink(path)}\0`);
    } else {
      const kind = stat.mode & 0o100 ? 'x' : 'f';
      hash.update(`${kind} ${file}\0${digestText(await readFile(path))}\0`);
    }
  }
  return hash.digest('hex');
}

/** digestFiles() of all that is in some folders under `root`. */
export async function digestFolders(root: string, folders: readonly string[]): Promise<string> {
  const files = await Promise.all(
    folders.map(async (folder) => (await listFiles(join(root, folder))).map((file) => join(folder, file))),
  );
  return digestFiles(root, files.flat());
}

/**
 * All files and links under a folder, as paths relative to it, sorted.
 * `wanted` is asked for each name, a folder's included.
 */
export async function listFiles(
  folder: string,
  wanted: (name: string) => boolean = () => true,
): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (relative: string): Promise<void> => {
    for (const entry of await readdir(join(folder, relative), { withFileTypes: true })) {
      if (!wanted(entry.name)) continue;
      const path = join(relative, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile() || entry.isSymbolicLink()) found.push(path);
    }
  };
  await walk('');
  return found.sort();
}
