// SPDX-License-Identifier: GPL-2.0-only
/**
 * Each operation with each of its requests for memory, and each of its copies
 * from and to the program, refused in turn: it is done wholly or not at all.
 */
import { expect } from 'vitest';
import { each, ev, evf, zone } from '../harness/aem.ts';
import { armFaults, eachFault, footprint, injecting, leaks, leaksBut, refusals } from '../harness/faults.ts';
import { ended, startedEvent } from '../harness/handler-process.ts';
import { ensureLoaded, modulePath } from '../harness/modules.ts';
import type { Probe } from '../harness/probe.ts';
import { set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { firedInWait } from './waits.ts';

const alice = { uid: 1001, gid: 1001 };

/** From here to the test's end; a quota that leaves room for one of a kind finds what is charged and not there. */
function quota(context: Context, name: string, value: number): Promise<void> {
  return set(context, `/proc/sys/aem/${name}`, value);
}

/** Ends a probe, so that nothing of it is left. */
async function end(p: Probe): Promise<void> {
  await p.ok('exit', { now: true });
  await p.ended();
}

/** How many handlers have run since this was asked last. Its notice is taken: it is not to be had for the next call's. */
async function ran(p: Probe): Promise<number> {
  const { ret } = await p.send('call', { name: 'evwait', ms: 0 });
  await p.notice('entering');
  return ret;
}

/** Waits until no handler process is left either. */
async function gone({ until }: Context): Promise<void> {
  await until('! grep -qs "^probe$" /proc/[0-9]*/comm');
}

async function delivers(p: Probe, eid: number): Promise<void> {
  await p.ok('start', { eid });
  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
}

verifies('AEM-CORE-190', 'a process’s first registration, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  await quota(context, 'max_user_events', 1);
  const before = await footprint(sh);
  let p: Probe;

  const failed = await eachFault({
    errors: refusals,
    async attempt(fail) {
      p = await probe(alice);
      return p.send('register', { fail });
    },
    async then({ answer }) {
      await delivers(p, answer.ret < 0 ? await p.ok('register') : answer.ret);
      await end(p);
      expect(await footprint(sh)).toBe(before);
    },
  });

  expect(failed).toBeGreaterThan(10);
  expect(await leaks(sh)).toBe('');
}, injecting);

verifies('AEM-CORE-190', 'a further registration, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  await quota(context, 'max_user_events', 2);
  const p = await probe(alice);
  await p.ok('register');
  const before = await footprint(sh);

  const failed = await eachFault({
    errors: refusals,
    attempt: (fail) => p.send('register', { fail }),
    async then({ answer }) {
      if (answer.ret < 0) expect(await footprint(sh)).toBe(before);
      const eid = answer.ret < 0 ? await p.ok('register') : answer.ret;
      await delivers(p, eid);
      await p.ok('shutdown', { eid });
    },
  });

  expect(failed).toBeGreaterThan(3);
  expect(await leaks(sh)).toBe('');
}, injecting);

for (const [name, kind] of [['a zone of its own', zone.v], ['a zone in the brk area', zone.u]] as const) {
  verifies('AEM-CORE-191', `${name}, whatever is refused`, async (context) => {
    const { probe, sh } = context;
    await armFaults(context);
    await quota(context, 'max_user_zone_kb', 64);
    const before = await footprint(sh);
    let p: Probe;

    const failed = await eachFault({
      errors: refusals,
      async attempt(fail) {
        p = await probe(alice);
        await p.ok('init', { module: 'core' });
        return p.send('vmtable', { zone: kind, size: 65536, fail });
      },
      async then({ answer }) {
        if (answer.ret < 0) await p.ok('vmtable', { zone: kind, size: 65536 });
        const eid = await startedEvent(p, 0);
        await p.ok('fire', { eid, data: '0102' });
        expect(await p.settle()).toMatchObject([{ eid, data: '0102' }]);
        await end(p);
        expect(await footprint(sh)).toBe(before);
      },
    });

    expect(failed).toBeGreaterThan(20);
    expect(await leaks(sh)).toBe('');
  }, injecting);
}

