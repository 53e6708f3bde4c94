// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../lib/paths.ts';

/** Status and stderr of aemcert, with its stdout as the shell has it. */
async function aemcert(command: string): Promise<{ status: string; stderr: string }> {
  const script = `node cli/aemcert.js ${command}; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: projectRoot });
  return { status: stdout.trim(), stderr };
}

test('a reader that has gone is no failure: the status tells how the command went', async () => {
  expect(await aemcert('specs list --json | true')).toEqual({ status: '0', stderr: '' });
}, 30_000);

test('an output that cannot be written ends with 3, not with the status of a kernel that fails', async () => {
  const { status, stderr } = await aemcert('specs list --json >/dev/full');

  expect(status).toBe('3');
  expect(stderr).toMatch(/^aemcert: the output cannot be written\n {2}seen: .*ENOSPC/);
}, 30_000);
