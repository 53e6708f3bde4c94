// SPDX-License-Identifier: GPL-2.0-only
/** In which order handlers run, and how often. */
import { expect } from 'vitest';
import { context, each } from '../harness/aem.ts';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';

/** Registers and starts an event; with a priority where one is given. */
async function started(p: Probe, priority?: number, flags = 0): Promise<number> {
  const eid = await p.ok('register', { flags });
  if (priority !== undefined) await p.ok('priority', { eid, priority });
  await p.ok('start', { eid });
  return eid;
}

verifies('AEM-CORE-022', 'events of one priority run in the order in which they were raised', async ({ probe }) => {
  const p = await probe();
  const [gate, a, b, c] = [await started(p), await started(p), await started(p), await started(p)];
  await p.ok('on', { eid: gate, do: 'hold' });
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  for (const eid of [b, c, a]) await p.on('io', 'fire', { eid });
  await p.on('io', 'release', { eid: gate });

  expect((await p.settle()).map(({ eid }) => eid)).toEqual([gate, b, c, a]);
});

verifies('AEM-CORE-023', 'the default priority is the lowest, until another is set', async ({ probe }) => {
  const p = await probe();
  const [plain, low, one] = [await started(p), await started(p, 0), await started(p, 1)];
  await p.ok('on', { eid: plain, do: 'hold' });
  await p.on('io', 'fire', { eid: plain });
  await p.notice('holding');

  // The same as 0: it waits. Less than 1: it is interrupted.
  await p.on('io', 'fire', { eid: low });
  await p.on('io', 'fire', { eid: one });
  expect(await p.nextCall()).toMatchObject({ eid: plain, depth: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: one, depth: 2 });
  await p.on('io', 'release', { eid: plain });

  expect(await p.settle()).toMatchObject([{ eid: low, depth: 1 }]);
});

verifies('AEM-CORE-024', 'priorities 0 to 31 are taken, others refused with EINVAL', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');

  for (let priority = 0; priority <= 31; priority++) {
    expect((await p.send('priority', { eid, priority })).ret).toBe(0);
  }
  for (const priority of [-1, 32, 33, 1000]) {
    expect(await p.send('priority', { eid, priority })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-025', 'of the events that wait the one of the highest priority runs first', async ({ probe }) => {
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

verifies('AEM-CORE-027', 'an event of the same or a lower priority waits for the handler', async ({ probe }) => {
  const p = await probe();
  const [running, same, lower] = [await started(p, 5), await started(p, 5), await started(p, 4)];
  await p.ok('on', { eid: running, do: 'hold,return' });
  await p.on('io', 'fire', { eid: running });
  await p.notice('holding');

  await p.on('io', 'fire', { eid: same });
  await p.on('io', 'fire', { eid: lower });
  await p.on('io', 'release', { eid: running });

  const calls = await p.settle();
  expect(calls).toMatchObject([{ eid: running, depth: 1 }, { eid: same, depth: 1 }, { eid: lower, depth: 1 }]);
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
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  await p.on('io', 'fire', { eid, count: 2 });
  await p.on('io', 'fire', { eid, count: 3 });
  await p.on('io', 'release', { eid: gate });

  expect((await p.settle()).map((call) => call.eid)).toEqual([gate, eid, eid, eid, eid, eid]);
});

verifies('AEM-CORE-031', 'a handler does not nest with itself, also when its priority rises', async ({ probe }) => {
  const p = await probe();
  const eid = await started(p, 1);
  await p.ok('on', { eid, do: 'priority:20,raise,return' });

  await p.on('io', 'fire', { eid });

  // Each run raises it once more: it goes on until it is shut down.
  await p.nextCall();
  await p.nextCall();
  await p.on('io', 'shutdown', { eid });
  const rest = await p.settle();
  expect(rest.filter(({ depth }) => depth !== 1)).toEqual([]);
  expect(p.returns()[0]?.seq).toBe(1);
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

verifies('AEM-CORE-035', 'the stated number of events registers, starts and runs, each once', async ({ probe, limit }) => {
  const p = await probe();
  const count = limit('events');
  const many = await p.send('many', { count, quiet: true });
  expect(many).toMatchObject({ registered: count });

  await p.ok('fire-each', { eid: many['first'] as number, count });

  expect((await p.send('calls')).ret).toBe(count);
});

verifies('AEM-CORE-036', 'activations raised from several CPUs at once are each delivered once', async ({ probe }) => {
  const [p, one, two] = [await probe(), await probe(), await probe()];
  const eid = await p.ok('register', { flags: each });
  await p.ok('on', { eid, do: 'quiet' });
  await p.ok('start', { eid });

  await Promise.all([one, two].map((firer) => firer.ok('fire', { eid, count: 2000 })));

  expect((await p.send('calls')).ret).toBe(4000);
});
