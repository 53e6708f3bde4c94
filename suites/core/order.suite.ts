// SPDX-License-Identifier: GPL-2.0-only
/** In which order handlers run, and how often. */
import { expect } from 'vitest';
import { context, each, ev, evf } from '../harness/aem.ts';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';

/** Registers and starts an event; with a priority where one is given. */
async function started(p: Probe, priority?: number, flags = 0): Promise<number> {
  const eid = await p.ok('register', { flags });
  if (priority !== undefined) await p.ok('priority', { eid, priority });
  await p.ok('start', { eid });
  return eid;
}

verifies('AEM-CORE-022', 'events of one priority run in the order of their raises', async ({ probe }) => {
  const p = await probe();
  const [gate, a, b, c] = [await started(p), await started(p), await started(p), await started(p)];
  await p.ok('on', { eid: gate, do: 'hold' });
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  for (const eid of [b, c, a]) await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: gate });

  expect((await p.settle()).map(({ eid }) => eid)).toEqual([gate, b, c, a]);
});

verifies('AEM-CORE-023', 'an event has the default priority until one is set', async ({ probe, limit }) => {
  const p = await probe();
  const other = limit('default') + 1;
  const higher = await started(p, other);
  const plain = await started(p);
  const low = await started(p, limit('default'));
  await p.ok('on', { eid: plain, do: 'hold' });
  await p.ok('on', { eid: low, do: 'hold' });

  // A handler of the default priority is not interrupted by it, nor it by one.
  await p.on('io', 'fire', { eid: plain });
  await p.notice('holding');
  await p.on('io', 'fire', { eid: low });
  await p.on('io', 'release', { eid: plain });
  await p.notice('holding');
  await p.on('io', 'on', { eid: plain });
  await p.on('io', 'fire', { eid: plain });
  await p.on('io', 'release', { eid: low });
  expect(await p.settle()).toMatchObject([
    { eid: plain, depth: 1 },
    { eid: low, depth: 1 },
    { eid: plain, depth: 1 },
  ]);

  // With another priority it is.
  await p.ok('on', { eid: plain, do: 'hold' });
  await p.ok('priority', { eid: plain, priority: other });
  await p.on('io', 'fire', { eid: plain });
  await p.notice('holding');
  await p.on('io', 'fire', { eid: higher });
  await p.on('io', 'release', { eid: plain });
  expect(await p.settle()).toMatchObject([{ eid: plain, depth: 1 }, { eid: higher, depth: 1 }]);
});

verifies('AEM-CORE-024', 'priorities of the range are taken, others refused', async ({ probe, limit }) => {
  const p = await probe();
  const eid = await p.ok('register');
  const [lowest, highest] = [limit('lowest'), limit('highest')];

  for (let arg = lowest; arg <= highest; arg++) {
    expect(await p.send('evctl', { eid, opt: ev.jobprio, arg })).toMatchObject({ ret: 0 });
  }
  for (const arg of [lowest - 1, highest + 1, 0x100, 2 ** 32]) {
    expect(await p.send('evctl', { eid, opt: ev.jobprio, arg })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-025', 'of those that wait the highest priority runs first', async ({ probe }) => {
  const p = await probe();
  const gate = await started(p, 31);
  const [low, high, middle] = [await started(p, 1), await started(p, 30), await started(p, 7)];
  await p.ok('on', { eid: gate, do: 'hold' });
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  for (const eid of [low, high, middle]) await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: gate });

  expect((await p.settle()).map(({ eid }) => eid)).toEqual([gate, high, middle, low]);
});

verifies('AEM-CORE-026', 'an event interrupts the handler of one of lower priority', async ({ probe }) => {
  const p = await probe();
  const [low, high] = [await started(p, 3), await started(p, 4)];
  await p.ok('on', { eid: low, do: 'hold,return' });
  await p.on('io', 'fire', { eid: low });
  await p.notice('holding');

  await p.on('io', 'fire', { eid: high });

  expect(await p.nextCall()).toMatchObject({ eid: low, depth: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: high, depth: 2 });
  expect(p.returns()).toEqual([]);
  await p.on('io', 'release', { eid: low });
  await p.settle();
  expect(p.returns()).toMatchObject([{ eid: low }]);
});

verifies('AEM-CORE-027', 'an event of the same or a lower priority waits for its end', async ({ probe }) => {
  const p = await probe();
  const [running, same, lower] = [await started(p, 5), await started(p, 5), await started(p, 4)];
  await p.ok('on', { eid: running, do: 'hold,return' });
  await p.on('io', 'fire', { eid: running });
  await p.notice('holding');

  await p.on('io', 'fire', { eid: same });
  await p.on('io', 'fire', { eid: lower });
  await p.on('io', 'release', { eid: running });

  const calls = await p.settle();
  expect(calls.map(({ depth }) => depth)).toEqual([1, 1, 1]);
  expect(p.returns()[0]?.seq).toBeLessThan(calls[1]?.seq ?? 0);
});

