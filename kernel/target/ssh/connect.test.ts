// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../lib/paths.ts';
import { closeLimit } from './connect.ts';

test.each([0, 1, 7])('with %d modules the guard has all the time that its own limits give it, before it is taken for one that does not end', async (modules) => {
  const source = await readFile(join(projectRoot, 'suites/guest/agent-remote.c'), 'utf8');
  const limit = (form: RegExp): number => Number(form.exec(source)?.[1]);
  // In s.
  const [grace, patience, lastWords] = [limit(/^#define GRACE\t+(\d+)$/m), limit(/^#define PATIENCE\t+(\d+)$/m), limit(/^#define LAST_WORDS\t+\((\d+) \* 1000\)$/m)];

  // Until a hung agent is killed, has not ended for all that, nor have its children; and each module is in use.
  const longest = grace + patience + patience + modules * patience + lastWords;
  expect(longest).toBeGreaterThan(0);
  expect(closeLimit(modules)).toBeGreaterThan(longest * 1000);
});
