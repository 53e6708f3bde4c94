// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { fileMeasurementOf } from '../../suites/scalability/measure-fd.ts';
import { readStream } from '../../suites/scalability/stream.ts';
import { renderFiles } from './fd.ts';

const line = (how: string, more: object): string => JSON.stringify({ result: { how, open: 1000, read: 200, write: 300, mode: 400, ...more } });

test('what bench-fd says is told as a table, and beside the kernel without AEM', async () => {
  const { results: measurements } = await readStream(
    ['{"start":{"plan":3}}', line('inotify', {}), line('unpatched', { lock: 500 }), line('aem', { open: 2500, lock: 1500 }), '{"end":{}}'],
    fileMeasurementOf,
  );

  const text = renderFiles({
    schema: 'aemcert-bench-fd/1',
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    command: [],
    release: '6.12.0-aem',
    target: { driver: 'qemu', cpus: 1, memoryMiB: 512 },
    measurements,
  });

  expect(text).toMatch(/^ +unpatched +aem +inotify$/m);
  expect(text).toMatch(/^open, close +1,000 +2,500 +1,000$/m);
  expect(text).toMatch(/^lock, unlock +500 +1,500 +-$/m);
  expect(text).toMatch(/^lock, unlock +1\.000 +3\.000 +-$/m);
});
