// SPDX-License-Identifier: GPL-2.0-only
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { register } from './bench.ts';

test.each([
  ['core', '--idle', '1,1000,1', 'Each number once'],
  ['core', '--idle', '4294967297', 'At most 100000000'],
  ['core', '--idle', '1,', 'whole number'],
  ['core', '--idle', '0,1', 'whole number'],
  ['core', '--idle', Array.from({ length: 17 }, (_, index) => index + 1).join(','), 'At most 16 numbers'],
  ['sched', '--busy', '0,1,0', 'Each number once'],
  ['sched', '--busy', '65', 'At most 64'],
])('bench %s %s %s is refused before anything is measured', async (what, option, value, message) => {
  let told = '';
  const program = new Command('aemcert').exitOverride().configureOutput({ writeErr: (text) => void (told += text) });
  register(program);

  const parsed = program.parseAsync(['node', 'aemcert', 'bench', what, option, value]);

  await expect(parsed).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  expect(told).toContain(message);
});
