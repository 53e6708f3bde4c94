// SPDX-License-Identifier: GPL-2.0-only
/** EVF_FORK: handlers in processes made for the activation. */
import { expect } from 'vitest';
import { each, ev, evf, killedBy, returned, signals } from '../harness/aem.ts';
import { childrenOf, ended, makeGate, startedEvent } from '../harness/handler-process.ts';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';

const quiet = evf.fork | evf.nocldwait;

verifies('AEM-CORE-086', 'the handler runs in a new child of the owner', async ({ probe, sh }) => {
  const p = await probe();
  const eid = await startedEvent(p, quiet, undefined, 86);
  const before = await childrenOf(sh, p.pid);

  await p.ok('fire', { eid });
  const first = await p.nextCall();
  await ended(p, first.tid);
  await p.ok('fire', { eid });
  const second = await p.nextCall();

  expect(before).toEqual([]);
  expect(first).toMatchObject({ eid, ppid: p.pid });
  expect(second).toMatchObject({ eid, ppid: p.pid });
  expect(first.tid).not.toBe(p.pid);
  expect(second.tid).not.toBe(p.pid);
  expect(second.tid).not.toBe(first.tid);
});

verifies('AEM-CORE-087', 'the handler process counts in its own memory', async ({ probe }) => {
  const p = await probe();
  await p.ok('count', { add: 40 });
  const eid = await startedEvent(p, quiet, 'count:2', 87);

  await p.ok('fire', { eid });

  expect(await p.notice('did')).toMatchObject({ did: 'count', ret: 42 });
  await ended(p, (await p.nextCall()).tid);
  expect(await p.ok('count')).toBe(40);
});

verifies('AEM-CORE-088', 'the handler process is given its arguments and its data', async ({ probe }) => {
  const p = await probe();
  const { addr } = await p.send('vmtable', { size: 8192 });
  const eid = await startedEvent(p, quiet, undefined, 4711);
  const inOwner = await startedEvent(p, 0, undefined, 4711);

  await p.ok('fire', { eid, data: '0102030405' });
  const call = await p.nextCall();
  await ended(p, call.tid);
  await p.ok('fire', { eid: inOwner, data: '0102030405' });
  const other = await p.nextCall();

  expect(call).toMatchObject({ eid, cookie: 4711, len: 5, data: '0102030405' });
  expect(call.tid).not.toBe(p.pid);
  expect(call.addr).toBeGreaterThanOrEqual(Number(addr));
  expect(call.addr).toBeLessThan(Number(addr) + 8192);
  expect(other).toMatchObject({ cookie: 4711, len: 5, addr: call.addr, frame: call.frame });
});

verifies('AEM-CORE-089', 'what the handler process left in its data is read back at its end', async (context) => {
  const p = await context.probe();
  const gate = await makeGate(context);
  await p.ok('vmtable');
  const eid = await startedEvent(p, quiet, `fill:171,gate:1`);
  await p.ok('fire', { eid, data: '01020304' });
  const pid = await gate.reached(p);

  expect(await p.send('left', { eid })).toMatchObject({ data: '01020304' });
  await gate.open();
  await ended(p, pid);
  expect(await p.send('left', { eid })).toMatchObject({ data: 'abababab' });
});

verifies('AEM-CORE-090', 'the destructor runs when the handler process is killed, faults or exits', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable');
  const eid = await startedEvent(p, quiet);

  for (const end of ['_exit:3', 'exit:3', `kill:${signals.SIGKILL}`, `kill:${signals.SIGTERM}`, `kill:${signals.SIGSEGV}`]) {
    await p.ok('on', { eid, do: `fill:205,${end}` });
    await p.ok('fire', { eid, data: '01020304' });
    await ended(p, (await p.nextCall()).tid);
    expect(await p.send('left', { eid }), end).toMatchObject({ data: 'cdcdcdcd' });
  }
  expect(await p.send('books', { eid })).toMatchObject({ delivered: 5, pending: 0 });
});

