// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { captureOutput } from '../../lib/testing/captured-output.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { register } from './kernel.ts';

let kernels = '';
let printed: ReturnType<typeof captureOutput>;
beforeEach(async () => {
  const cache = await temporaryFolder();
  vi.stubEnv('XDG_CACHE_HOME', cache);
  kernels = join(cache, 'aemcert/kernels');
  printed = captureOutput();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

async function clean(...options: string[]): Promise<void> {
  const program = new Command('aemcert').exitOverride();
  register(program);
  await program.parseAsync(['node', 'aemcert', 'kernel', 'clean', ...options]);
}

/** A file of an entry, used so many days ago. */
async function used(file: string, days: number): Promise<void> {
  const path = join(kernels, file);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, 'text');
  const then = new Date(Date.now() - days * 24 * 3600 * 1000);
  await utimes(path, then, then);
  await utimes(join(path, '..'), then, then);
}

test('--unused-for keeps what was used since, an interrupted build included', async () => {
  await used('old/complete', 20);
  await used('new/complete', 1);
  await used('broken-off.partial/build.log', 1);
  await used('given-up.partial/build.log', 20);

  await clean('--unused-for', '14');

  const left = (await readdir(kernels)).filter((name) => !name.endsWith('.lock'));
  expect(left.sort()).toEqual(['broken-off.partial', 'new']);
  expect(printed.text()).toContain('freed');
});

test('without a limit all goes', async () => {
  await used('new/complete', 0);
  await used('broken-off.partial/build.log', 0);

  await clean();

  expect(await readdir(kernels)).toEqual([]);
});

test('--kernel-version takes the kernels of that version alone', async () => {
  const record = (version: string): string =>
    JSON.stringify({ release: `${version}.1-aem`, inputs: { version, source: { name: `linux-source-${version}` } } });
  for (const version of ['6.1', '6.12']) {
    await used(`of-${version}/complete`, 1);
    await writeFile(join(kernels, `of-${version}/build.json`), record(version));
  }
  await used('broken-off.partial/build.log', 1);

  await clean('--kernel-version', '6.1');

  const left = (await readdir(kernels)).filter((name) => !name.endsWith('.lock'));
  expect(left.sort()).toEqual(['broken-off.partial', 'of-6.12']);
  expect(printed.text()).toContain('removed 6.1.1-aem (linux-source-6.1)');
});
