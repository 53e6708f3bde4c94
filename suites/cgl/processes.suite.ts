// SPDX-License-Identifier: GPL-2.0-only
/** AVL.5.3-a, GAP.3.0: the ends of processes that were not altered for it, and what else becomes of them. */
import { expect } from 'vitest';
import { killedBy, returned, signals } from '../harness/aem.ts';
import { neutral } from './neutral.ts';
import { connector, newsOf, processFacilities } from './processes.ts';

neutral('AVL.5.3-a', 'it is told how a process ends', processFacilities, async (context, facility) => {
  const watcher = await facility.open(context);
  const ends = [
    { how: 'return', arg: 42, status: returned(42) },
    { how: 'exit', arg: 3, status: returned(3) },
    { how: 'signal', arg: signals.SIGTERM, status: killedBy(signals.SIGTERM) },
    { how: 'signal', arg: signals.SIGKILL, status: killedBy(signals.SIGKILL) },
  ] as const;

  for (const [slot, { how, arg, status }] of ends.entries()) {
    const pid = await watcher.probe.ok('child', { how, arg, slot });
    await watcher.watch(pid);
    await watcher.probe.ok('let', { slot });
    await watcher.probe.on('io', 'await-end', { pid });

    // The connector tells of it after those who wait for the process were woken up.
    expect(await watcher.ended(pid, 1), `${how} ${arg}`).toEqual([{ pid, status }]);
    expect(await watcher.ended(pid, 0)).toEqual([]);
  }
});

neutral('GAP.3.0-a', 'a process that ends is told once, and none before', processFacilities, async (context, facility) => {
  const watcher = await facility.open(context);
  const others = await Promise.all([context.spawn(['sleep', '1000']), context.spawn(['sleep', '1000'])]);
  for (const { pid } of others) await watcher.watch(pid);
  for (const { pid } of others) expect(await watcher.ended(pid, 0)).toEqual([]);

  for (const { pid, kill, exited } of others.reverse()) {
    await kill(signals.SIGTERM);
    await exited;

    expect((await watcher.ended(pid, 1)).map((end) => end.pid)).toEqual([pid]);
    expect(await watcher.ended(pid, 0)).toEqual([]);
  }
});

neutral('GAP.3.0-b', 'processes and threads that come and go are told', [connector], async (context, facility) => {
  const [watcher, other] = [await facility.open(context), await context.probe()];
  await watcher.watch(other.pid);
  const news = async (least: number): Promise<readonly string[]> =>
    (await newsOf(watcher.probe, { via: 'connector', pid: other.pid, least })).map(({ what, pid }) => `${what} ${pid}`);
  expect(await news(0)).toEqual([]);

  const tid = await other.ok('thread', { name: 'short' });
  expect(await news(1)).toEqual([`thread ${tid}`]);
  await other.on('short', 'thread-exit');
  await context.until(`! test -e /proc/${other.pid}/task/${tid}`);
  expect(await news(1)).toEqual([`thread-exit ${tid}`]);

  const child = await other.ok('child', { how: 'return', arg: 0 });
  expect(await news(1)).toEqual([`fork ${child}`]);
});
