// SPDX-License-Identifier: GPL-2.0-only
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { acquireLock, tryLock } from './lock.ts';
import { projectRoot } from './paths.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

let holder = '';
beforeAll(async () => {
  holder = join(await mkdtemp(join(tmpdir(), 'aemcert-holder-')), 'hold-lock.mjs');
  const entry = join(projectRoot, 'lib/testing/hold-lock.ts');
  await build({ entryPoints: [entry], outfile: holder, bundle: true, platform: 'node', format: 'esm' });
});
afterAll(() => rm(dirname(holder), { recursive: true, force: true }));

interface Holder {
  readonly child: ChildProcess;
  readonly nextLine: () => Promise<string>;
}

function hold(path: string): Holder {
  const child = spawn(process.execPath, [holder, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, nextLine: async () => String((await lines.next()).value) };
}

test('a second process waits, knows for whom, and goes on when the first ends', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const first = hold(path);
  expect(await first.nextLine()).toBe('locked');

  const second = hold(path);
  expect(await second.nextLine()).toBe(`waits for ${first.child.pid ?? 0}`);

  first.child.stdin?.end();
  expect(await second.nextLine()).toBe('locked');
});

test('a process that is killed leaves no lock behind', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const first = hold(path);
  expect(await first.nextLine()).toBe('locked');
  expect(await tryLock(path)).toBeUndefined();

  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  const lock = await tryLock(path);
  expect(lock).toBeDefined();
  await lock?.release();
});

test('two askers in one process exclude each other too', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const lock = await acquireLock(path);
  expect(await tryLock(path)).toBeUndefined();

  await lock.release();

  await (await acquireLock(path)).release();
});

test('waiting ends when it is aborted', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const lock = await acquireLock(path);
  const controller = new AbortController();

  const waiting = acquireLock(path, {
    signal: controller.signal,
    onWait: (pid) => {
      expect(pid).toBe(process.pid);
      controller.abort(new Error('enough'));
    },
  });

  await expect(waiting).rejects.toThrow('enough');
  await lock.release();
});

test('a lock file that was removed meanwhile protects nothing, so the new one is taken', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const lock = await acquireLock(path);
  let waits: () => void = () => undefined;
  const waited = new Promise<void>((resolve) => (waits = resolve));
  const second = acquireLock(path, { onWait: waits });
  await waited;

  await rm(path);
  await lock.release();

  const taken = await second;
  expect(await tryLock(path)).toBeUndefined();
  await taken.release();
});