verifies('AEM-CORE-091', 'the owner gets SIGCHLD for a handler process and can wait for it', async ({ probe }) => {
  const p = await probe();
  await p.ok('catch', { signal: signals.SIGCHLD, restart: true });
  const eid = await startedEvent(p, evf.fork);

  for (const [end, status] of [['quiet', returned(0)], ['_exit:5', returned(5)], ['kill:9', killedBy(9)]] as const) {
    await p.ok('on', { eid, do: end === 'quiet' ? '' : end });
    await p.ok('fire', { eid });
    const { tid } = await p.nextCall();
    expect(await p.notice('signal'), end).toMatchObject({ signal: signals.SIGCHLD });
    expect(await p.ok('reap', { pid: tid }), end).toBe(status);
  }
});

verifies('AEM-CORE-092', 'EVF_NOCLDWAIT: no SIGCHLD, no zombie, nothing to wait for', async ({ probe, sh }) => {
  const p = await probe();
  await p.ok('catch', { signal: signals.SIGCHLD, restart: true });
  const eid = await startedEvent(p, quiet);

  for (const end of ['', '_exit:5', 'kill:9']) {
    await p.ok('on', { eid, do: end });
    await p.ok('fire', { eid });
    const { tid } = await p.nextCall();
    await ended(p, tid);
    expect(await p.send('reap', { pid: tid }), end).toMatchObject({ ret: -1, errno: 'ECHILD' });
  }
  expect(await childrenOf(sh, p.pid)).toEqual([]);
  expect(await p.ok('signals')).toBe(0);
  // The owner's other children are not concerned.
  expect(await p.send('fork', { eid })).toMatchObject({ ret: 0 });
  await p.notice('signal');
  expect(await p.ok('signals')).toBe(1);
});

verifies('AEM-CORE-093', 'EVF_NOCLDWAIT alone is refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const flags of [evf.nocldwait, evf.nocldwait | evf.oneshot]) {
    expect(await p.send('entry', { flags })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await p.ok('entry', { flags: evf.nocldwait | evf.fork })).toBeGreaterThan(0);
});

verifies('AEM-CORE-094', 'the owner’s code and its other events go on', async (context) => {
  const p = await context.probe();
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet, 'gate:1', 94);
  const other = await startedEvent(p, 0);
  await p.ok('fire', { eid });
  const { tid } = await p.nextCall();
  await gate.reached(p);

  expect(await p.ok('gettid')).toBe(p.pid);
  await p.ok('fire', { eid: other });
  expect(await p.settle()).toMatchObject([{ eid: other, tid: p.pid, depth: 1 }]);

  // All the while it ran.
  expect(await childrenOf(context.sh, p.pid)).toEqual([tid]);
  await gate.open();
  await ended(p, tid);
});

verifies('AEM-CORE-095', 'aem_evwait() returns at the end of a handler process', async (context) => {
  const { probe } = context;
  const p = await probe();
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet, 'gate:1');
  await p.ok('fire', { eid });
  await gate.reached(p);
  const state = { returned: false };
  const wait = p.send('call', { name: 'evwait' }).finally(() => (state.returned = true));
  await p.notice('entering');
  await context.inState(p.pid, 'S');
  await p.on('io', 'gettid');
  expect(state.returned).toBe(false);

  await gate.open();

  expect(await wait).toMatchObject({ ret: 1 });
  expect(await p.send('books', { eid })).toMatchObject({ delivered: 1 });
});

verifies('AEM-CORE-096', 'activations while a handler process runs make one further process', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet, 'gate:1');
  await p.ok('fire', { eid });
  const first = await gate.reached(p);

  for (let i = 0; i < 3; i++) await p.ok('fire', { eid });
  await p.ok('gettid');
  expect(await childrenOf(sh, p.pid)).toEqual([first]);
  await gate.open();
  const second = await gate.reached(p);
  expect(await childrenOf(sh, p.pid)).toEqual([second]);
  await gate.open();
  await ended(p, second);

  expect(second).not.toBe(first);
  expect(await p.send('books', { eid })).toMatchObject({ raised: 4, delivered: 2, coalesced: 2, pending: 0 });
});

