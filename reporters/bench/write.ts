// SPDX-License-Identifier: GPL-2.0-only
import { join } from 'node:path';
import { writeAtomically } from '../write.ts';
import { benchChart } from './chart.ts';
import { ratiosOf } from './ratios.ts';
import { metrics } from './results.ts';
import type { BenchResults } from './results.ts';

/**
 * Writes bench-core.json, which has the ratios too, and bench-core.svg, which shows the run by
 * instructions. Returns their paths.
 * @throws InfrastructureError when the folder cannot be written to
 */
export async function writeBench(results: BenchResults, folder: string): Promise<readonly string[]> {
  const ratios = results.runs.flatMap((run) => metrics.flatMap((metric) => ratiosOf(run, metric)));
  const files = [{ name: 'bench-core.json', text: `${JSON.stringify({ ...results, ratios }, undefined, 2)}\n` }];
  const counted = results.runs.find(({ clock }) => clock === 'icount');
  if (counted !== undefined) files.push({ name: 'bench-core.svg', text: benchChart(counted) });
  const paths: string[] = [];
  for (const { name, text } of files) {
    const path = join(folder, name);
    await writeAtomically(path, text, folder);
    paths.push(path);
  }
  return paths;
}
