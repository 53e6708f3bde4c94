// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { acquireLock, tryLock } from './lock.ts';
import { InfrastructureError } from './errors.ts';
import { exists } from './exists.ts';

/** A folder that is being made, under its lock. */
export interface Partial {
  /** Where to make it; it takes its final name when all is done. */
  readonly folder: string;
  /** The lock's descriptor, for commands that write into the folder to hold. */
  readonly lockFd: number;
}

export interface EntryOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: (pid: number | undefined) => void;
  /** Goes on with what an interrupted run has left, instead of removing it first. */
  readonly resume?: boolean;
  /**
   * Is what the folder holds still what was made? Asked of a whole entry before it is used; one that
   * something from outside has damaged is made anew.
   */
  readonly intact?: (folder: string) => Promise<boolean>;
  /** Makes the folder's content. False: unfinished on purpose, keep it for the next run. */
  readonly make: (partial: Partial) => Promise<boolean | void>;
}

const marker = 'complete';

/** Is this folder there as a whole? */
export function isComplete(folder: string): Promise<boolean> {
  return exists(join(folder, marker));
}

/** When an entry was used last, or the making of it went on; undefined when there is neither. */
export async function lastUse(folder: string): Promise<Date | undefined> {
  const partial = `${folder}.partial`;
  // What goes on below shows in what lies on top, such as a log.
  const parts = (await readdir(partial).catch((): string[] => [])).map((name) => join(partial, name));
  const times = await Promise.all([join(folder, marker), partial, ...parts].map(modified));
  return times.reduce((last, time) => (last === undefined || (time !== undefined && time > last) ? time : last));
}

async function modified(path: string): Promise<Date | undefined> {
  return stat(path).then(
    ({ mtime }) => mtime,
    () => undefined,
  );
}

/**
 * Returns once `folder` is there as a whole: made now, made before, or made by another
 * process meanwhile. It is made under the name `<folder>.partial` and renamed at the end, so
 * an interrupted run never leaves something that looks whole. Tells whether it was made now.
 *
 * Throws what make() throws; a full disk as an InfrastructureError.
 */
export async function ensureEntry(folder: string, options: EntryOptions): Promise<boolean> {
  const { signal, onWait, resume = false, make, intact = () => Promise.resolve(true) } = options;
  if (await reuse(folder, intact)) return false;
  const lock = await acquireLock(`${folder}.lock`, { signal, ...(onWait === undefined ? {} : { onWait }) });
  try {
    if (await reuse(folder, intact)) return false;
    const partial = `${folder}.partial`;
    if (!resume) await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    if ((await make({ folder: partial, lockFd: lock.fd })) === false) return false;
    await writeFile(join(partial, marker), '');
    // Without its marker it is no entry: something from outside has damaged it.
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    return true;
  } catch (error) {
    throw explained(error, folder);
  } finally {
    await lock.release();
  }
}

/** The marker's time tells when the entry was used last. */
async function reuse(folder: string, intact: (folder: string) => Promise<boolean>): Promise<boolean> {
  if (!(await isComplete(folder)) || !(await intact(folder))) return false;
  const now = new Date();
  await utimes(join(folder, marker), now, now).catch(() => undefined);
  return true;
}

function explained(error: unknown, folder: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new InfrastructureError('the disk is full', {
    where: folder,
    hint: 'free space there, or set XDG_CACHE_HOME to a folder on another disk',
    cause: error,
  });
}

/**
 * Removes what interrupted runs have left beside `folder`, except what is in use now and
 * `folder`'s own.
 */
export async function removeStalePartials(folder: string): Promise<void> {
  const parent = dirname(folder);
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (!name.endsWith('.partial') || path === `${folder}.partial`) continue;
    await removeEntry(path.slice(0, -'.partial'.length), 'partial');
  }
}

/**
 * Removes an entry and what was left of making it. False when another process makes it now.
 */
export async function removeEntry(folder: string, what: 'all' | 'partial' = 'all'): Promise<boolean> {
  const lock = await tryLock(`${folder}.lock`);
  if (lock === undefined) return false;
  try {
    await rm(`${folder}.partial`, { recursive: true, force: true });
    if (what === 'all') {
      // The marker first: a removal that is interrupted must not leave a whole-looking entry.
      await rm(join(folder, marker), { force: true });
      await rm(folder, { recursive: true, force: true });
      await rm(`${folder}.lock`, { force: true });
    }
    return true;
  } finally {
    await lock.release();
  }
}
