// SPDX-License-Identifier: GPL-2.0-only
import { Command } from 'commander';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Step } from '../steps.ts';
import { register } from './selftest.ts';

const ran = vi.hoisted(() => [] as (readonly string[])[]);
const missing = vi.hoisted(() => ({ path: '' }));
beforeEach(() => {
  ran.length = 0;
  missing.path = '';
  vi.stubEnv('CI', undefined);
});
vi.mock('../steps.ts', async (original) => ({
  ...(await original<typeof import('../steps.ts')>()),
  runTool: (_: string, args: readonly string[]) => {
    ran.push(args);
    return Promise.resolve(true);
  },
  // Not what builds a kernel.
  runSteps: async (_: string, steps: readonly Step[]) => {
    for (const { title, run } of steps) if (title === 'integration tests') await run();
    return 0;
  },
}));
vi.mock('../../lib/exists.ts', () => ({ exists: (path: string) => Promise.resolve(path !== missing.path) }));

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

const ofSshd = 'kernel/target/ssh/ssh.integration.test.ts';

test('without a server of ssh its tests are left out, and that is told', async () => {
  const told = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  missing.path = '/usr/sbin/sshd';

  await selftest();

  const [args = []] = ran;
  expect(args.filter((arg) => arg.includes('.test.ts')).length).toBeGreaterThan(5);
  expect(args).toEqual(expect.arrayContaining(['integration', 'kernel/target/target.integration.test.ts']));
  expect(args).not.toContain(ofSshd);
  expect(told.mock.calls.join('\n')).toContain('apt-get install openssh-server');
  await selftest('selftest.test');
  expect(ran).toHaveLength(1);
  await expect(selftest(ofSshd)).rejects.toMatchObject({ exitStatus: 2, details: { seen: ofSshd } });
});

test.each([
  ['with one they run', '', undefined],
  ['in CI they are not left out: there it is a fault', '/usr/sbin/sshd', 'true'],
])('%s', async (_, path, ci) => {
  missing.path = path;
  vi.stubEnv('CI', ci);

  await selftest();

  expect(ran).toHaveLength(1);
  expect(ran[0]?.at(-1)).toBe('integration');
});
