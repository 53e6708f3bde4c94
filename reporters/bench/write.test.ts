// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { sampleResults } from './testing/sample.ts';
import { writeBench } from './write.ts';

test('writes the figures with their ratios, and the chart', async () => {
  const folder = join(await temporaryFolder(), 'new');

  const paths = await writeBench(sampleResults(), folder);

  expect(paths).toEqual(['bench-core.json', 'bench-core.svg', 'bench-process.svg'].map((name) => join(folder, name)));
  const json = JSON.parse(await readFile(join(folder, 'bench-core.json'), 'utf8'));
  expect(json).toMatchObject(sampleResults());
  // Two clocks, three metrics, three ways of AEM, three counts, two bursts.
  expect(json.ratios).toHaveLength(108);
  expect(json.ratios[0]).toMatchObject({ clock: 'icount', metric: 'raise', subject: 'aem', idle: 1, burst: 1, peer: 'epoll' });
  // Two clocks, two metrics, three pairs, two owners, two bursts.
  expect(json.processRatios).toHaveLength(48);
  expect(await readFile(join(folder, 'bench-core.svg'), 'utf8')).toMatch(/^<svg /);
});
