// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { projectRoot } from '../../lib/paths.ts';
import { runsOn } from '../../lib/runs-on.ts';
import type { ControlOutcome } from '../harness/controls.ts';
import { loadPlan } from '../harness/run.ts';

test('each requirement has a negative control, and its tests catch it', async () => {
  const out = await mkdtemp(join(tmpdir(), 'aemcert-controls-'));
  let unclear = true;
  try {
    const { plan } = await loadPlan();
    const { all, exitCode } = await execa('node', ['cli/aemcert.js', 'controls', '--others', '1', '--out', out], {
      cwd: projectRoot,
      all: true,
      reject: false,
    });
    // Not how far it came: what was caught when it ran once more, and the sum.
    const told = all.split('\n').filter((line) => /^( {2}|[A-Z]+-\S+: |\d+ requirements)/.test(line));
    process.stdout.write(`${told.join('\n')}\n`);

    expect(exitCode, all).toBe(0);
    const outcomes = JSON.parse(await readFile(join(out, 'controls.json'), 'utf8')) as readonly ControlOutcome[];
    const tested = plan.filter((test) => runsOn(test, 'base')).flatMap((test) => test.requirements);
    expect(outcomes.map(({ requirement }) => requirement).sort()).toEqual([...new Set(tested)].sort());
    expect(outcomes.every(({ caughtBy }) => caughtBy.length > 0)).toBe(true);
    // That a fault in a race does not show each time is known.
    unclear = outcomes.some(({ first }) => first !== undefined && [first.harmed, first.died, first.unresolved].some(({ length }) => length > 0));
  } finally {
    if (unclear) process.stdout.write(`what host and guests said to each other is kept: ${out}\n`);
    else await rm(out, { recursive: true, force: true });
  }
}, 30 * 60_000);
