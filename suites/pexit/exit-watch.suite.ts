// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { signals } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-PEXIT-037', 'exit-watch says how a process ended', async ({ spawn, line }) => {
  for (const [how, ended, status] of [
    [['return', '0'], 'returned 0', 0],
    [['return', '42'], 'returned 42', 1],
    [['signal', String(signals.SIGTERM)], 'ended by signal 15: Terminated', 1],
    [['segv', '0'], 'ended by a fault, signal 11: Segmentation fault', 1],
  ] as const) {
    const target = await spawn(['probe', 'target', ...how]);
    await line(target);
    const example = await spawn(['exit-watch', String(target.pid)]);
    expect(await line(example)).toBe(`watching process ${target.pid}`);

    await target.write('\n');

    expect(await line(example)).toBe(`process ${target.pid} ${ended}`);
    expect(await example.exited).toEqual({ status });
    expect(await example.lines.next()).toMatchObject({ done: true });
  }
});
