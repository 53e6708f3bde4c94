// SPDX-License-Identifier: GPL-2.0-only
import { Command } from 'commander';
import { beforeEach, expect, test } from 'vitest';
import { captureOutput } from '../../lib/testing/captured-output.ts';
import { register } from './specs.ts';

let printed: ReturnType<typeof captureOutput>;
beforeEach(() => {
  printed = captureOutput();
});

async function specs(...args: string[]): Promise<void> {
  const program = new Command('aemcert').exitOverride();
  register(program);
  await program.parseAsync(['node', 'aemcert', 'specs', ...args]);
}

test('list has the requirements of a module, one a line', async () => {
  await specs('list', '--module', 'pexit');

  expect(printed.text()).toMatch(/^(AEM-PEXIT-\d+ .*\n)+$/);
});

test('list of a module that there is not ends with 2 and says which was meant', async () => {
  await expect(specs('list', '--module', 'pexitt')).rejects.toMatchObject({
    exitStatus: 2,
    details: { seen: 'pexitt', expected: expect.stringContaining('core'), hint: 'did you mean pexit?' },
  });
  expect(printed.text()).toBe('');
});
