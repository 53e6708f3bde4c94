// SPDX-License-Identifier: GPL-2.0-only
/** Timers when somebody sets CLOCK_REALTIME, and where a time namespace shows other clocks. */
import { expect } from 'vitest';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { armed, clocks, create, hold, hour, millisecond, second } from './timer.ts';

/** Steps the clock of the guest, until the test has ended. */
async function stepper({ after, probe }: Context): Promise<(by: number) => Promise<void>> {
  const p: Probe = await probe();
  let sum = 0;
  const step = async (by: number): Promise<void> => {
    sum += by;
    await p.ok('clock-step', { by });
  };
  // Before the probe is ended, as what was begun last.
  after(() => step(-sum));
  return step;
}

verifies('AEM-TIMER-039', 'a timer expires when the clock is set beyond its time', async (context) => {
  const [p, step] = [await context.probe(), await stepper(context)];
  const id = await armed(p, { ahead: hour }, { clock: 'realtime' });

  await step(2 * hour);

  const call = await p.nextCall();
  expect(call).toMatchObject({ eid: id });
  expect(call.late).toBeGreaterThanOrEqual(0);
});

verifies('AEM-TIMER-039', 'a timer waits for as long as the clock is set back', async (context) => {
  const [p, step] = [await context.probe(), await stepper(context)];
  const id = await armed(p, { ahead: hour }, { clock: 'realtime' });

  await step(-hour);

  const { value } = await p.send('timer-get', { id });
  expect(value).toBeGreaterThan(1.5 * hour);
  expect(value).toBeLessThanOrEqual(2 * hour);
  await step(1.5 * hour);
  expect(await p.settle()).toEqual([]);
  await step(hour);
  const call = await p.nextCall();
  expect(call).toMatchObject({ eid: id });
  expect(call.late).toBeGreaterThanOrEqual(0);
});

verifies('AEM-TIMER-039', 'a periodic timer whose clock is set back keeps what has expired', async (context) => {
  const [p, step] = [await context.probe(), await stepper(context)];
  const id = await create(p, { clock: 'realtime' });
  const held = await hold(p);
  const interval = 1000 * second;
  await held.expire(id, { ahead: 0, interval });
  await step(-2 * hour);
  await held.release();

  expect(await p.nextCall()).toMatchObject({ eid: id, overrun: 0 });
  const { value } = await p.send('timer-get', { id });
  expect(value).toBeGreaterThan(2 * hour);
  expect(value).toBeLessThanOrEqual(2 * hour + interval);
});

verifies('AEM-TIMER-040', 'setting the clock changes no other timer', async (context) => {
  const [p, step] = [await context.probe(), await stepper(context)];
  const timers: number[] = [];
  for (const clock of clocks) {
    timers.push(await armed(p, { value: hour }, { clock }));
    if (clock !== 'realtime') timers.push(await armed(p, { ahead: hour }, { clock }));
  }

  for (const by of [2 * hour, -3 * hour]) {
    await step(by);

    expect(await p.settle()).toEqual([]);
    for (const id of timers) {
      const { value } = await p.send('timer-get', { id });
      expect(value).toBeGreaterThan(hour / 2);
      expect(value).toBeLessThanOrEqual(hour);
    }
  }
});

verifies('AEM-TIMER-050', 'an absolute time is that of the clock that the time namespace shows', async ({ probe, run, unsupported }) => {
  if ((await run(['test', '-e', '/proc/self/ns/time'])).status !== 0) unsupported('this kernel has no time namespaces (CONFIG_TIME_NS)');
  // Seconds by which CLOCK_MONOTONIC and CLOCK_BOOTTIME are ahead: no clock goes back to before the machine was started.
  for (const ahead of [[-1, 1_000_000], [1_000_000, -1]]) {
    const p = await probe({ argv: ['probe', 'clocks', ...ahead.map(String)] });

    for (const clock of clocks) {
      const id = await armed(p, { ahead: hour }, { clock });
      const { value } = await p.send('timer-get', { id });
      expect(value, `${clock}, ${String(ahead)} s ahead`).toBeGreaterThan(hour / 2);
      expect(value, `${clock}, ${String(ahead)} s ahead`).toBeLessThanOrEqual(hour);
    }
    for (const clock of clocks) await armed(p, { ahead: 300 * millisecond }, { clock });
    for (const clock of clocks) expect((await p.nextCall()).late, `${clock}, ${String(ahead)} s ahead`).toBeGreaterThanOrEqual(0);
  }
});