verifies('AEM-CORE-097', 'activations that do not merge are delivered one process after the other', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const gate = await makeGate(context);
  await p.ok('vmtable');
  const eid = await startedEvent(p, quiet | each, 'gate:1');
  for (const data of ['01', '02', '03', '04']) await p.ok('fire', { eid, data });

  for (const data of ['01', '02', '03', '04']) {
    const pid = await gate.reached(p);
    expect(await p.nextCall()).toMatchObject({ tid: pid, data });
    // The owner passes the kernel: another one would be there.
    await p.ok('gettid');
    expect(await childrenOf(sh, p.pid)).toEqual([pid]);
    await gate.open();
    await ended(p, pid);
  }
  expect(await p.send('books', { eid })).toMatchObject({ raised: 4, delivered: 4, coalesced: 0, pending: 0 });
});

verifies('AEM-CORE-098', 'a handler process keeps its data after the shutdown of its event', async (context) => {
  const { probe } = context;
  const p = await probe();
  const gate = await makeGate(context);
  await p.ok('vmtable');
  const eid = await startedEvent(p, quiet, 'fill:7,gate:1,return');
  const other = await startedEvent(p, 0, 'fill:9');
  await p.ok('fire', { eid, data: '00000000' });
  const pid = await gate.reached(p);

  await p.ok('shutdown', { eid });
  // Its room is not given to another.
  await p.ok('fire', { eid: other, data: '00000000' });
  await p.ok('gettid');
  expect(p.returns()).toEqual([]);
  await gate.open();
  await ended(p, pid);
  await p.on('io', 'gettid');

  expect(p.returns()).toMatchObject([{ eid, data: '07070707' }]);
});

verifies('AEM-CORE-099', 'the id is nobody’s once the event was shut down', async (context) => {
  const [p, other] = [await context.probe(), await context.probe()];
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet, 'gate:1');
  await p.ok('fire', { eid });
  const pid = await gate.reached(p);

  await p.ok('shutdown', { eid });

  for (const opt of [ev.jobstart, ev.jobstop, ev.jobprio, ev.jobshtdn]) {
    expect(await p.send('evctl', { eid, opt, arg: 1 })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await other.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  await gate.open();
  await ended(p, pid);
});

verifies('AEM-CORE-100', 'no further process is made after the shutdown', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const gate = await makeGate(context);
  for (const flags of [quiet, quiet | each]) {
    const eid = await startedEvent(p, flags, 'gate:1');
    await p.ok('fire', { eid });
    const pid = await gate.reached(p);
    await p.ok('fire', { eid });

    await p.ok('shutdown', { eid });
    await gate.open();
    await ended(p, pid);

    await p.ok('gettid');
    expect(await childrenOf(sh, p.pid)).toEqual([]);
  }
});

verifies('AEM-CORE-101', 'EVF_ONESHOT: the event is gone at the end of its handler process', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet | evf.oneshot, 'gate:1');
  await p.ok('fire', { eid });
  const pid = await gate.reached(p);

  expect(await p.send('start', { eid })).toMatchObject({ ret: 0 });
  await p.ok('fire', { eid });
  await gate.open();
  await ended(p, pid);

  await p.ok('gettid');
  expect(await p.send('start', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  expect(await childrenOf(sh, p.pid)).toEqual([]);
});

