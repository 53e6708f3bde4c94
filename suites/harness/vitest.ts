// SPDX-License-Identifier: GPL-2.0-only
import type { Reporter, Vitest } from 'vitest/node';
import { projectRoot } from '../../lib/paths.ts';

/**
 * Opens vitest on the suites, with a process for each guest; to be closed. What
 * it does on signals by itself is taken away again: they are the run's to
 * handle, which keeps the results.
 */
export async function openVitest(
  reporter: Reporter,
  { bail = false, guests = 1 }: { readonly bail?: boolean | undefined; readonly guests?: number | undefined } = {},
): Promise<Vitest> {
  // Half a second's work, of which most commands have no need.
  const { createVitest } = await import('vitest/node');
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const ours = names.map((name) => process.listeners(name));
  const vitest = await createVitest('test', {
    config: `${projectRoot}/suites/vitest.config.ts`,
    watch: false,
    reporters: [reporter],
    bail: bail ? 1 : 0,
    maxWorkers: guests,
    fileParallelism: guests > 1,
  });
  names.forEach((name, index) => {
    for (const listener of process.listeners(name)) {
      if (ours[index]?.includes(listener) !== true) process.off(name, listener);
    }
  });
  return vitest;
}
