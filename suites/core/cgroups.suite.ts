// SPDX-License-Identifier: GPL-2.0-only
/** Events of processes in control groups that have no room left. */
import { expect } from 'vitest';
import { each, evf, killedBy, returned } from '../harness/aem.ts';
import { ended, startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { maxUserEvents, putBack } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';

const quiet = evf.fork | evf.nocldwait;

/** Puts a probe into a control group of its own, which goes with the test. Returns the group's folder. */
async function confined({ sh, after }: Context, p: Probe, controller: string): Promise<string> {
  const folder = `/sys/fs/cgroup/aem-${controller}`;
  await sh(`echo +${controller} > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p ${folder}`);
  after(async () => {
    await p.process.kill(9);
    await p.exited;
    await sh(`rmdir ${folder}`);
  });
  await sh(`echo ${p.pid} > ${folder}/cgroup.procs`);
  return folder;
}

verifies('AEM-CORE-171', 'an activation at the limit of a control group is delivered when there is room', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  await p.ok('vmtable');
  const eid = await startedEvent(p, quiet | each, undefined, 171);
  const group = await confined(context, p, 'pids');
  await sh(`cat ${group}/pids.current > ${group}/pids.max`);

  for (const data of ['01', '02']) await p.ok('fire', { eid, data });
  expect(await p.settle()).toEqual([]);
  expect(await p.send('books', { eid })).toMatchObject({ ret: 0, delivered: 0, pending: 2 });
  await sh(`echo max > ${group}/pids.max`);

  for (const data of ['01', '02']) {
    const call = await p.nextCall();
    expect(call).toMatchObject({ eid, ppid: p.pid, data });
    await ended(p, call.tid);
  }
  expect(await p.send('books', { eid })).toMatchObject({ delivered: 2, pending: 0 });
});

verifies(
  'AEM-CORE-172',
  'a handler process that is killed for want of memory ends its handler, not its event',
  async (context) => {
    const { probe, sh } = context;
    const p = await probe();
    await p.ok('vmtable');
    const eid = await startedEvent(p, evf.fork, 'fill:205,eat:96');
    const group = await confined(context, p, 'memory');
    await sh(`echo 32M > ${group}/memory.max`);

    await p.ok('fire', { eid, data: '01020304' });

    const { tid } = await p.nextCall();
    expect(await p.ok('reap', { pid: tid })).toBe(killedBy(9));
    expect(await sh(`grep '^oom_kill ' ${group}/memory.events`)).toBe('oom_kill 1');
    expect(await p.send('left', { eid })).toMatchObject({ data: 'cdcdcdcd' });
    expect(await p.send('books', { eid })).toMatchObject({ delivered: 1, pending: 0 });
    await p.ok('on', { eid });
    await p.ok('fire', { eid, data: '05' });
    const next = await p.nextCall();
    expect(next).toMatchObject({ eid, ppid: p.pid, data: '05' });
    expect(await p.ok('reap', { pid: next.tid })).toBe(returned(0));
  },
  { provokes: ['out-of-memory'] },
);

verifies('AEM-CORE-173', 'registrations that failed at the memory limit do not count', async (context) => {
  const { probe, sh, after } = context;
  await putBack({ sh, after }, maxUserEvents);
  const p = await probe({ uid: 1001, gid: 1001 });
  const group = await confined(context, p, 'memory');
  await sh(`echo 4M > ${group}/memory.max`);

  const many = await p.send('many', { count: 1_000_000, idle: true, failed: 50 });
  expect(many).toMatchObject({ ret: -1, errno: 'ENOMEM', failed: 50 });

  await sh(`echo max > ${group}/memory.max; echo ${Number(many['registered']) + 10} > ${maxUserEvents}`);
  for (let i = 0; i < 10; i++) await p.ok('register');
  expect(await p.send('register')).toMatchObject({ ret: -1, errno: 'EAGAIN' });
});
