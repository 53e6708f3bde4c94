// SPDX-License-Identifier: GPL-2.0-only
import { spawn } from 'node:child_process';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InfrastructureError } from './errors.ts';

/** A lock on a file, held until release() or this process's end, however it ends. */
export interface Lock {
  /**
   * The locked descriptor. A child that inherits it keeps the lock until it ends too:
   * see CommandOptions.holds.
   */
  readonly fd: number;
  release(): Promise<void>;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock, with its pid as far as known. */
  readonly onWait?: (pid: number | undefined) => void;
}

/**
 * Takes the lock, waiting for whoever holds it. flock(1) locks the open file that it
 * shares with this process; the kernel drops the lock when the last of its users has
 * closed it, so neither a crash nor a kill leaves one behind.
 *
 * Throws the signal's reason when aborted, an InfrastructureError when locking fails.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    const handle = await open(path, 'a+');
    try {
      if (!(await flock(handle, ['--nonblock'], options.signal))) {
        options.onWait?.(await readPid(path));
        await flock(handle, [], options.signal);
      }
      if (await isStill(handle, path)) return await own(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}

/** Takes the lock if it is free; undefined when it is not. */
export async function tryLock(path: string): Promise<Lock | undefined> {
  const handle = await open(path, 'a+');
  if ((await flock(handle, ['--nonblock'])) && (await isStill(handle, path))) return await own(handle);
  await handle.close();
  return undefined;
}

async function own(handle: FileHandle): Promise<Lock> {
  await handle.truncate();
  await handle.write(`${process.pid}\n`);
  return { fd: handle.fd, release: () => handle.close() };
}

/** False when somebody has removed the file: then the lock on it protects nothing. */
async function isStill(handle: FileHandle, path: string): Promise<boolean> {
  const named = await stat(path).catch(() => undefined);
  return named !== undefined && named.ino === (await handle.stat()).ino;
}

async function readPid(path: string): Promise<number | undefined> {
  const handle = await open(path, 'r');
  try {
    const pid = Number.parseInt(await handle.readFile('utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } finally {
    await handle.close();
  }
}

/** True when locked, false when --nonblock met a holder. */
function flock(handle: FileHandle, flags: readonly string[], signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['--exclusive', ...flags, '3'], {
      stdio: ['ignore', 'ignore', 'pipe', handle.fd],
      ...(signal === undefined ? {} : { signal }),
    });
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.on('error', (error) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else
        reject(
          new InfrastructureError('flock cannot be started', { seen: error.message, hint: 'aemcert doctor' }),
        );
    });
    child.on('close', (status) => {
      if (status === 0) resolve(true);
      else if (status === 1 && flags.includes('--nonblock') && complaint === '') resolve(false);
      else reject(new InfrastructureError(`flock ended with status ${status}`, { seen: complaint.trim() }));
    });
  });
}
