// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { killedBy, returned, signals } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';
import { pidIn, watch } from './watch.ts';

verifies('AEM-PEXIT-001', 'the handler gets the event’s id, the pid and the status', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();
  const target = await spawn(['probe', 'target', 'return', '42']);
  await line(target);
  const eid = await watch(p, target.pid);

  await target.write('\n');
  await target.exited;

  expect(await p.settle()).toMatchObject([{ eid, pid: target.pid, status: returned(42) }]);
});

for (const [how, ending] of [['returns', 'a return from main()'], ['exits', 'exit()']] as const) {
  verifies('AEM-PEXIT-002', `every status of ${ending} is reported`, async (context) => {
    const { probe, spawn, line, limit } = context;
    const [lowest, highest, atOnce] = [limit('lowest'), limit('highest'), 32];
    const p = await probe();

    for (let from = lowest; from <= highest; from += atOnce) {
      const to = Math.min(from + atOnce - 1, highest);
      const targets = await spawn(['probe', 'target', how, `${from}-${to}`]);
      const expected: { pid: number; status: number }[] = [];
      for (let status = from; status <= to; status += 1) {
        expected.push({ pid: pidIn(await line(targets)), status: returned(status) });
      }
      await Promise.all(expected.map(({ pid }) => watch(p, pid)));
      expect(await line(targets)).toMatch('ready');

      await targets.write('\n');
      expect(await line(targets)).toMatch('reaped');

      const calls = (await p.settle()).map(({ pid, status }) => ({ pid, status }));
      expect(calls).toHaveLength(expected.length);
      expect(calls).toEqual(expect.arrayContaining(expected));
      await targets.write('\n');
    }
  });
}

verifies('AEM-PEXIT-004', 'a fault is reported by its signal, not as a return', async (context) => {
  const { probe, spawn, line } = context;
  const p = await probe();

  for (const [fault, signal] of [
    ['segv', signals.SIGSEGV], ['ill', signals.SIGILL], ['fpe', signals.SIGFPE], ['bus', signals.SIGBUS],
  ] as const) {
    const targets = [
      await spawn(['probe', 'target', fault]),
      await spawn(['probe', 'target', 'return', String(signal)]),
    ];
    for (const target of targets) {
      await line(target);
      await watch(p, target.pid);
    }

    for (const target of targets) {
      await target.write('\n');
      await target.exited;
    }

    expect((await p.settle()).map(({ status }) => status)).toEqual([killedBy(signal), returned(signal)]);
  }
});