verifies('AEM-CORE-028', 'raises of a queued event add no further run', async ({ probe }) => {
  const p = await probe();
  const [gate, eid] = [await started(p), await started(p)];
  await p.ok('on', { eid: gate, do: 'hold' });
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  for (let i = 0; i < 3; i++) await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: gate });

  expect((await p.settle()).map((call) => call.eid)).toEqual([gate, eid]);
});

verifies('AEM-CORE-029', 'raises while the handler runs cause exactly one further run', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);
  await p.ok('on', { eid, do: 'hold' });
  await p.on('io', 'fire', { eid });
  await p.notice('holding');

  for (let i = 0; i < 3; i++) await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid });
  await p.notice('holding');
  await p.on('io', 'release', { eid });

  expect(await p.settle()).toMatchObject([{ eid, depth: 1 }, { eid, depth: 1 }]);
});

verifies('AEM-CORE-030', 'an event that must not merge runs once for each raise', async ({ probe }) => {
  const p = await probe();
  const [gate, eid] = [await started(p), await started(p, undefined, each)];
  await p.ok('on', { eid: gate, do: 'hold' });
  await p.ok('on', { eid, do: 'hold' });

  // While it is queued, then while it runs.
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');
  await p.on('io', 'fire', { eid, count: 20 });
  await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: gate });
  await p.notice('holding');
  await p.on('io', 'fire', { eid, count: 4 });
  await p.on('io', 'on', { eid });
  await p.on('io', 'release', { eid });

  const runs = Array.from({ length: 25 }, () => eid);
  expect((await p.settle()).map((call) => call.eid)).toEqual([gate, ...runs]);
});

verifies('AEM-CORE-031', 'a handler does not nest with itself, whatever its priority', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, 1, each);
  await p.ok('on', { eid, do: 'hold,return' });
  await p.on('io', 'fire', { eid });
  await p.notice('holding');

  await p.on('io', 'priority', { eid, priority: 20 });
  await p.on('io', 'fire', { eid });
  // Only the first run waits.
  await p.on('io', 'on', { eid, do: 'return' });
  await p.on('io', 'release', { eid });

  const calls = await p.settle();
  expect(calls).toMatchObject([{ eid, depth: 1 }, { eid, depth: 1 }]);
  expect(p.returns()[0]?.seq).toBeLessThan(calls[1]?.seq ?? 0);
});

verifies('AEM-CORE-032', 'a one-shot event is gone after one run', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, undefined, evf.oneshot);

  await p.ok('fire', { eid });

  expect(await p.settle()).toMatchObject([{ eid }]);
  expect(await p.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await p.send('evctl', { eid, opt: ev.jobstart })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-032', 'a one-shot event that was raised more than once runs once', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, undefined, evf.oneshot | each);

  await p.ok('fire', { eid, count: 3 });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-033', 'an event raised in softirq context runs', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);

  await p.ok('fire', { eid, context: context.softirq });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-034', 'an event raised in hardirq context runs', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p);

  await p.ok('fire', { eid, context: context.hardirq });

  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-035', 'the stated number of events runs, each once', async ({ probe, limit }) => {
  const p = await probe();
  const count = limit('events');

  const many = await p.send('many', { count, quiet: true });
  expect(many).toMatchObject({ registered: count });
  await p.ok('fire-each', { eid: many['first'] as number, count });

  expect(await p.send('calls')).toMatchObject({ ret: count, once: count });
});

verifies('AEM-CORE-036', 'what several CPUs raise at once runs once each', async ({ probe, limit }) => {
  const p = await probe();
  const eid = await p.ok('register', { flags: each });
  await p.ok('on', { eid, do: 'quiet' });
  await p.ok('start', { eid });
  const [cpus, raises] = [limit('cpus'), limit('raises-per-cpu')];
  const threads = Array.from({ length: cpus }, (_, cpu) => ({ cpu, name: `cpu${cpu}` }));
  for (const thread of threads) expect((await p.send('thread', thread)).ret).toBeGreaterThan(0);

  // They wait for each other, then each raises from its CPU.
  const fired = await Promise.all(
    threads.map(({ name }) => p.on(name, 'fire', { eid, together: cpus, times: 20, count: raises / 20 })),
  );

  for (const answer of fired) expect(answer).toMatchObject({ ret: 0 });
  expect((await p.send('calls')).ret).toBe(cpus * raises);
});