verifies('AEM-CORE-102', 'a handler process goes on when its owner has ended', async (context) => {
  const { probe } = context;
  const other = await probe();
  const gates = [await makeGate(context, 1), await makeGate(context, 2)] as const;
  for (const end of ['exit', 'signal'] as const) {
    const p = await probe();
    await p.ok('vmtable');
    const eid = await startedEvent(p, end === 'exit' ? evf.fork : quiet, 'gate:1,fill:5,silent-gate:2');
    await p.ok('fire', { eid, data: '01' });
    const pid = await gates[0].reached(p);

    if (end === 'exit') await p.ok('exit', { now: true });
    else await p.process.kill(9);
    await ended(other, p.pid);
    await gates[0].open();
    // Nobody but it opens this one.
    await gates[1].open();
    await ended(other, pid);

    expect(await other.send('fire', { eid }), end).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-103', 'a drain waits for the handler process of an owner that has ended', async (context) => {
  const { probe, sh, spawn, after } = context;
  const [p, other] = [await probe(), await probe()];
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet, 'gate:1');
  await p.ok('fire', { eid });
  const pid = await gate.reached(p);
  await p.process.kill(9);
  await ended(other, p.pid);
  const drain = '/sys/class/misc/aem-example/drain';
  after(() => sh(`${ensureLoaded('example')}; echo 0 > ${drain}`));

  const draining = await spawn(['sh', '-c', `echo 1 > ${drain}`]);
  const state = { ended: false };
  void draining.exited.then(() => (state.ended = true));
  await context.until(`[ ! -e /proc/${draining.pid} ] || grep -q '^State:.[SZ]' /proc/${draining.pid}/status`);
  await other.on('io', 'gettid');
  expect(state.ended).toBe(false);
  await gate.open();

  expect(await draining.exited).toEqual({ status: 0 });
  await ended(other, pid);
  await sh(`rmmod aem_example && ${insmod('example')}`);
});

verifies('AEM-CORE-104', 'a handler is over when its process runs another program', async (context) => {
  const { probe, sh } = context;
  const p = await probe();
  const gate = await makeGate(context);
  await p.ok('vmtable');
  const eid = await startedEvent(p, quiet, `fill:3,exec:1`);
  await p.ok('fire', { eid, data: '0101' });
  const first = await p.nextCall();
  expect(await p.send('call', { name: 'evwait' })).toMatchObject({ ret: 1 });

  // It goes on as what it has become, and the event does, too.
  expect(await sh(`cat /proc/${first.tid}/comm`)).toBe('sh');
  expect(await p.send('left', { eid })).toMatchObject({ data: '0303' });
  await p.ok('on', { eid, do: '' });
  await p.ok('fire', { eid });
  expect((await p.nextCall()).tid).not.toBe(first.tid);
  await gate.open();
  await ended(p, first.tid);
});