verifies('AEM-CORE-193', 'a batch for a thread that waits, whatever is refused', async (context) => {
  const { probe } = context;
  await armFaults(context);
  const p = await probe();
  const eid = await startedEvent(p, each);
  let raised = 0;

  const failed = await eachFault({
    errors: refusals,
    attempt: async (fail) => (await firedInWait(context, p, eid, fail)).call,
    async then() {
      raised += 1;
      expect(await p.nextCall()).toMatchObject({ eid });
      expect(await p.settle()).toEqual([]);
      expect(await p.send('books', { eid })).toMatchObject({ raised, delivered: raised, pending: 0 });
      // What ran is told of once.
      await ran(p);
      expect(await ran(p)).toBe(0);
    },
  });

  // Each call's arguments, and what is told.
  expect(failed).toBeGreaterThan(3);
}, injecting);

for (const [id, flags] of [['AEM-CORE-194', evf.fork | evf.nocldwait], ['AEM-CORE-195', evf.capsule]] as const) {
  const what = flags & evf.fork ? 'a handler process' : 'capsules';
  verifies(id, `an event with ${what}, whatever is refused`, async (context) => {
    const { probe, sh } = context;
    await armFaults(context);
    const before = await footprint(sh);
    const p = await probe();
    await p.ok('vmtable', { zone: zone.v });
    const eid = await startedEvent(p, flags);
    let raised = 0;

    await eachFault({
      errors: refusals,
      attempt: async (fail) => (await firedInWait(context, p, eid, fail)).call,
      async then() {
        raised += 1;
        const call = await p.nextCall();
        expect(call).toMatchObject({ eid, ppid: p.pid });
        await ended(p, call.tid);
        expect(await p.settle()).toEqual([]);
        expect(await p.send('books', { eid })).toMatchObject({ raised, delivered: raised, pending: 0 });
        await ran(p);
      },
    });

    expect(raised).toBeGreaterThan(5);
    await end(p);
    await gone(context);
    expect(await footprint(sh)).toBe(before);
    expect(await leaks(sh)).toBe('');
  }, injecting);
}

verifies('AEM-CORE-195', 'registering for a capsule, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  const before = await footprint(sh);
  let p: Probe;

  const failed = await eachFault({
    errors: refusals,
    async attempt(fail) {
      p = await probe();
      await p.ok('register');
      return p.send('register', { flags: evf.capsule, fail });
    },
    async then({ answer }) {
      const eid = answer.ret < 0 ? await p.ok('register', { flags: evf.capsule }) : answer.ret;
      await p.ok('start', { eid });
      await p.ok('fire', { eid });
      const call = await p.nextCall();
      expect(call).toMatchObject({ eid, ppid: p.pid });
      await ended(p, call.tid);
      await end(p);
      await gone(context);
      expect(await footprint(sh)).toBe(before);
    },
  });

  expect(failed).toBeGreaterThan(3);
  expect(await leaks(sh)).toBe('');
}, injecting);

verifies('AEM-CORE-196', 'firing with data, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });
  const eid = await startedEvent(p, each);
  let raised = 0;

  const failed = await eachFault({
    errors: refusals,
    attempt: (fail) => p.on('io', 'fire', { eid, data: '0102', fail }),
    async then({ answer }) {
      raised += answer.ret < 0 ? 0 : 1;
      expect(await p.settle()).toMatchObject(answer.ret < 0 ? [] : [{ eid, data: '0102' }]);
      expect(await p.send('books', { eid })).toMatchObject({ raised, delivered: raised, refused: 0 });
    },
  });

  expect(failed).toBeGreaterThan(3);
  expect(await leaks(sh)).toBe('');
}, injecting);

