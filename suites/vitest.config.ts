// SPDX-License-Identifier: GPL-2.0-only
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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
    sequence: { shuffle: false },
    watch: false,
    teardownTimeout: 30_000,
  },
});
