// SPDX-License-Identifier: GPL-2.0-only
/** On which CPU a thread is woken up for its events. The kernel's own tracepoints say so. */
import { expect } from 'vitest';
import { context as from } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import { verifies } from '../harness/verifies.ts';
import { atRest, countedSince, cpuCount, only, raiser, readBooks, traceWakeups, wakeup } from './sched.ts';

for (const [name, context] of Object.entries(from)) {
  verifies('AEM-SCHED-001', `an event wakes its thread up where it is raised, from ${name} context`, async (test) => {
    const cpus = await cpuCount(test);
    const p = await test.probe();
    const eid = await startedEvent(p, 0);
    const by = await raiser(test);

    for (let cpu = 0; cpu < cpus; cpu++) {
      await by.ok('pin', { cpus: only(cpu) });
      await atRest(test, p, (cpu + 1) % cpus, only(cpus) - 1);
      await traceWakeups(test, p.pid);
      const before = await readBooks(test);
      await by.ok('fire', { eid, context });

      const call = await p.nextCall();
      const { target, moved } = await wakeup(test);
      expect(target).toBe(cpu);
      // The load may be balanced before the handler has run.
      if (!moved) expect(call.cpu).toBe(cpu);
      // Once more where the handler has taken so long that the thread was told to look whether it was left.
      expect((await countedSince(test, before)).steered).toBeGreaterThanOrEqual(1);
    }
  });
}

verifies('AEM-SCHED-002', 'an event raised on a CPU outside the affinity mask wakes its thread up within it', async (test) => {
  const inside = only(await cpuCount(test)) - 1 - only(0);
  const p = await test.probe();
  await p.ok('pin', { cpus: inside });
  const eid = await startedEvent(p, 0, undefined, 100_002);
  const by = await raiser(test);
  await test.inState(p.pid, 'S');
  await traceWakeups(test, p.pid);
  const before = await readBooks(test);

  await by.ok('fire', { eid });

  const call = await p.nextCall();
  expect(only((await wakeup(test)).target) & inside).not.toBe(0);
  expect(only(call.cpu) & inside).not.toBe(0);
  expect(await countedSince(test, before)).toMatchObject({ steered: 0 });
});

verifies('AEM-SCHED-003', 'an event raised on a CPU outside the cpuset wakes its thread up within it', async (test) => {
  const { sh, after, probe, inState } = test;
  const all = only(await cpuCount(test)) - 1;
  const [p, by] = [await probe(), await raiser(test)];
  const group = '/sys/fs/cgroup/aem-cpuset';
  await sh(`echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p ${group}; echo 1-$(($(nproc) - 1)) > ${group}/cpuset.cpus`);
  after(async () => {
    await p.process.kill(9);
    await p.exited;
    await sh(`rmdir ${group}; echo -cpuset > /sys/fs/cgroup/cgroup.subtree_control`);
  });
  await sh(`echo ${p.pid} > ${group}/cgroup.procs`);
  // Of what it asks for it gets what its cpuset has.
  await p.ok('pin', { cpus: all });
  const eid = await startedEvent(p, 0, undefined, 100_003);
  await inState(p.pid, 'S');
  await traceWakeups(test, p.pid);
  const before = await readBooks(test);

  await by.ok('fire', { eid });

  const call = await p.nextCall();
  expect((await wakeup(test)).target).toBeGreaterThan(0);
  expect(call.cpu).toBeGreaterThan(0);
  expect(await countedSince(test, before)).toMatchObject({ steered: 0 });
});

for (const name of ['fifo', 'rr', 'deadline']) {
  verifies('AEM-SCHED-004', `an event that a task of SCHED_${name.toUpperCase()} raises does not send its thread there`, async (test) => {
    const cpus = await cpuCount(test);
    const [p, by] = [await test.probe(), await test.probe()];
    const eid = await startedEvent(p, 0);
    // A deadline task cannot be bound to a CPU: it raises where it is.
    if (name !== 'deadline') await by.ok('pin', { cpus: only(0) });
    await by.ok('policy', { name });
    await atRest(test, p, cpus - 1, only(cpus) - 1);
    const before = await readBooks(test);

    await by.ok('fire', { eid });

    expect(await p.nextCall()).toMatchObject({ eid });
    expect(await countedSince(test, before)).toMatchObject({ steered: 0 });
  });
}
