// SPDX-License-Identifier: GPL-2.0-only
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';
import { rankAmong } from '../lib/testing/rank.ts';

/**
 * They begin first: what wants a guest of its own, which is then nobody's second one, and what takes
 * longest, which last would run when nothing else does.
 */
const rank = rankAmong(['cgl/soon', 'tipc/nodes', 'ip/load', 'httpd/modules', 'httpd/clients'].map((name) => `suites/${name}.suite.ts`));

/** Else in the order of the plan: vitest's own depends on what earlier runs took and how they ended. */
class PlanSequencer extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve(files.toSorted((a, b) => rank(a) - rank(b) || a.moduleId.localeCompare(b.moduleId, 'en')));
  }
}

/** The conformance suites, as `aemcert run` starts them: one process, so that they share one target. */
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // The fixtures are tests that end badly, for the tests of the harness itself.
    include: [
      'suites/*/*.suite.ts',
      ...(process.env['AEMCERT_FIXTURES'] === undefined ? [] : ['suites/harness/fixtures/*.suite.ts']),
    ],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    fileParallelism: false,
    sequence: { shuffle: false, sequencer: PlanSequencer },
    watch: false,
    teardownTimeout: 30_000,
  },
});