verifies('AEM-CORE-197', 'an operation on an event, whatever is refused', async (context) => {
  const { probe } = context;
  await armFaults(context);
  const p = await probe();
  const live = { raised: 0, delivered: 0, pending: 0 };

  for (const [opt, arg] of [[ev.jobstart, 0], [ev.jobprio, 7], [ev.jobstop, 0], [ev.jobshtdn, 0]] as const) {
    const eid = await p.ok('register');
    const failed = await eachFault({
      errors: refusals,
      attempt: (fail) => p.send('evctl', { eid, opt, arg, fail }),
      then: async ({ answer }) =>
        opt === ev.jobshtdn && answer.ret === 0 ? undefined : expect(await p.send('books', { eid })).toMatchObject(live),
    });
    expect(failed).toBeGreaterThan(0);
    if (opt !== ev.jobshtdn) await delivers(p, eid);
  }
  const eid = await p.ok('register');
  const failed = await eachFault({
    errors: refusals,
    attempt: (fail) => p.send('books', { eid, fail }),
    then: () => delivers(p, eid),
  });
  expect(failed).toBe(2);
}, injecting);

// aem-sched stands on nothing of aem-core but, in the controls, the seeded faults.
const modules = ['core', 'example', 'pexit', 'timer', 'fd', 'ip', 'tipc'] as const;
const all = [...modules, 'sched'];

for (const module of modules) {
  verifies('AEM-CORE-198', `loading aem-${module}, whatever is refused`, async (context) => {
    const { probe, sh, after } = context;
    await armFaults(context);
    after(() => sh(all.map(ensureLoaded).join('; ')));
    await sh(`rmmod ${all.map((name) => `aem_${name}`).reverse().join(' ')}`);
    if (module !== 'core') await sh(ensureLoaded('core'));

    const p = await probe();
    const path = modulePath(module);
    const there = `grep '^aem_' /proc/modules | cut -d' ' -f1,3; ls /dev | grep -x aem-${module} || true`;
    const before = await sh(there);
    const far = 1_000_000;
    const { left } = await p.send('load', { path, fail: far });
    await sh(`rmmod aem_${module}`);

    // What the module itself asks for comes last. (Where the kernel's own loading fails it complains of itself.)
    const failed = await eachFault({
      // aem-tipc asks for a socket, to see whether there are any of TIPC.
      errors: [...refusals, 'ENOENT', ...(module === 'tipc' ? (['ENFILE', 'EINVAL'] as const) : [])],
      from: Math.max(1, far - Number(left) - 100),
      attempt: (fail) => p.send('load', { path, fail }),
      async then({ answer, refused }) {
        const unload = answer.ret < 0 ? '' : `rmmod aem_${module}; `;
        if (answer.ret < 0 || refused) expect(await sh(unload + there)).toBe(before);
      },
    });

    expect(failed).toBeGreaterThan(20);
    await end(p);
    await sh(all.map(ensureLoaded).join('; '));
    const other = await probe();
    await delivers(other, await other.ok('register'));
    // A cache whose kobject cannot be added keeps the kobject's name, in 6.12.
    expect(await leaksBut('sysfs_slab_add', sh)).toBe('');
  }, { ...injecting, provokes: ['warning'] });
}

verifies('AEM-CORE-199', 'reading the list of events, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  const p = await probe();
  // More than a page of lines, however short the ids.
  const count = 250;
  const { first } = await p.send('many', { count, idle: true });

  const failed = await eachFault({
    errors: refusals,
    attempt: (fail) => p.send('read', { path: '/sys/kernel/debug/aem/events', fail }),
    then({ answer }) {
      if (answer.ret >= 0) expect(answer.ret).toBeGreaterThan(4096);
      return Promise.resolve();
    },
  });

  expect(failed).toBeGreaterThan(2);
  for (let i = 0; i < count; i++) await p.ok('shutdown', { eid: Number(first) + i });
  expect(await footprint(sh)).toContain('aem_example 0');
  expect(await leaks(sh)).toBe('');
}, injecting);
