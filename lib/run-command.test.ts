// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { InfrastructureError } from './errors.ts';
import { acquireLock, tryLock } from './lock.ts';
import { buildEnvironment, openLog, runCommand, tryCommand } from './run-command.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

test('stdout and stderr come as lines, in the order they were printed', async () => {
  const lines: string[] = [];

  const result = await tryCommand(
    ['sh', '-c', 'for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 7'],
    {
      onLine: (line) => lines.push(line),
    },
  );

  expect(result.status).toBe(7);
  expect(lines).toEqual(['out 1', 'err 1', 'out 2', 'err 2', 'out 3', 'err 3']);
});

test('its input and its log', async () => {
  const path = join(await temporaryFolder(), 'log');
  const log = openLog(path);

  const { output } = await runCommand(['cat'], { stdin: 'one\ntwo\n', log });
  log.close();

  expect(output).toEqual(['one', 'two']);
  expect(await readFile(path, 'utf8')).toBe('$ cat\none\ntwo\n');
});

test('a status other than 0 is an error with the command, the status and the output', async () => {
  const error: unknown = await runCommand(['sh', '-c', 'echo it broke; exit 3']).catch(
    (thrown: unknown) => thrown,
  );

  expect(error).toBeInstanceOf(InfrastructureError);
  expect((error as InfrastructureError).message).toBe('sh failed with status 3');
  expect((error as InfrastructureError).details.seen).toBe('it broke');
});

test('a full disk is told as such', async () => {
  const failing = runCommand(['sh', '-c', 'echo "cc1: fatal error: x.o: No space left on device"; exit 1']);

  await expect(failing).rejects.toThrow('the disk is full');
});

test('a program that is not there is an error that names it', async () => {
  await expect(tryCommand(['no-such-program-here'])).rejects.toThrow(
    'no-such-program-here cannot be started',
  );
});

test('variables that change what compilers make are kept out', () => {
  const env = buildEnvironment({
    PATH: '/bin',
    CFLAGS: '-O0',
    MAKEFLAGS: '-k',
    CCACHE_DIR: '/c',
    LANG: 'de_DE',
  });

  expect(env).toEqual({ PATH: '/bin', CCACHE_DIR: '/c', LC_ALL: 'C', TZ: 'UTC' });
});

test('an abort ends the command and throws its reason', async () => {
  const controller = new AbortController();

  const running = tryCommand(['sh', '-c', 'echo begun; exec sleep 600'], {
    signal: controller.signal,
    onLine: () => {
      controller.abort(new Error('enough'));
    },
  });

  await expect(running).rejects.toThrow('enough');
});

test('a command that holds a lock keeps it after its starter has released it', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const lock = await acquireLock(path);
  const controller = new AbortController();
  let free: boolean | undefined;

  const running = tryCommand(['sh', '-c', 'echo begun; exec sleep 600'], {
    holds: lock.fd,
    signal: controller.signal,
    onLine: () => {
      void lock
        .release()
        .then(() => tryLock(path))
        .then((taken) => {
          free = taken !== undefined;
          controller.abort(new Error('enough'));
        });
    },
  });

  await expect(running).rejects.toThrow('enough');
  expect(free).toBe(false);
  const lockAgain = await acquireLock(path);
  await lockAgain.release();
});
