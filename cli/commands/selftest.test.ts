// SPDX-License-Identifier: GPL-2.0-only
import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { register } from './selftest.ts';

const ran = vi.hoisted(() => [] as (readonly string[])[]);
vi.mock('../steps.ts', async (original) => ({
  ...(await original<typeof import('../steps.ts')>()),
  runTool: (_: string, args: readonly string[]) => {
    ran.push(args);
    return Promise.resolve(true);
  },
}));

async function selftest(...args: string[]): Promise<void> {
  const program = new Command('aemcert').exitOverride();
  register(program);
  await program.parseAsync(['node', 'aemcert', 'selftest', ...args]);
}

test('filters that match no test file end with 2: nothing would run, and all be well', async () => {
  await expect(selftest('--unit', 'no/such/test')).rejects.toMatchObject({
    exitStatus: 2,
    details: { seen: 'no/such/test' },
  });
  // It boots a guest.
  await expect(selftest('--unit', 'target.integration')).rejects.toMatchObject({ exitStatus: 2 });
  expect(ran).toEqual([]);
});
