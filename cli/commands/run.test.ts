// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { sampleResults } from '../../reporters/testing/sample.ts';

const running = vi.hoisted(() => ({ count: 0, end: (): void => undefined }));
vi.mock('../../suites/harness/run.ts', async (original) => ({
  ...(await original<typeof import('../../suites/harness/run.ts')>()),
  runSuites: async () => {
    running.count += 1;
    await new Promise<void>((resolve) => {
      running.end = resolve;
    });
    return sampleResults();
  },
}));

// What another test file has loaded of it runs the suites.
vi.resetModules();
const { register } = await import('./run.ts');

afterEach(() => {
  vi.restoreAllMocks();
});

async function run(out: string): Promise<void> {
  const program = new Command('aemcert').exitOverride();
  register(program);
  await program.parseAsync(['node', 'aemcert', 'run', '--out', out]);
}

test('two runs do not write into one folder at once', async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const status = process.exitCode;
  const out = join(await temporaryFolder(), 'reports');
  const first = run(out);
  await vi.waitFor(() => expect(running.count).toBe(1), 5_000);

  await expect(run(out)).rejects.toMatchObject({
    exitStatus: 3,
    details: { where: out, hint: expect.stringContaining('--out') },
  });

  running.end();
  await first;
  process.exitCode = status;
  expect(running.count).toBe(1);
  expect(await readFile(join(out, 'junit.xml'), 'utf8')).toContain('<testsuite');
});

test('a folder is free again when the run into it has ended', async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const status = process.exitCode;
  const out = await temporaryFolder();
  for (const count of [2, 3]) {
    const one = run(out);
    await vi.waitFor(() => expect(running.count).toBe(count), 5_000);
    running.end();
    await one;
  }
  process.exitCode = status;
});
