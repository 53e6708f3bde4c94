// SPDX-License-Identifier: GPL-2.0-only
/** Events of all kinds in one program, in the midst of code that knows nothing of them. */
import { expect } from 'vitest';
import { each, returned } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import type { Call } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import { bands, makeFolder, watch, watcher } from '../fd/watch.ts';
import { watch as watchEnd } from '../pexit/watch.ts';
import { create, hold, millisecond } from '../timer/timer.ts';

verifies('AEM-CORE-223', 'timers, files, ends of processes and other events come while a program computes', async (context) => {
  const { probe, spawn, line } = context;
  const folder = await makeFolder(context);
  const p = await watcher(probe);
  const by = await probe();
  const targets = await Promise.all([1, 2, 3].map((status) => spawn(['probe', 'target', 'return', String(status)])));
  for (const target of targets) await line(target);
  const ends: number[] = [];
  for (const { pid } of targets) ends.push(await watchEnd(p, pid));
  const [made] = await watch(p, folder, ['create']);
  const event = await startedEvent(p, each);
  const timers = [await create(p), await create(p)];

  // One of each kind waits, in this order, while a handler is held.
  const held = await hold(p);
  await by.ok('fire', { eid: event });
  await by.ok('file-make', { name: `${folder}/0` });
  await held.expire(timers[0] ?? 0, { value: 1 });
  await targets[0]?.write('\n');
  await targets[0]?.exited;
  await held.release();
  const first = [await p.nextCall(), await p.nextCall(), await p.nextCall(), await p.nextCall()];
  expect(first.map(({ eid }) => eid)).toEqual([event, made, timers[0], ends[0]]);

  // And the rest at once, while it computes.
  const computing = p.send('spin', { what: 'vectors', calls: 10 + 10 + 1 + 2 });
  await p.notice('entering');
  await Promise.all([
    (async () => {
      for (let i = 1; i <= 10; i++) await by.ok('fire', { eid: event });
    })(),
    (async () => {
      for (let i = 1; i <= 10; i++) await by.on('io', 'file-make', { name: `${folder}/${i}` });
    })(),
    p.on('io', 'timer-set', { id: timers[1], value: millisecond }),
    ...targets.slice(1).map((target) => target.write('\n')),
  ]);

  expect(await computing).toMatchObject({ ret: 0 });
  const calls = await p.settle();
  const of = (id: number | undefined): readonly Call[] => calls.filter(({ eid }) => eid === id);
  expect(of(event)).toHaveLength(10);
  expect(of(made).map(({ name, pid, band }) => [name, pid, bands[band ?? -1]])).toEqual(
    Array.from({ length: 10 }, (_, i) => [`${folder}/${i + 1}`, by.pid, 'create']),
  );
  expect(of(timers[1])).toMatchObject([{ overrun: 0 }]);
  for (const at of [1, 2]) expect(of(ends[at])).toMatchObject([{ pid: targets[at]?.pid, status: returned(at + 1) }]);
  expect(calls).toHaveLength(23);
});
