// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { returned } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { watch } from './watch.ts';

verifies('AEM-PEXIT-007', 'the status that another thread gave is reported', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'thread-exit', '42']);
  await line(target);
  await watch(p, target.pid);

  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
});

for (const [how, means] of [
  ['leader-first', 'by exit()'],
  ['one-by-one', 'thread by thread'],
] as const) {
  verifies('AEM-PEXIT-008', `the end of the last thread is reported, not of the first, ${means}`, async (context) => {
    const { probe, spawn, line } = context;
    const [early, late] = [await probe(), await probe()];
    const target = await spawn(['probe', 'target', how, '42']);
    await line(target);

    await watch(early, target.pid);
    await target.write('\n');
    expect(await line(target)).toMatch('alone');
    await watch(late, target.pid);
    expect(await early.settle()).toEqual([]);
    expect(await late.settle()).toEqual([]);

    await target.write('\n');
    await target.exited;
    expect(await early.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
    expect(await late.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
  });
}

for (const [requirement, how, thread] of [
  ['AEM-PEXIT-009', 'exec', 'its first thread'],
  ['AEM-PEXIT-010', 'thread-exec', 'another thread'],
] as const) {
  verifies(requirement, `a target stays watched when ${thread} execs`, async ({ probe, spawn, line }) => {
    const p = await probe();
    const target = await spawn(['probe', 'target', how, '42']);
    await line(target);
    await watch(p, target.pid);

    await target.write('\n');
    expect(await line(target)).toBe(`ready ${target.pid}`);
    expect(await p.settle()).toEqual([]);

    await target.write('\n');
    await target.exited;
    expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
  });
}
