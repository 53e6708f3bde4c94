// SPDX-License-Identifier: GPL-2.0-only
/** What happens at the limits: errors, and nothing lost. */
import { expect } from 'vitest';
import { modulePath } from '../harness/modules.ts';
import { lookMs, maxUserEvents, putBack, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';

const alice = { uid: 1001, gid: 1001 };
const bob = { uid: 1002, gid: 1002 };

verifies('AEM-CORE-077', 'a user’s processes together have no more events than the quota', async ({ probe, sh, after }) => {
  const [one, two, other] = [await probe(alice), await probe(alice), await probe(bob)];

  await set({ sh, after }, maxUserEvents, 3);

  await one.ok('register');
  await two.ok('register');
  await one.ok('register');
  expect(await one.send('register')).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  expect(await two.send('register')).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  // It is a limit of each user.
  await other.ok('register');
});

verifies('AEM-CORE-078', 'an event that is gone counts no more', async ({ probe, sh, after }) => {
  const p = await probe(alice);
  await set({ sh, after }, maxUserEvents, 1);

  for (let i = 0; i < 3; i++) {
    const eid = await p.ok('register');
    await p.ok('shutdown', { eid });
  }
  await p.ok('register');
  await p.ok('exit', { now: true });
  await p.exited;

  const next = await probe(alice);
  expect((await next.send('register')).ret).toBeGreaterThan(0);
});

verifies('AEM-CORE-220', 'a user’s quotas are an eighth of memory until they are set', async ({ probe, sh, after }) => {
  const p = await probe();
  after(() => sh('cd /lib/aem; for m in aem-core $(ls | grep "^aem-.*ko$" | sed s/.ko//); do test -e /dev/$m || insmod $m.ko; done'));
  await sh('rmmod $(grep -o "^aem_[a-z]*" /proc/modules | grep -v aem_core) aem_core');

  await p.ok('load', { path: modulePath('core') });

  const eighth = Number(await sh('sed -n "s/MemTotal: *\\([0-9]*\\).*/\\1/p" /proc/meminfo')) / 8;
  const events = Number(await sh(`cat ${maxUserEvents}`));
  // 282 bytes a timer, by measurement; what is least is a page less a remainder.
  expect((events * 282) / 1024).toBeLessThanOrEqual(eighth);
  expect((events * 282) / 1024).toBeGreaterThan(Math.min(eighth, 1024 * 1024) / 2);
  const zones = Number(await sh('cat /proc/sys/aem/max_user_zone_kb'));
  expect(zones).toBeLessThanOrEqual(eighth);
  expect(zones).toBeGreaterThan(Math.min(eighth, 64 * 1024) / 2);
});

verifies('AEM-CORE-079', 'at the memory limit registration fails with ENOMEM, and nothing is killed', async ({
  probe,
  sh,
  after,
}) => {
  await sh('echo +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p /sys/fs/cgroup/aem-limit');
  const p = await probe();
  after(async () => {
    await p.process.kill(9);
    await p.exited;
    await sh('rmdir /sys/fs/cgroup/aem-limit');
  });
  await sh(`echo ${p.pid} > /sys/fs/cgroup/aem-limit/cgroup.procs`);
  await sh('echo 4M > /sys/fs/cgroup/aem-limit/memory.max');

  const many = await p.send('many', { count: 1_000_000, idle: true });

  expect(many).toMatchObject({ ret: -1, errno: 'ENOMEM' });
  expect(many['registered']).toBeGreaterThan(1000);
  expect(await sh('grep "^oom_kill " /sys/fs/cgroup/aem-limit/memory.events')).toBe('oom_kill 0');
});

verifies('AEM-CORE-222', 'how soon it is looked whether a handler was left is 1 ms to a minute', async ({ sh, run, after }) => {
  expect(await putBack({ sh, after }, lookMs)).toBe('100');
  const write = async (value: number): Promise<boolean> => (await run(['sh', '-c', `echo ${value} > ${lookMs}`])).status === 0;

  for (const value of [1, 60_000]) expect(await write(value), String(value)).toBe(true);
  for (const value of [0, 60_001]) expect(await write(value), String(value)).toBe(false);
  expect(await sh(`cat ${lookMs}`)).toBe('60000');
});
