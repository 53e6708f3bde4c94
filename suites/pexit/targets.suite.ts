// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { killedBy, returned, signals } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { pidIn, watch } from './watch.ts';

verifies('AEM-PEXIT-011', 'a process that runs already can be watched', async ({ probe, spawn, line }) => {
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);

  const p = await probe();
  await watch(p, target.pid);
  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
});

verifies('AEM-PEXIT-012', 'a program of the base system can be watched', async ({ probe, spawn, line }) => {
  const p = await probe();
  const target = await spawn(['sh', '-c', 'echo ready; read line; exit 42']);
  await line(target);
  await watch(p, target.pid);

  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
});

verifies('AEM-PEXIT-013', 'a watcher’s parent and another’s child can be watched', async (context) => {
  const { probe, spawn, line, run } = context;
  const p = await probe({ argv: ['probe', 'target', 'parent'] });
  const parent = await p.ok('getppid');
  const strangers = await spawn(['probe', 'target', 'returns', '42']);
  const child = pidIn(await line(strangers));
  await line(strangers);
  await watch(p, parent);
  await watch(p, child);

  await strangers.write('\n');
  expect(await line(strangers)).toMatch('reaped');
  expect(await p.settle()).toMatchObject([{ pid: child, status: returned(42) }]);

  await run(['kill', '-TERM', String(parent)]);
  await p.notice('did');
  expect(await p.settle()).toMatchObject([{ pid: parent, status: killedBy(signals.SIGTERM) }]);
});

verifies('AEM-PEXIT-014', 'a zombie’s end is reported when the event is started', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const parent = await spawn(['probe', 'target', 'zombie', '42']);
  const zombie = pidIn(await line(parent));
  await line(parent);

  const eid = await p.ok('register', { module: 'pexit', pid: zombie });
  expect(await p.settle()).toEqual([]);

  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ pid: zombie, status: returned(42) }]);
});

verifies('AEM-PEXIT-015', 'what vfork() and clone() made can be watched', async ({ probe, spawn, line }) => {
  const p = await probe();

  for (const how of ['vfork', 'clone']) {
    const parent = await spawn(['probe', 'target', how, '42']);
    const pid = pidIn(await line(parent));
    expect(pid).not.toBe(parent.pid);
    await watch(p, pid);

    await parent.write('\n');
    expect(await line(parent)).toBe(`reaped ${pid}`);

    expect(await p.settle()).toMatchObject([{ pid, status: returned(42) }]);
    await parent.write('\n');
  }
});

verifies('AEM-PEXIT-016', 'the end of a process that nobody waits for is reported', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const parent = await spawn(['probe', 'target', 'autoreap', '42']);
  const pid = pidIn(await line(parent));
  await line(parent);
  await watch(p, pid);

  await parent.write('\n');
  expect(await line(parent)).toBe(`gone ${pid}`);

  expect(await p.settle()).toMatchObject([{ pid, status: returned(42) }]);
});

verifies('AEM-PEXIT-017', 'a traced process’s end is reported once, its stop not', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const tracer = await spawn(['probe', 'target', 'traced', '42']);
  const pid = pidIn(await line(tracer));
  await line(tracer);
  await watch(p, pid);

  await tracer.write('\n');
  expect(await line(tracer)).toBe(`stopped ${pid}`);
  expect(await p.settle()).toEqual([]);

  // Its tracer waits for it, then its parent.
  await tracer.write('\n');
  expect(await line(tracer)).toBe(`reaped ${pid}`);
  expect(await p.settle()).toMatchObject([{ pid, status: returned(42) }]);
});
