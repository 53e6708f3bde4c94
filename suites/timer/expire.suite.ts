// SPDX-License-Identifier: GPL-2.0-only
/**
 * When timers expire. How late depends on the host and is not looked at; but
 * never early, by the clock that the timer goes by, which the probe looks at
 * in the handler.
 */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { armed, clocks, create, hold, hour, millisecond, raised, second } from './timer.ts';

verifies('AEM-TIMER-008', 'no relative time is over before it has passed', async ({ probe }) => {
  const p = await probe();

  for (const value of [1, 1000, 65_537, millisecond, 20 * millisecond]) {
    for (const clock of clocks) {
      await armed(p, { value }, { clock });
      expect((await p.nextCall()).late, `${value} ns on ${clock}`).toBeGreaterThanOrEqual(0);
    }
  }
  for (const clock of clocks) await armed(p, { value: 300 * millisecond }, { clock });
  for (const clock of clocks) expect((await p.nextCall()).late, clock).toBeGreaterThanOrEqual(0);
});

verifies('AEM-TIMER-009', 'no absolute time comes before the clock shows it', async ({ probe }) => {
  const p = await probe();

  for (const ahead of [1000, 65_537, millisecond, 20 * millisecond]) {
    for (const clock of clocks) {
      await armed(p, { ahead }, { clock });
      expect((await p.nextCall()).late, `${ahead} ns on ${clock}`).toBeGreaterThanOrEqual(0);
    }
  }
  for (const clock of clocks) await armed(p, { ahead: 300 * millisecond }, { clock });
  for (const clock of clocks) expect((await p.nextCall()).late, clock).toBeGreaterThanOrEqual(0);
});

verifies('AEM-TIMER-010', 'an absolute time that has passed comes at once', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    for (const at of [1, 1000]) {
      const eid = await armed(p, { at }, { clock });
      expect(await p.nextCall()).toMatchObject({ eid, overrun: 0 });
    }
  }
});

verifies('AEM-TIMER-011', 'a periodic timer expires each time, never early', async ({ probe }) => {
  const p = await probe();

  const timers = new Map<number, { readonly clock: string; calls: number }>();
  for (const clock of clocks) {
    const eid = await armed(p, { value: millisecond, interval: 200 * millisecond }, { clock });
    timers.set(eid, { clock, calls: 0 });
  }
  const counts = (): readonly number[] => [...timers.values()].map(({ calls }) => calls);
  while (Math.min(...counts()) < 5) {
    const call = await p.nextCall();
    const timer = timers.get(call.eid) ?? { clock: 'no clock of them', calls: 0 };
    timer.calls += 1;
    expect([...timers.keys()]).toContain(call.eid);
    expect(call.late, `call ${timer.calls} on ${timer.clock}`).toBeGreaterThanOrEqual(0);
    // All have the same interval: one that is so far behind expires no more.
    expect(Math.max(...counts()), JSON.stringify([...timers.values()])).toBeLessThan(50);
  }
});

verifies('AEM-TIMER-012', 'a timer without an interval expires once', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    const id = await armed(p, { value: millisecond }, { clock });
    expect(await p.nextCall()).toMatchObject({ eid: id, overrun: 0 });

    expect(await p.send('timer-get', { id })).toMatchObject({ value: 0, interval: 0 });
    await p.ok('pass', { value: 10 * millisecond });
    expect(await p.settle()).toEqual([]);
  }
});

verifies('AEM-TIMER-013', 'a timer that is set anew expires at the new time, be it earlier', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    const id = await armed(p, { value: hour, interval: hour }, { clock });
    await p.ok('timer-set', { id, value: millisecond });

    const call = await p.nextCall();
    expect(call).toMatchObject({ eid: id });
    expect(call.late).toBeGreaterThanOrEqual(0);
    expect(await p.send('timer-get', { id })).toMatchObject({ value: 0, interval: 0 });
  }
});

verifies('AEM-TIMER-013', 'a timer that is set anew does not expire at the old time', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    const id = await create(p, { clock });
    const held = await hold(p);
    await held.set(id, { value: 20 * millisecond });
    await held.set(id, { value: hour });
    await p.on('io', 'pass', { value: 40 * millisecond });
    await held.release();

    expect(await p.settle()).toEqual([]);
    const { value } = await p.send('timer-get', { id });
    expect(value, clock).toBeGreaterThan(second);
  }
});

