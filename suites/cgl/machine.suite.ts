// SPDX-License-Identifier: GPL-2.0-only
/** PRF.2.1, PRF.2.2: processes and interrupts keep to the CPUs that they are bound to. */
import { expect } from 'vitest';
import type { Context } from '../harness/verifies.ts';
import { native, neutral } from './neutral.ts';

/** As many as one can be bound to with the probe's word, from 0 on. */
const most = 30;

/** CPUs that this machine has and that a program may run on, by their numbers; the first ones. */
async function cpus({ sh, unsupported }: Pick<Context, 'sh' | 'unsupported'>): Promise<readonly number[]> {
  const list = await sh("sed -n 's/^Cpus_allowed_list:\\t//p' /proc/self/status");
  const ranges = list.split(',').map((range) => range.split('-').map(Number));
  const all = ranges.flatMap(([first = 0, last = first]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
  const few = all.filter((cpu) => cpu < most).slice(0, 8);
  if (few.length < 2) unsupported('a machine with one CPU');
  return few;
}

neutral('PRF.2.1-b', 'a process that is bound runs there alone', [native('sched_setaffinity')], async (context) => {
  const numbers = await cpus(context);
  const { send, ok } = await context.probe();

  for (let turn = 0; turn < 2; turn++) {
    for (const cpu of numbers) {
      await ok('pin', { cpus: 1 << cpu });
      expect(await send('native-where', { ms: 10 }), `bound to ${cpu}`).toMatchObject({ ret: 1 << cpu });
    }
  }
  // Where there is no such CPU it stays bound as it was.
  if ((await context.run(['test', '-e', `/sys/devices/system/cpu/cpu${most}`])).status !== 0) {
    expect(await send('pin', { cpus: 1 << most })).toMatchObject({ ret: -1, errno: 'EINVAL' });
    expect(await send('native-where', { ms: 10 })).toMatchObject({ ret: 1 << (numbers.at(-1) ?? 0) });
  }
});

/** How often each interrupt was handled, by its number, on each CPU. */
async function handled({ sh }: Pick<Context, 'sh'>, count: number): Promise<ReadonlyMap<number, readonly number[]>> {
  const lines = (await sh('cat /proc/interrupts')).split('\n');
  return new Map(
    lines.flatMap((line) => {
      const [name = '', ...counts] = line.trim().split(/\s+/);
      return /^\d+:$/.test(name) ? [[Number(name.slice(0, -1)), counts.slice(0, count).map(Number)] as const] : [];
    }),
  );
}

neutral('PRF.2.2-b', 'an interrupt that is bound is handled there alone', [native('smp_affinity')], async (context) => {
  await cpus(context);
  const { sh, after, target } = context;
  const { ok, send } = await context.probe();
  const count = Number(await sh("head -n1 /proc/interrupts | wc -w"));
  const since = async (before: ReadonlyMap<number, readonly number[]>): Promise<ReadonlyMap<number, readonly number[]>> => {
    // What the test asks for comes by an interrupt, too.
    for (let times = 0; times < 5; times++) await ok('gettid');
    const now = await handled(context, count);
    return new Map([...now].map(([irq, on]) => [irq, on.map((one, cpu) => one - (before.get(irq)?.[cpu] ?? 0))]));
  };
  const sum = (counts: readonly number[] = []): number => counts.reduce((total, one) => total + one, 0);

  const active = [...(await since(await handled(context, count)))].sort(([, a], [, b]) => sum(b) - sum(a));
  const [irq = 0, times] = active[0] ?? [];
  if (sum(times) === 0) context.unsupported('no interrupt of a device comes when the test talks to the machine');
  await target.keep(`/proc/irq/${irq}/smp_affinity_list`);
  const was = await sh(`cat /proc/irq/${irq}/smp_affinity_list`);
  after(() => sh(`echo ${was} > /proc/irq/${irq}/smp_affinity_list`));

  for (const cpu of [1, 0, 1]) {
    const { errno } = await send('native-bind', { irq, cpu });
    if (errno === 'EIO' || errno === 'EPERM') context.unsupported(`irq ${irq}, the one that comes, is bound by its driver (${errno})`);
    expect(errno).toBeNull();
    // It goes to the new CPU with the next one that comes.
    await since(new Map());
    const counts = (await since(await handled(context, count))).get(irq) ?? [];
    expect(sum(counts)).toBeGreaterThan(0);
    expect(counts, `irq ${irq} bound to ${cpu}`).toEqual(counts.map((one, on) => (on === cpu ? one : 0)));
  }
}, 'interrupts');
