// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { returned, signals } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { watch } from './watch.ts';

verifies('AEM-PEXIT-034', 'a parent finds its child waitable in the handler', async ({ probe }) => {
  const p = await probe();
  const child = await p.ok('child', { how: 'return', arg: 42 });
  const eid = await watch(p, child);
  await p.ok('on', { eid, do: `waitable:${child}` });

  await p.ok('let');

  const { pid, status } = await p.nextCall();
  expect({ pid, status }).toEqual({ pid: child, status: returned(42) });
  // What waitid(2) said there: the child's pid, and the status that it returned.
  expect(await p.notice('did')).toMatchObject({ did: 'waitable', pid: child, status: 42 });
  expect(await p.send('reap', { pid: child })).toMatchObject({ ret: returned(42) });
});

verifies('AEM-PEXIT-035', 'an end sends its watcher no signal', async ({ probe, spawn, line }) => {
  const p = await probe();
  for (let signal = 1; signal <= 64; signal += 1) {
    // The last two: those of the C library.
    if ([signals.SIGKILL, signals.SIGSTOP, 32, 33].includes(signal)) continue;
    await p.ok('catch', { signal });
  }
  const target = await spawn(['probe', 'target', 'return']);
  await line(target);
  await watch(p, target.pid);

  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toHaveLength(1);
  expect(await p.send('signals')).toMatchObject({ ret: 0 });
});

for (const [how, end] of [['exits', 'exit'], ['is killed', 'kill']] as const) {
  verifies('AEM-PEXIT-036', `a target goes on when its watcher ${how}`, async ({ probe, spawn, line }) => {
    const p = await probe();
    const target = await spawn(['probe', 'target', 'exec', '42']);
    await line(target);
    await watch(p, target.pid);

    if (end === 'exit') await p.ok('exit');
    else await p.process.kill(signals.SIGKILL);
    await p.exited;

    // It lives, becomes another program, and ends by itself. A dead one takes no line, and says none.
    await target.write('\n').catch(() => undefined);
    expect(await line(target)).toBe(`ready ${target.pid}`);
    await target.write('\n').catch(() => undefined);
    expect(await target.exited).toEqual({ status: 42 });
  });
}
