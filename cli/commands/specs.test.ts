// SPDX-License-Identifier: GPL-2.0-only
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { register } from './specs.ts';

let printed = '';
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function specs(...args: string[]): Promise<void> {
  const program = new Command('aemcert').exitOverride();
  register(program);
  await program.parseAsync(['node', 'aemcert', 'specs', ...args]);
}

test('list has the requirements of a module, one a line', async () => {
  await specs('list', '--module', 'pexit');

  expect(printed).toMatch(/^(AEM-PEXIT-\d+ .*\n)+$/);
});

test('list of a module that there is not ends with 2 and says which was meant', async () => {
  await expect(specs('list', '--module', 'pexitt')).rejects.toMatchObject({
    exitStatus: 2,
    details: { seen: 'pexitt', expected: expect.stringContaining('core'), hint: 'did you mean pexit?' },
  });
  expect(printed).toBe('');
});
