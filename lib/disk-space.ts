// SPDX-License-Identifier: GPL-2.0-only
import { readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InfrastructureError } from './errors.ts';

/** Bytes that an ordinary user may still write where `path` is, or will be. */
export async function freeSpace(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return freeSpace(dirname(path));
  }
}

/** Throws an InfrastructureError unless `bytes` are free where `path` is. `purpose`: what needs them. */
export async function needSpace(path: string, bytes: number, purpose: string): Promise<void> {
  const free = await freeSpace(path);
  if (free >= bytes) return;
  throw new InfrastructureError(`not enough disk space for ${purpose}`, {
    where: path,
    expected: `${formatBytes(bytes)} free`,
    seen: `${formatBytes(free)} free`,
    hint: '`aemcert kernel clean` removes old builds; or set XDG_CACHE_HOME to a folder on another disk',
  });
}

/** Bytes on disk of a file, or of a folder and all that is in it. 0 when it does not exist. */
export async function diskUsage(path: string): Promise<number> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.blocks * 512;
  let total = info.blocks * 512;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory() || entry.isFile()) total += await diskUsage(join(path, entry.name));
  }
  return total;
}

/** `1.8 GB`, `512 MB`: decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
