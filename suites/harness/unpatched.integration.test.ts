// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { projectRoot } from '../../lib/paths.ts';
import { readResults } from '../../reporters/read.ts';
import { unpatchedDoubts } from './unpatched.ts';

test('no test passes on the kernel without AEM: one that did would verify nothing', async () => {
  const out = await mkdtemp(join(tmpdir(), 'aemcert-unpatched-'));
  try {
    // What is native passes there, too, and takes its time.
    const args = ['cli/aemcert.js', 'run', '--unpatched', '--binding', 'aem', '--timeout', '10', '--out', out];
    const { all, exitCode } = await execa('node', args, { cwd: projectRoot, all: true, reject: false });

    const results = await readResults(join(out, 'results.json'));
    expect(exitCode, all).toBe(1);
    expect(unpatchedDoubts(results), all).toEqual([]);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
