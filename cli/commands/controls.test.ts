// SPDX-License-Identifier: GPL-2.0-only
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { register } from './controls.ts';

vi.mock('../../suites/harness/controls.ts', async (original) => ({
  ...(await original<typeof import('../../suites/harness/controls.ts')>()),
  runControls: () => Promise.reject(new Error('the controls could not be run')),
}));

async function controls(...options: string[]): Promise<void> {
  const program = new Command('aemcert').exitOverride().configureOutput({ writeErr: () => undefined });
  register(program);
  await program.parseAsync(['node', 'aemcert', 'controls', ...options]);
}

test('what a run before has left is not taken for the outcome of one that failed', async () => {
  const out = await temporaryFolder();
  await writeFile(join(out, 'controls.json'), '[]');

  await expect(controls('--out', out)).rejects.toThrow('could not be run');

  expect(await readdir(out)).toEqual([]);
});

test.each(['', ' ', '-1', '1.5', 'some'])('--others %j is refused', async (value) => {
  await expect(controls('--others', value)).rejects.toMatchObject({ code: 'commander.invalidArgument' });
});
