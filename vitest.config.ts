// SPDX-License-Identifier: GPL-2.0-only
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';
import { rankAmong } from './lib/testing/rank.ts';

const never = ['node_modules/**', 'reports/**'];

/** What takes longest begins first, so that nothing is left that runs alone at the end. */
const rank = rankAmong([
  'suites/controls/controls.integration.test.ts',
  'kernel/target/ssh/ssh.integration.test.ts',
  'suites/harness/run.integration.test.ts',
  'kernel/target/ssh/guest.integration.test.ts',
]);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/**
 * The tests of aemcert itself. The conformance suites, suites/**\/*.suite.ts, are no part of
 * them: `aemcert run` runs those.
 */
export default defineConfig({
  test: {
    teardownTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...never, '**/*.integration.test.ts', '**/*.browser.test.ts'],
          // A process for each of the many files would cost more than their tests.
          isolate: false,
          unstubEnvs: true,
          restoreMocks: true,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['**/*.browser.test.ts'],
          exclude: never,
          // A browser on a busy machine.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Guests and kernel builds: while one waits, another has the processors.
        test: {
          name: 'integration',
          include: ['**/*.integration.test.ts'],
          exclude: never,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 5 * 60_000,
          hookTimeout: 20 * 60_000,
        },
      },
    ],
  },
});
