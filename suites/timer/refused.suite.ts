// SPDX-License-Identifier: GPL-2.0-only
/** What is refused, and what is left of a timer that was deleted or whose module goes. */
import { expect } from 'vitest';
import { armFaults, eachFault, footprint, injecting, leaks, refusals } from '../harness/faults.ts';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import type { Answer, Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import { armed, create, hold, hour, millisecond, second } from './timer.ts';

const invalid = { ret: -1, errno: 'EINVAL' };
const last = '9223372036854775807';

/** Expects that a timer is still what it was set to: an hour. */
async function asItWas(p: Probe, id: number): Promise<void> {
  const { ret, value, interval } = await p.send('timer-get', { id });
  expect({ ret, interval }).toEqual({ ret: 0, interval: second });
  expect(value).toBeGreaterThan(hour / 2);
}

verifies('AEM-TIMER-032', 'times that are none are refused, and change nothing', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, { value: hour, interval: second });

  for (const time of [
    { sec: 1, nsec: -1 },
    { sec: 1, nsec: 1_000_000_000 },
    { sec: 0, nsec: 1_000_000_000 },
    { sec: 1, nsec: last },
    { sec: -1, nsec: 0 },
    { sec: -1, nsec: 999_999_999 },
    { sec: 1, isec: 1, insec: -1 },
    { sec: 1, isec: 1, insec: 1_000_000_000 },
    { sec: 1, isec: -1, insec: 0 },
  ]) {
    for (const flags of [0, 1]) {
      expect(await p.send('timer-set', { id, flags, ...time }), JSON.stringify(time)).toMatchObject(invalid);
    }
  }
  expect(await p.send('timer-set', { id, null: 'value' })).toMatchObject(invalid);
  expect(await p.send('timer-get', { id, null: 'value' })).toMatchObject(invalid);
  await asItWas(p, id);
});

verifies('AEM-TIMER-033', 'flags that there are not are refused, and change nothing', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, { value: hour, interval: second });

  for (const flags of [2, 3, 0x10000, -2, -0x80000000]) {
    expect(await p.send('timer-set', { id, value: 1, flags }), `flags ${flags}`).toMatchObject(invalid);
  }
  await asItWas(p, id);
});

/** The answers of all calls on a timer. */
async function callsOn(p: Probe, id: number): Promise<readonly Answer[]> {
  return [
    await p.send('timer-get', { id }),
    await p.send('timer-overrun', { id }),
    await p.send('timer-set', { id, value: hour }),
    await p.send('timer-delete', { id }),
  ];
}

verifies('AEM-TIMER-034', 'ids of no timer are refused by every call', async ({ probe }) => {
  const p = await probe();
  const gone = await create(p);
  await p.ok('timer-delete', { id: gone });
  const other = await p.ok('register');

  for (const id of [0, -1, 0x7fffffff, gone, other]) {
    for (const answer of await callsOn(p, id)) expect(answer, `id ${id}`).toMatchObject(invalid);
  }
  expect(await p.send('start', { eid: other })).toMatchObject({ ret: 0 });
});

verifies('AEM-TIMER-035', 'another process’s timer is refused by every call, root’s too', async ({ probe }) => {
  const [p, root] = [await probe({ uid: 1001, gid: 1001 }), await probe()];
  const id = await armed(p, { value: hour, interval: second });
  await create(root);

  for (const answer of await callsOn(root, id)) expect(answer).toMatchObject({ ret: -1, errno: 'EPERM' });

  await asItWas(p, id);
});

verifies('AEM-TIMER-036', 'a timer that is deleted expires no more', async ({ probe }) => {
  const p = await probe();
  const [waiting, waits] = [await create(p), await create(p)];
  const held = await hold(p);
  await held.set(waiting, { value: 20 * millisecond });
  await held.expire(waits, { value: 1 });

  for (const id of [waiting, waits]) expect(await p.on('io', 'timer-delete', { id })).toMatchObject({ ret: 0 });
  await p.on('io', 'pass', { value: 40 * millisecond });
  await held.release();

  expect(await p.settle()).toEqual([]);
  for (const id of [waiting, waits]) {
    expect(await p.send('timer-delete', { id })).toMatchObject(invalid);
  }
});

verifies('AEM-TIMER-030', 'a drained module is unloaded while timers were armed', async ({ probe, sh, after }) => {
  const drain = '/sys/class/misc/aem-timer/drain';
  const p = await probe();
  after(() => sh(`${ensureLoaded('timer')}; echo 0 > ${drain}`));
  for (const clock of ['monotonic', 'realtime', 'boottime', 'thread-cpu']) await armed(p, { value: hour }, { clock });
  const soon = [await create(p), await create(p, { clock: 'thread-cpu' })];
  const held = await hold(p);
  for (const id of soon) {
    await held.set(id, { value: 20 * millisecond });
    await p.on('io', 'stop', { eid: id });
  }
  await held.release();

  await sh(`echo 1 > ${drain}`);
  await sh('rmmod aem_timer');
  for (const clock of ['monotonic', 'thread-cpu']) await p.ok('pass', { clock, value: 40 * millisecond });

  expect(await p.settle()).toEqual([]);
  await sh(insmod('timer'));
  const next = await armed(p, { value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: next });
});

verifies('AEM-TIMER-038', 'a refused timer is no event and pins no module', async ({ probe, sh }) => {
  const p = await probe();
  await p.ok('init', { module: 'timer' });

  for (const clock of [4, 63, 'process-cpu']) {
    expect((await p.send('timer-create', { clock })).ret).toBe(-1);
  }

  expect(await footprint(sh)).toMatch(/^0\n[^]*aem_timer 0/);
});

verifies('AEM-TIMER-038', 'each call on a timer, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  const p = await probe();
  await p.ok('timer-delete', { id: await create(p) });
  expect(await p.send('timer-create', { clock: 63 })).toMatchObject(invalid);
  const before = await footprint(sh);
  expect(before).toMatch(/aem_timer 0/);

  for (const clock of ['aemevent', 'thread-cpu']) {
    const created = await eachFault({
      errors: refusals,
      attempt: (fail) => p.send('timer-create', { clock, fail }),
      async then({ answer }) {
        if (answer.ret >= 0) await p.ok('timer-delete', { id: Number(answer['id']) });
        expect(await footprint(sh)).toBe(before);
      },
    });
    expect(created, clock).toBeGreaterThan(2);
  }

  const id = await create(p);
  for (const [verb, args] of [
    ['timer-set', { value: hour, interval: second }],
    ['timer-get', {}],
    ['timer-overrun', {}],
  ] as const) {
    const failed = await eachFault({
      errors: refusals,
      attempt: (fail) => p.send(verb, { id, ...args, fail }),
      // The old setting may be what could not be told, of a timer that is set.
      then: () => p.ok('timer-set', { id, value: hour, interval: second }),
    });
    expect(failed).toBeGreaterThan(0);
    await asItWas(p, id);
  }
  await p.ok('timer-set', { id, value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: id });
  await p.ok('timer-delete', { id });
  expect(await footprint(sh)).toBe(before);
  expect(await leaks(sh)).toBe('');
}, injecting);
