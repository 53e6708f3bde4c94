// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { returned } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { watch } from './watch.ts';

verifies('AEM-PEXIT-025', 'a pid is told as the watcher’s namespace has it', async ({ probe, sh }) => {
  const inside = await probe({ argv: ['probe', 'target', 'namespace'] });
  const outside = await probe();
  const inner = await inside.ok('child', { how: 'return', arg: 42 });
  const outer = Number(
    await sh(`cat /proc/[0-9]*/status 2>/dev/null | awk '/^NSpid:/ && $3 == ${inner} { print $2 }'`),
  );
  expect(outer).not.toBe(inner);
  await watch(inside, inner);
  await watch(outside, outer);

  await inside.ok('let');
  await inside.ok('reap', { pid: inner });

  expect(await inside.settle()).toMatchObject([{ pid: inner }]);
  expect(await outside.settle()).toMatchObject([{ pid: outer }]);
});

verifies('AEM-PEXIT-026', 'a pid of another namespace only is refused with ESRCH', async (context) => {
  const { probe, spawn, line } = context;
  const inside = await probe({ argv: ['probe', 'target', 'namespace'] });
  const outside = await probe();
  const target = await spawn(['probe', 'target', 'return']);
  await line(target);

  const here = await outside.send('register', { module: 'pexit', pid: target.pid });
  const there = await inside.send('register', { module: 'pexit', pid: target.pid });

  expect(here.ret).toBeGreaterThan(0);
  expect(there).toMatchObject({ ret: -1, errno: 'ESRCH' });
});

verifies('AEM-PEXIT-027', 'a pid that is used again is no end of its new process', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const first = await spawn(['probe', 'target', 'return', '42']);
  await line(first);
  const eid = await p.ok('register', { module: 'pexit', pid: first.pid });
  await first.write('\n');
  await first.exited;
  const parent = await spawn(['probe', 'target', 'pid', String(first.pid)]);
  expect(await line(parent)).toBe(`child ${first.pid}`);
  await line(parent);

  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ pid: first.pid, status: returned(42) }]);

  await parent.write('\n');
  expect(await line(parent)).toBe(`reaped ${first.pid}`);
  expect(await p.settle()).toEqual([]);
});
