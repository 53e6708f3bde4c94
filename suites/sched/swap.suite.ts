// SPDX-License-Identifier: GPL-2.0-only
/** The module comes and goes while threads get events. */
import { expect } from 'vitest';
import { each } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';
import { atRest, begins, cpuCount, meeting, only, raiser, readBooks } from './sched.ts';

verifies('AEM-SCHED-012', 'the module is unloaded and loaded while events are raised, and none is lost', async (test) => {
  const { probe, sh, after } = test;
  const p = await probe();
  const eid = await startedEvent(p, each, 'quiet');
  await p.ok('pin', { cpus: only(meeting) });
  await p.ok('thread', { name: 'raiser', cpu: meeting });
  after(() => sh(ensureLoaded('sched')));
  const storm = await begins(p, 'raiser', 'storm', { eid, ahead: 64 });

  for (let swap = 0; swap < 4; swap++) {
    // All on one CPU: QEMU may keep old code for another that runs it while it is patched, see docs/sched.md.
    await sh(`taskset ${only(meeting)} rmmod aem_sched`);
    expect(await sh('test -e /sys/module/aem_sched || echo gone')).toBe('gone');
    await sh(`taskset ${only(meeting)} ${insmod('sched')}`);
  }

  await p.on('io', 'relax');
  const { ret, raised } = await storm.answer;
  expect(ret).toBe(0);
  await p.ok('gettid');
  expect(await p.send('books', { eid })).toMatchObject({ raised, delivered: raised, coalesced: 0, pending: 0 });
  expect(await p.ok('calls')).toBe(raised);
});

verifies('AEM-SCHED-012', 'what is loaded again steers again', async (test) => {
  const { probe, sh, after } = test;
  const cpus = await cpuCount(test);
  const [p, by] = [await probe(), await raiser(test)];
  const eid = await startedEvent(p, 0);
  after(() => sh(ensureLoaded('sched')));

  for (let swap = 0; swap < 2; swap++) {
    await sh('rmmod aem_sched');
    await by.ok('fire', { eid });
    expect(await p.nextCall()).toMatchObject({ eid });
    await sh(insmod('sched'));
    expect(await readBooks(test)).toEqual({ steered: 0, preferred: 0 });

    await atRest(test, p, cpus - 1, only(cpus) - 1);
    await by.ok('fire', { eid });
    expect(await p.nextCall()).toMatchObject({ eid });
    expect((await readBooks(test)).steered).toBeGreaterThanOrEqual(1);
  }
});
