// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { returned } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { pidIn, watch } from './watch.ts';

verifies('AEM-PEXIT-028', 'an end before the first start is reported at the start', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);
  const eid = await p.ok('register', { module: 'pexit', pid: target.pid });

  await target.write('\n');
  await target.exited;
  expect(await p.settle()).toEqual([]);

  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
});

verifies('AEM-PEXIT-028', 'an end after a stop is reported at the next start', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);
  const eid = await watch(p, target.pid);
  await p.ok('stop', { eid });

  await target.write('\n');
  await target.exited;
  expect(await p.settle()).toEqual([]);

  await p.ok('start', { eid });
  expect(await p.settle()).toMatchObject([{ pid: target.pid, status: returned(42) }]);
});

verifies('AEM-PEXIT-029', 'an end is reported once, and its event is gone', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return']);
  await line(target);
  const eid = await watch(p, target.pid);

  await target.write('\n');
  await target.exited;
  expect(await p.settle()).toHaveLength(1);

  for (const verb of ['stop', 'start', 'shutdown']) {
    expect(await p.send(verb, { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-PEXIT-030', 'each of many watchers is told once', async ({ probe, spawn, line, limit }) => {
  const watchers = await Promise.all(Array.from({ length: limit('watchers') }, () => probe()));
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);
  await Promise.all(watchers.map((watcher) => watch(watcher, target.pid)));

  await target.write('\n');
  await target.exited;

  const told = await Promise.all(watchers.map((watcher) => watcher.settle()));
  expect(told).toHaveLength(limit('watchers'));
  for (const calls of told) expect(calls).toMatchObject([{ pid: target.pid, status: returned(42) }]);
});

verifies('AEM-PEXIT-031', 'each end of many at once is told with its pid and status', async (context) => {
  const { probe, spawn, line, limit } = context;
  const p = await probe();
  const parent = await spawn(['probe', 'target', 'returns', `1-${limit('targets')}`]);
  const expected: { pid: number; status: number }[] = [];
  for (let status = 1; status <= limit('targets'); status += 1) {
    expected.push({ pid: pidIn(await line(parent)), status: returned(status) });
  }
  await line(parent);
  await Promise.all(expected.map(({ pid }) => watch(p, pid)));

  await parent.write('\n');
  expect(await line(parent)).toMatch('reaped');

  const calls = (await p.settle()).map(({ pid, status }) => ({ pid, status }));
  expect(calls).toHaveLength(limit('targets'));
  expect(calls).toEqual(expect.arrayContaining(expected));
});

verifies('AEM-PEXIT-032', 'each event of a watcher on one target is told once', async (context) => {
  const { probe, spawn, line, limit } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);
  const eids: number[] = [];
  while (eids.length < limit('events')) eids.push(await watch(p, target.pid));

  await target.write('\n');
  await target.exited;

  const calls = await p.settle();
  expect(calls.map(({ eid }) => eid).sort((a, b) => a - b)).toEqual(eids);
  for (const call of calls) expect(call).toMatchObject({ pid: target.pid, status: returned(42) });
});

verifies(['AEM-PEXIT-030', 'AEM-PEXIT-032'], 'more events than are told at a time are told once each', async (context) => {
  const { probe, spawn, line, limit } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);
  const eids: number[] = [];
  while (eids.length < 2 * limit('watchers') + 1) eids.push(await watch(p, target.pid));

  await target.write('\n');
  await target.exited;

  const told: number[] = [];
  while (told.length < eids.length) {
    const call = await p.nextCall();
    expect(call).toMatchObject({ pid: target.pid, status: returned(42) });
    told.push(call.eid);
  }
  expect(await p.settle()).toEqual([]);
  expect(told.sort((a, b) => a - b)).toEqual(eids);
});

verifies('AEM-PEXIT-033', 'an end after the shutdown is not reported', async ({ probe, spawn, line }) => {
  const [p, other] = [await probe(), await probe()];
  const target = await spawn(['probe', 'target', 'return']);
  await line(target);
  const eid = await watch(p, target.pid);
  await watch(other, target.pid);
  await p.ok('shutdown', { eid });

  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toEqual([]);
  expect(await other.settle()).toHaveLength(1);
});
