// SPDX-License-Identifier: GPL-2.0-only
/** What a timer says of itself: the time left, the old setting, the overrun count. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { armed, clocks, create, hold, hour, millisecond, second } from './timer.ts';

/** An interval of which exactly ten and a half have passed, and no more will while a test runs. */
const interval = 1000 * second;
const past = { ahead: -10.5 * interval, interval };

verifies('AEM-TIMER-016', 'setting a timer returns what it was set to', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    const id = await armed(p, { value: hour, interval: 5 * second }, { clock });
    await p.ok('pass', { value: millisecond });

    const old = await p.send('timer-set', { id, value: 0, old: true });
    expect(old).toMatchObject({ ret: 0, interval: 5 * second });
    expect(old['value']).toBeGreaterThan(hour / 2);
    expect(old['value']).toBeLessThanOrEqual(hour - millisecond);
    const none = await p.send('timer-set', { id, value: hour, old: true });
    expect(none).toMatchObject({ ret: 0, value: 0, interval: 0 });
  }
});

verifies('AEM-TIMER-017', 'the time left gets less, and is told of an absolute time too', async ({ probe }) => {
  const p = await probe();

  for (const clock of clocks) {
    for (const how of [{ value: hour }, { ahead: hour }]) {
      const id = await armed(p, { ...how, interval: 7 * second }, { clock });
      await p.ok('pass', { value: millisecond });

      const left = await p.send('timer-get', { id });
      expect(left).toMatchObject({ ret: 0, interval: 7 * second });
      expect(left['value'], clock).toBeGreaterThan(hour / 2);
      expect(left['value'], clock).toBeLessThanOrEqual(hour - millisecond);
    }
  }
});

verifies('AEM-TIMER-018', 'while an expiration waits the time left is that to the next', async ({ probe }) => {
  const p = await probe();
  const id = await create(p, { clock: 'realtime' });
  const held = await hold(p);
  await held.expire(id, past);

  const left = await p.on('io', 'timer-get', { id });

  expect(left).toMatchObject({ interval });
  expect(left['value']).toBeGreaterThan(interval / 4);
  expect(left['value']).toBeLessThanOrEqual(interval / 2);
  await held.release();
});

verifies('AEM-TIMER-019', 'the overrun count is how many expirations a call stands for beyond one', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, past, { clock: 'realtime' });

  expect(await p.nextCall()).toMatchObject({ eid: id, overrun: 10 });

  expect((await p.send('timer-overrun', { id })).ret).toBe(10);
  const left = await p.send('timer-get', { id });
  expect(left['value']).toBeLessThanOrEqual(interval / 2);
});

verifies('AEM-TIMER-020', 'overruns of a call that is not made count for the next', async ({ probe }) => {
  const p = await probe();
  const [first, stopped] = [await create(p), await create(p, { clock: 'realtime' })];
  await p.ok('on', { eid: first, do: `stop:${stopped}` });
  const held = await hold(p);
  await held.expire(first, { value: 1 });
  await held.expire(stopped, past);
  await held.release();
  expect(await p.settle()).toMatchObject([{ eid: first }]);

  await p.ok('start', { eid: stopped });

  expect(await p.nextCall()).toMatchObject({ eid: stopped, overrun: 10 });
});

verifies('AEM-TIMER-021', 'more overruns than can be told are DELAYTIMER_MAX', async ({ probe, limit }) => {
  const p = await probe();
  const id = await create(p, { clock: 'realtime' });
  await p.ok('on', { eid: id, do: 'delete' });

  await p.ok('timer-set', { id, at: 1, interval: 1 });

  expect(await p.nextCall()).toMatchObject({ eid: id, overrun: limit('delaytimer-max') });
});

verifies('AEM-TIMER-022', 'a periodic timer whose handler does not run is activated once', async ({ probe }) => {
  const p = await probe();
  const id = await create(p);
  await p.ok('on', { eid: id, do: 'delete' });
  const held = await hold(p);
  await held.expire(id, { value: 1, interval: millisecond });
  await p.on('io', 'pass', { value: 30 * millisecond });

  const books = await p.on('io', 'books', { eid: id });

  expect(books).toMatchObject({ raised: 1, pending: 1 });
  await held.release();
  expect((await p.nextCall()).overrun).toBeGreaterThanOrEqual(30);
});

verifies('AEM-TIMER-023', 'the overrun count is 0 when a timer is set anew', async ({ probe }) => {
  const p = await probe();
  const id = await armed(p, past, { clock: 'realtime' });
  expect(await p.nextCall()).toMatchObject({ eid: id });

  await p.ok('timer-set', { id, value: hour });

  expect((await p.send('timer-overrun', { id })).ret).toBe(0);
});
