// SPDX-License-Identifier: GPL-2.0-only
import type { Results } from '../results.ts';
import { coverageModel } from './model.ts';

/** The coverage model as JSON text, for tools that import requirements and their evidence. */
export function coverageJson(results: Results): string {
  return `${JSON.stringify(coverageModel(results), undefined, 2)}\n`;
}
