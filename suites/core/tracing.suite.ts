// SPDX-License-Identifier: GPL-2.0-only
/** Events of threads that are traced: what a debugger sees of them, and what they see of it. */
import { expect } from 'vitest';
import type { GuestProcess } from '../../kernel/target/target.ts';
import { signals } from '../harness/aem.ts';
import { startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';

const { SIGTRAP, SIGUSR2 } = signals;

/** Traces a probe's first thread. What it returns gives the debugger an order and awaits what it says. */
async function debug(
  { spawn, line }: Context,
  p: Probe,
  how = 'seize',
): Promise<(order: string) => Promise<string>> {
  const debugger_: GuestProcess = await spawn(['probe', 'debugger', String(p.pid), how]);
  expect(await line(debugger_)).toBe('ready');
  return async (order) => {
    await debugger_.write(`${order}\n`);
    return line(debugger_);
  };
}

verifies('AEM-CORE-179', 'a traced thread runs its handlers and its tracer sees no signal of them', async (context) => {
  for (const how of ['seize', 'attach']) {
    const p = await context.probe();
    const eid = await startedEvent(p, 0);
    await p.ok('catch', { signal: SIGUSR2 });
    const tell = await debug(context, p, how);

    for (let i = 0; i < 3; i++) {
      await p.on('io', 'fire', { eid });
      expect(await p.nextCall(), how).toMatchObject({ eid, tid: p.pid, depth: 1, mask: 0 });
    }
    await p.ok('gettid');

    expect(await tell('stops'), how).toBe('stops 0');
    // It would have seen one.
    await p.on('io', 'kill', { signal: SIGUSR2 });
    expect(await tell('wait'), how).toBe(`stop ${SIGUSR2}`);
    expect(await tell('continue'), how).toBe('continued');
  }
});

verifies('AEM-CORE-180', 'a thread that is stepped is stepped through its handlers, and holds its state', async (context) => {
  const p = await context.probe();
  const eid = await startedEvent(p, 0, 'quiet,clobber');
  const tell = await debug(context, p);
  const spin = p.send('spin', { what: 'registers', calls: 1 });
  await p.notice('entering');
  expect(await tell('interrupt')).toBe('stopped');
  expect(await tell('step')).toBe('stepping');

  await p.on('io', 'fire', { eid });

  // It goes on until the handler has run, and says how many registers differ.
  expect(await spin).toMatchObject({ ret: 0 });
  expect(await p.on('io', 'calls')).toMatchObject({ ret: 1 });
  // It waits for its next command: the step out of that is the last.
  const last = tell('');
  await p.ok('gettid');
  expect(await last).toMatch(/^stepped \d+ entered 1$/);
});

verifies('AEM-CORE-181', 'a handler that was stopped goes on, and what came meanwhile comes after it', async (context) => {
  const p = await context.probe();
  const [eid, next] = [await startedEvent(p, 0, 'hold,return'), await startedEvent(p, 0)];
  const tell = await debug(context, p);
  await p.on('io', 'fire', { eid });
  await p.notice('holding');

  expect(await tell('interrupt')).toBe('stopped');
  await p.on('io', 'fire', { eid: next });
  await p.on('io', 'release', { eid });
  expect(p.returns()).toEqual([]);
  expect(await tell('continue')).toBe('continued');

  const calls = [await p.nextCall(), await p.nextCall()];
  expect(calls).toMatchObject([{ eid, depth: 1 }, { eid: next, depth: 1 }]);
  await p.ok('gettid');
  const [returned] = p.returns();
  expect(returned).toMatchObject({ eid });
  expect(returned?.seq).toBeLessThan(calls[1]?.seq ?? 0);
  expect(await tell('stops')).toBe('stops 0');
});

verifies('AEM-CORE-182', 'a breakpoint in a handler stops it for its tracer, and it goes on', async (context) => {
  const p = await context.probe();
  const eid = await startedEvent(p, 0, 'trap,return');
  const tell = await debug(context, p);

  for (const times of [1, 2]) {
    await p.on('io', 'fire', { eid });
    expect(await tell('wait')).toBe(`stop ${SIGTRAP}`);
    expect(await p.nextCall()).toMatchObject({ eid, depth: 1, mask: 0 });
    await p.on('io', 'gettid');
    expect(p.returns()).toHaveLength(times - 1);
    expect(await tell('continue')).toBe('continued');
    await p.ok('gettid');
    expect(p.returns()).toHaveLength(times);
  }
});