verifies('AEM-TIMER-014', 'a timer that is set to 0 does not expire, whatever the interval', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    for (const interval of [0, 5 * millisecond]) {
      const id = await create(p, { clock });
      const held = await hold(p);
      await held.set(id, { value: 10 * millisecond, interval });
      await held.set(id, { value: 0, interval });
      await p.on('io', 'pass', { value: 20 * millisecond });
      await held.release();

      expect(await p.settle()).toEqual([]);
      expect(await p.send('timer-get', { id })).toMatchObject({ value: 0, interval: 0 });
    }
  }
});

verifies('AEM-TIMER-015', 'an expiration that waits is dropped when the timer is disarmed', async ({ probe }) => {
  const p = await probe();
  const id = await create(p);
  const held = await hold(p);

  await held.expire(id, { value: 1 });
  await held.set(id, { value: 0 });
  await held.release();

  expect(await p.settle()).toEqual([]);
  await p.ok('timer-set', { id, value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: id, overrun: 0 });
});

verifies('AEM-TIMER-015', 'an expiration that waits is dropped when the timer is set anew', async ({ probe }) => {
  const p = await probe();
  const id = await create(p);
  const held = await hold(p);

  await held.expire(id, { value: 1, interval: millisecond });
  await held.set(id, { value: hour });
  await held.release();

  expect(await p.settle()).toEqual([]);
});

verifies('AEM-TIMER-015', 'an expiration whose call is prepared is dropped by the handler before it', async ({ probe }) => {
  const p = await probe();
  const [first, later] = [await create(p), await create(p)];
  await p.ok('on', { eid: first, do: `disarm:${later}` });
  const held = await hold(p);

  await held.expire(first, { value: 1 });
  await held.expire(later, { value: 1 });
  await held.release();

  expect(await p.settle()).toMatchObject([{ eid: first }]);
  await p.ok('timer-set', { id: later, value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: later });
});

verifies('AEM-TIMER-024', 'arming starts the event, also one that was stopped', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, { value: 1 });
  expect(await p.nextCall()).toMatchObject({ eid: id });
  await p.ok('stop', { eid: id });

  await p.ok('timer-set', { id, value: 1 });

  expect(await p.nextCall()).toMatchObject({ eid: id });
});

verifies('AEM-TIMER-025', 'an expiration while the event is stopped is told when it is started', async ({ probe }) => {
  const p = await probe();
  const id = await create(p);
  const held = await hold(p);
  let before: number;
  let value = 100 * millisecond;
  // Until it has not expired by then: the host may be slow.
  do {
    value *= 2;
    before = await raised(p, id);
    await held.set(id, { value });
    await p.on('io', 'stop', { eid: id });
  } while ((await raised(p, id)) > before);
  await held.release();

  await p.on('io', 'timer-await', { id, raised: before + 1 });
  expect(await p.settle()).toEqual([]);
  await p.ok('start', { eid: id });

  expect(await p.nextCall()).toMatchObject({ eid: id, overrun: 0 });
});

verifies('AEM-TIMER-026', 'a timer is set in its own handler', async ({ probe }) => {
  const p = await probe();
  const id = await create(p);
  await p.ok('on', { eid: id, do: `rearm:${millisecond}` });

  await p.ok('timer-set', { id, value: 1 });

  for (let i = 0; i < 4; i++) {
    const call = await p.nextCall();
    expect(call).toMatchObject({ eid: id, overrun: 0 });
    expect(call.late).toBeGreaterThanOrEqual(0);
  }
});

verifies('AEM-TIMER-029', 'of many timers each expires once, none early', async ({ probe, limit }) => {
  const p = await probe();
  const count = limit('timers');

  expect(await p.send('timer-many', { count, value: 500 * millisecond })).toMatchObject({ armed: count });
  await p.notice('did');

  const { ran, wrong, least } = await p.send('timer-many-ran');
  expect({ ran, wrong }).toEqual({ ran: count, wrong: 0 });
  expect(least).toBeGreaterThanOrEqual(0);
});

verifies('AEM-TIMER-037', 'a time that is too far away does not come', async ({ probe }) => {
  const p = await probe();
  const [last, year] = ['9223372036854775807', 365 * 24 * hour];

  for (const clock of clocks) {
    for (const flags of [0, 1]) {
      for (const sec of [last, '9223372036', '9223372035']) {
        const id = await armed(p, { sec, nsec: 999_999_999, isec: last, flags }, { clock });
        const { value } = await p.send('timer-get', { id });
        expect(value, `${sec} s on ${clock}`).toBeGreaterThan(200 * year);
      }
    }
  }
  expect(await p.settle()).toEqual([]);
});
