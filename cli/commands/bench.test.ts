// SPDX-License-Identifier: GPL-2.0-only
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { register } from './bench.ts';

test.each([
  ['1,1000,1', 'Each number once'],
  ['4294967297', 'At most 100000000'],
  ['1,', 'whole number'],
  [Array.from({ length: 17 }, (_, index) => index + 1).join(','), 'At most 16 numbers'],
])('--idle %s is refused before anything is measured', async (value, message) => {
  let told = '';
  const program = new Command('aemcert').exitOverride().configureOutput({ writeErr: (text) => void (told += text) });
  register(program);

  const parsed = program.parseAsync(['node', 'aemcert', 'bench', 'core', '--idle', value]);

  await expect(parsed).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  expect(told).toContain(message);
});
