// SPDX-License-Identifier: GPL-2.0-only
import { writeFiles } from '../write.ts';
import { httpChart } from './http-chart.ts';
import { httpRatios } from './http.ts';
import type { HttpResults } from './http.ts';

/**
 * Writes bench-http.json, which has the ratios too, and bench-http.svg of the run by instructions, or of the other
 * where there is none. Returns their paths.
 * @throws InfrastructureError when the folder cannot be written to
 */
export async function writeHttp(results: HttpResults, folder: string): Promise<readonly string[]> {
  const json = `${JSON.stringify({ ...results, ratios: results.runs.flatMap(httpRatios) }, undefined, 2)}\n`;
  const shown = results.runs.find(({ clock }) => clock === 'icount') ?? results.runs[0];
  const files = [{ name: 'bench-http.json', text: json }, ...(shown === undefined ? [] : [{ name: 'bench-http.svg', text: httpChart(shown, results.active) }])];
  return writeFiles(files, folder);
}
