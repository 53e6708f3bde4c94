// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { projectRoot } from '../../lib/paths.ts';
import type { Results } from '../../reporters/results.ts';

test('no test passes on the kernel without AEM: one that did would verify nothing', async () => {
  const out = await mkdtemp(join(tmpdir(), 'aemcert-unpatched-'));
  try {
    const args = ['cli/aemcert.js', 'run', '--unpatched', '--timeout', '2', '--out', out];
    const { all, exitCode } = await execa('node', args, { cwd: projectRoot, all: true, reject: false });

    const { plan, tests, run } = JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as Results;
    expect(exitCode, all).not.toBe(0);
    expect(run.complete, all).toBe(true);
    expect(tests).toHaveLength(plan.length);
    expect(tests.filter(({ verdict }) => verdict === 'PASS').map(({ id }) => id)).toEqual([]);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
