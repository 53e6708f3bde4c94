// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { killedBy, signals } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { pidIn, watch } from './watch.ts';

/** Those that signal(7) gives another default action than the end of the process. */
const harmless = [signals.SIGCHLD, signals.SIGCONT, signals.SIGSTOP, 20, 21, 22, 23, 28];

verifies('AEM-PEXIT-003', 'every signal that ends a process is reported', async (context) => {
  const { probe, spawn, line, sh } = context;
  const all = Array.from({ length: 64 }, (_, index) => index + 1);
  const fatal = all.filter((signal) => !harmless.includes(signal));
  const p = await probe();

  for (const some of [fatal.slice(0, 32), fatal.slice(32)]) {
    const parent = await spawn(['probe', 'target', 'returns', `1-${some.length}`]);
    const expected: { pid: number; status: number }[] = [];
    for (const signal of some) expected.push({ pid: pidIn(await line(parent)), status: killedBy(signal) });
    await line(parent);
    await Promise.all(expected.map(({ pid }) => watch(p, pid)));

    await sh(expected.map(({ pid, status }) => `kill -${status} ${pid}`).join('\n'));
    await parent.write('\n');
    expect(await line(parent)).toMatch('reaped');

    const calls = (await p.settle()).map(({ pid, status }) => ({ pid, status }));
    expect(calls).toHaveLength(expected.length);
    expect(calls).toEqual(expect.arrayContaining(expected));
    await parent.write('\n');
  }
});

verifies('AEM-PEXIT-005', 'the core-dump bit is set when core was dumped', async (context) => {
  const { probe, spawn, line, sh, after } = context;
  const pattern = await sh('cat /proc/sys/kernel/core_pattern');
  after(() => sh(`echo '${pattern}' > /proc/sys/kernel/core_pattern; rm -f /tmp/aemcert.core`));
  const p = await probe();
  const abort = async (how: readonly string[]): Promise<void> => {
    const target = await spawn(['probe', 'target', ...how]);
    await line(target);
    await watch(p, target.pid);
    await target.write('\n');
    await target.exited;
  };

  await sh('rm -f /tmp/aemcert.core; echo /tmp/aemcert.core > /proc/sys/kernel/core_pattern');
  await abort(['core']);
  expect(await p.settle()).toMatchObject([{ status: killedBy(signals.SIGABRT, true) }]);
  await sh('rm /tmp/aemcert.core');

  // Its limit of the size is zero.
  await abort(['signal', String(signals.SIGABRT)]);
  expect(await p.settle()).toMatchObject([{ status: killedBy(signals.SIGABRT) }]);
  await sh('! test -e /tmp/aemcert.core');

  // There is no place to write it to.
  await sh('echo /tmp/no/such/folder/core > /proc/sys/kernel/core_pattern');
  await abort(['core']);
  expect(await p.settle()).toMatchObject([{ status: killedBy(signals.SIGABRT) }]);
});

verifies('AEM-PEXIT-006', 'an end for want of memory is an end by SIGKILL', async (context) => {
  const { probe, spawn, line, sh, after } = context;
  const group = '/sys/fs/cgroup/aemcert-oom';
  await sh('echo +memory > /sys/fs/cgroup/cgroup.subtree_control');
  await sh(`mkdir ${group}; echo 8M > ${group}/memory.max`);
  after(() => sh(`rmdir ${group}`));
  const p = await probe();
  const target = await spawn(['probe', 'target', 'oom']);
  await line(target);
  await sh(`echo ${target.pid} > ${group}/cgroup.procs`);
  await watch(p, target.pid);

  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toMatchObject([{ pid: target.pid, status: killedBy(signals.SIGKILL) }]);
  expect(await sh(`cat ${group}/memory.events`)).toMatch(/^oom_kill [1-9]/m);
}, { provokes: ['out-of-memory'] });