verifies('AEM-CORE-105', 'a handler process has events of its own', async (context) => {
  const { probe } = context;
  const [p, other] = [await probe(), await probe()];
  const gate = await makeGate(context);
  const eid = await startedEvent(p, quiet, 'own,gate:1');
  await p.ok('fire', { eid });
  const { tid } = await p.nextCall();
  const own = (await p.notice('did')).ret ?? 0;
  await gate.reached(p);

  await other.ok('fire', { eid: own });

  expect(await p.nextCall()).toMatchObject({ eid: own, tid, ppid: p.pid });
  // They are its, not the owner's, and end with it.
  expect(await p.send('stop', { eid: own })).toMatchObject({ ret: -1, errno: 'EPERM' });
  await gate.open();
  await ended(p, tid);
  expect(await other.send('fire', { eid: own })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-106', 'a handler process has a handler process', async (context) => {
  const { probe } = context;
  const [p, other] = [await probe(), await probe()];
  const gate = await makeGate(context);
  await p.ok('on', { eid: 0, do: 'count:1' });
  const eid = await startedEvent(p, quiet, `own:${quiet},gate:1`);
  await p.ok('fire', { eid });
  const { tid } = await p.nextCall();
  const own = (await p.notice('did')).ret ?? 0;
  await gate.reached(p);

  await other.ok('fire', { eid: own });
  const second = await p.nextCall();
  expect(second).toMatchObject({ eid: own, ppid: tid });
  expect(second.tid).not.toBe(tid);
  await ended(p, second.tid);
  await other.ok('fire', { eid: own });
  expect(await p.nextCall()).toMatchObject({ eid: own, ppid: tid });

  await gate.open();
  await ended(p, tid);
  expect(await p.send('books', { eid })).toMatchObject({ delivered: 1 });
});

verifies('AEM-CORE-107', 'an activation at the limit of processes is delivered when there is room', async ({ probe }) => {
  const p = await probe({ uid: 1001, gid: 1001 });
  await p.ok('vmtable');
  for (const flags of [quiet, quiet | each]) {
    const eid = await startedEvent(p, flags);
    await p.ok('processes', { max: 0 });
    await p.ok('fire', { eid, data: '01' });
    await p.ok('fire', { eid, data: '02' });
    const due = flags & each ? ['01', '02'] : ['02'];
    expect(await p.settle()).toEqual([]);
    expect(await p.send('books', { eid })).toMatchObject({ delivered: 0, pending: due.length });

    await p.ok('processes');

    for (const data of due) {
      const call = await p.nextCall();
      expect(call).toMatchObject({ eid, ppid: p.pid, data });
      await ended(p, call.tid);
    }
    expect(await p.send('books', { eid })).toMatchObject({ delivered: due.length, pending: 0 });
  }
});

verifies('AEM-CORE-108', 'a handler process that could not be made is counted as refused', async ({ probe }) => {
  const p = await probe({ uid: 1001, gid: 1001 });
  const eid = await startedEvent(p, quiet);
  expect(await p.send('books', { eid })).toMatchObject({ refused: 0 });
  await p.ok('processes', { max: 0 });

  await p.ok('fire', { eid });
  await p.ok('gettid');

  const { refused } = await p.send('books', { eid });
  expect(refused).toBeGreaterThan(0);
});

verifies('AEM-CORE-109', 'a child by fork() is none, also where one is being made', async ({ probe, spawn, line }) => {
  for (const [flags, script] of [[0, 'fork'], [quiet, 'count:1']] as const) {
    const p = await probe();
    const eid = await startedEvent(p, quiet);
    const above = await startedEvent(p, flags, script);
    await p.ok('priority', { eid: above, priority: 1 });
    const tracer = await spawn(['probe', 'tracer', String(p.pid)]);
    expect(await line(tracer)).toBe('ready');

    // The owner is stopped between the announcement of the handler process and its fork().
    await p.on('io', 'fire', { eid });
    expect(await line(tracer)).toBe('announced');
    await p.on('io', 'fire', { eid: above });
    await tracer.write('\n');

    const calls = [await p.nextCall(), await p.nextCall()];
    const tidOf = (id: number): number => calls.find((call) => call.eid === id)?.tid ?? 0;
    if (flags === 0) {
      expect(tidOf(above)).toBe(p.pid);
      // Its child could be waited for.
      expect(await p.notice('did')).toMatchObject({ did: 'fork', eid: above, ret: 0 });
    }
    for (const id of flags === 0 ? [eid] : [eid, above]) {
      await ended(p, tidOf(id));
      expect(await p.send('reap', { pid: tidOf(id) })).toMatchObject({ ret: -1, errno: 'ECHILD' });
    }
    for (const id of [eid, above]) {
      expect(await p.send('books', { eid: id })).toMatchObject({ delivered: 1, pending: 0, refused: 0 });
    }
    // And its events are none of a child's.
    expect(await p.send('fork', { eid })).toMatchObject({ control: 'EPERM', ran: 0 });
    await ended(p, (await p.nextCall()).tid);
  }
});

verifies('AEM-CORE-110', 'a handler process is told of a process’s end', async ({ probe, spawn }) => {
  const p = await probe();
  const target = await spawn(['probe', 'target', 'exit', '3']);
  const eid = await p.ok('register', { module: 'pexit', pid: target.pid, flags: quiet });
  await p.ok('start', { eid });

  await target.write('\n');

  const call = await p.nextCall();
  expect(call).toMatchObject({ eid, pid: target.pid, status: returned(3), ppid: p.pid });
  expect(call.tid).not.toBe(p.pid);
  await ended(p, call.tid);
  expect(await p.send('start', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});
