// SPDX-License-Identifier: GPL-2.0-only
import { writeFiles } from '../write.ts';
import { benchChart } from './chart.ts';
import { processChart } from './process-chart.ts';
import { processRatiosOf, ratiosOf } from './ratios.ts';
import { metrics, processMetrics } from './results.ts';
import type { BenchResults } from './results.ts';

/**
 * Writes bench-core.json, which has the ratios too, and of the run by instructions two pictures,
 * bench-core.svg and bench-process.svg. Returns their paths.
 * @throws InfrastructureError when the folder cannot be written to
 */
export async function writeBench(results: BenchResults, folder: string): Promise<readonly string[]> {
  const ratios = results.runs.flatMap((run) => metrics.flatMap((metric) => ratiosOf(run, metric)));
  const processRatios = results.runs.flatMap((run) => processMetrics.flatMap((metric) => processRatiosOf(run, metric)));
  const json = JSON.stringify({ ...results, ratios, processRatios }, undefined, 2);
  const files = [{ name: 'bench-core.json', text: `${json}\n` }];
  const counted = results.runs.find(({ clock }) => clock === 'icount');
  if (counted !== undefined) {
    files.push({ name: 'bench-core.svg', text: benchChart(counted) });
    files.push({ name: 'bench-process.svg', text: processChart(counted) });
  }
  return writeFiles(files, folder);
}
