// SPDX-License-Identifier: GPL-2.0-only
/** What a handler may do to its program, and what may happen to it. */
import { expect } from 'vitest';
import { evf, signals, zone } from '../harness/aem.ts';
import { ended, startedEvent } from '../harness/handler-process.ts';
import { verifies } from '../harness/verifies.ts';
import { together } from './batch.ts';

const { SIGKILL, SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2 } = signals;
const drain = '/sys/class/misc/aem-example/drain';

/** Where a signal stands in a mask. */
const bit = (signal: number): number => 2 ** (signal - 1);

verifies('AEM-CORE-183', 'a drain waits for a handler until it is told to stop, or its process is', async (context) => {
  const { probe, sh, spawn, after, inState } = context;
  const [p, other] = [await probe(), await probe()];
  const eid = await startedEvent(p, 0, 'hold');
  await p.on('io', 'fire', { eid });
  await p.notice('holding');
  after(() => sh(`echo 0 > ${drain}`));

  const first = await spawn(['sh', '-c', `echo 1 > ${drain}`]);
  // Before it is waited for: else it may wait itself.
  after(() => p.process.kill(SIGKILL));
  await inState(first.pid, 'S');
  await first.kill(SIGTERM);
  expect(await first.exited).toEqual({ signal: SIGTERM });
  expect(await other.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });

  const second = await spawn(['sh', '-c', `echo 1 > ${drain}`]);
  await inState(second.pid, 'S');
  await p.process.kill(SIGKILL);
  expect(await p.ended()).toEqual({ signal: SIGKILL });
  expect(await second.exited).toEqual({ status: 0 });
});

for (const [how, what] of [['exit', 'exit()'], ['_exit', 'the system call']] as const) {
  verifies('AEM-CORE-184', `a handler ends the process by ${what}, and what waits behind it`, async ({ probe }) => {
    const [p, other] = [await probe(), await probe()];
    const [eid, next] = [await startedEvent(p, 0, `${how}:3`), await startedEvent(p, 0)];
    // Its last answer may be cut off: the process ends.
    together(p, [eid, next]).catch(() => undefined);

    expect(await p.nextCall()).toMatchObject({ eid });
    expect(await p.ended()).toEqual({ status: 3 });

    await expect(p.nextCall()).rejects.toThrow('it exited with 3');
    for (const gone of [eid, next]) {
      expect(await other.send('fire', { eid: gone })).toMatchObject({ ret: -1, errno: 'EINVAL' });
    }
  });
}

verifies('AEM-CORE-185', 'the program that a handler starts is as any other', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  await p.ok('sigmask', { signal: SIGUSR2 });
  const eid = await startedEvent(p, 0, 'exec-probe');
  const high = await startedEvent(p, 0);
  await p.ok('priority', { eid: high, priority: 3 });

  await other.ok('fire', { eid });
  await p.notice('ready');
  expect(await p.nextCall()).toMatchObject({ eid, depth: 1 });

  for (const gone of [eid, high]) {
    expect(await other.send('fire', { eid: gone })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  const own = await startedEvent(p, 0);
  await p.ok('fire', { eid: own });
  expect(await p.settle()).toMatchObject([{ eid: own, tid: p.pid, depth: 1, mask: bit(SIGUSR2) }]);
  expect(await p.ok('calls')).toBe(1);
});

verifies('AEM-CORE-186', 'a signal is handled on top of a handler, which goes on', async ({ probe }) => {
  const p = await probe();
  await p.ok('catch', { signal: SIGUSR1 });
  const eid = await startedEvent(p, 0, 'hold,return');
  await p.on('io', 'fire', { eid });
  await p.notice('holding');

  await p.on('io', 'kill', { signal: SIGUSR1 });

  expect(await p.notice('signal')).toMatchObject({ signal: SIGUSR1, tid: p.pid });
  expect(p.returns()).toEqual([]);
  await p.on('io', 'release', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
  expect(p.returns()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-187', 'a handler that unmaps its zone is given data that is not there', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  for (const one of [p, other]) await one.ok('vmtable', { zone: zone.v });
  const [eid, forks] = [await startedEvent(p, 0, 'unmap-zone,count:1'), await startedEvent(p, evf.fork | evf.nocldwait)];
  const theirs = await startedEvent(other, 0);

  await p.ok('fire', { eid, data: '0102' });
  expect(await p.notice('did')).toMatchObject({ did: 'count', ret: 1 });
  expect(await p.send('left', { eid })).toMatchObject({ data: '0102' });
  // As long as it does not touch it.
  await p.ok('on', { eid, do: 'quiet,count:1' });
  await p.ok('fire', { eid, data: '0304' });
  expect(await p.notice('did')).toMatchObject({ did: 'count', ret: 2 });
  await p.nextCall();
  await p.ok('fire', { eid: forks, data: '0506' });
  const call = await p.nextCall();
  expect(call).toMatchObject({ eid: forks, data: '0506' });
  await ended(p, call.tid);

  await p.ok('on', { eid });
  p.send('fire', { eid, data: '07' }).catch(() => undefined);
  expect(await p.ended()).toEqual({ signal: SIGSEGV });
  await other.ok('fire', { eid: theirs, data: '08' });
  expect(await other.settle()).toMatchObject([{ eid: theirs, data: '08' }]);
});
