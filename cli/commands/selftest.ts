// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { ensureGuest } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { listFiles } from '../../lib/digest.ts';
import { InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { projectRoot } from '../../lib/paths.ts';
import { buildProgressView } from '../build-progress.ts';
import { runSteps, runTool, runVisibly, type Step } from '../steps.ts';

interface SelftestOptions {
  readonly unit?: true;
}

/** `aemcert selftest`: the tests of aemcert itself. */
export function register(program: Command): void {
  program
    .command('selftest')
    .description('the tests of aemcert itself: unit tests, then those that build the kernel and boot it')
    .option('--unit', 'only what needs no kernel and no guest; seconds')
    .argument('[filter...]', 'only test files whose path contains one of these')
    .addHelpText('after', '\nExit status: 0 all passed, 1 some failed, 2 a filter matches no test file, 3 some could not be run.')
    .addHelpText(
      'after',
      '\nExamples:\n  $ aemcert selftest\n  $ aemcert selftest --unit\n  $ aemcert selftest --unit reporters/',
    )
    .action(async (filters: readonly string[], options: SelftestOptions) => {
      process.exitCode = await runSteps('selftest', await steps(filters, options));
    });
}

async function steps(filters: readonly string[], options: SelftestOptions): Promise<readonly Step[]> {
  const browser = await browserTests(filters);
  const without = options.unit === true ? [] : await withoutServer();
  const files = await matchingFiles(filters, [
    ...(options.unit === true ? ['.integration.test.ts'] : without),
    ...(browser.length === 0 ? ['.browser.test.ts'] : []),
  ]);
  const unit: readonly Step[] = [
    { title: 'unit tests', run: () => vitest('unit', filters) },
    ...(filters.length > 0 ? [] : [{ title: 'tests of libaem that need no AEM kernel', run: () => checkIn('libaem') }, { title: 'tests of AEMhttpd that need no server', run: () => checkIn('aemhttpd') }]),
    ...browser,
  ];
  if (options.unit === true) return unit;
  return [
    ...unit,
    { title: 'the kernel and the guest programs', run: buildAll },
    { title: 'integration tests', run: () => (without.length === 0 ? vitest('integration', filters) : vitestOn('integration', files)) },
  ];
}

/**
 * The files of tests, of those whose path ends with none of `left`, that the filters match; all without filters.
 * Throws an InputError where a filter matches none: no test would be a test passed.
 */
async function matchingFiles(filters: readonly string[], left: readonly string[]): Promise<readonly string[]> {
  const files = (await listFiles(projectRoot, (name) => !/^(\.|(node_modules|reports)$)/.test(name)))
    .filter((file) => file.endsWith('.test.ts') && !left.some((end) => file.endsWith(end)));
  const matches = (filter: string, file: string): boolean =>
    // As vitest matches them.
    [filter, relative(projectRoot, resolve(projectRoot, filter))].some((part) => file.toLowerCase().includes(part.toLowerCase()));
  const [unknown] = filters.filter((filter) => !files.some((file) => matches(filter, file)));
  if (unknown === undefined) return filters.length === 0 ? files : files.filter((file) => filters.some((filter) => matches(filter, file)));
  throw new InputError('no test file that would run matches the filter', {
    expected: `a part of the path of one of ${files.length} test files`,
    seen: unknown,
    ...(left.length === 0 ? {} : { hint: `here without those that end in ${left.join(' or ')}` }),
  });
}

function vitest(project: string, filters: readonly string[]): Promise<boolean> {
  // A filter may leave one of the projects without a file; a whole run may not.
  const empty = filters.length > 0 ? ['--passWithNoTests'] : [];
  return runTool('vitest/vitest.mjs', [
    'run',
    '--config',
    'vitest.config.ts',
    '--project',
    project,
    ...empty,
    ...filters,
  ]);
}

/** Runs a project's tests in those files of its own that are among `files`; vitest's --exclude is not for projects. */
async function vitestOn(project: string, files: readonly string[]): Promise<boolean> {
  const own = files.filter((file) => file.endsWith(`.${project}.test.ts`));
  return own.length === 0 || vitest(project, own);
}

async function checkIn(name: string): Promise<boolean> {
  const out = await mkdtemp(join(tmpdir(), `aemcert-${name}-`));
  try {
    return await runVisibly('make', ['--silent', `--directory=modules/${name}`, `OUT=${out}`, 'check']);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

/** A browser is no need of aemcert's users, so its tests are left out where there is none, but not in CI. */
async function browserTests(filters: readonly string[]): Promise<readonly Step[]> {
  const chromium = process.env['AEMCERT_CHROMIUM'] ?? '/usr/bin/chromium';
  if (!(await hasOrTells(chromium, 'the browser tests', 'chromium'))) return [];
  return [{ title: 'browser tests', run: () => vitest('browser', filters) }];
}

/**
 * The files of tests that need a server of ssh, where there is none. Nobody gets one by running tests:
 * Debian's package starts it, for the network to see.
 */
async function withoutServer(): Promise<readonly string[]> {
  const has = await hasOrTells('/usr/sbin/sshd', 'the tests of --target with this machine', 'openssh-server');
  return has ? [] : ['kernel/target/ssh/ssh.integration.test.ts'];
}

/** Is the program there? Where it is not, tells which tests are left out; in CI they are not, and fail. */
async function hasOrTells(program: string, tests: string, debian: string): Promise<boolean> {
  if ((await exists(program)) || process.env['CI'] !== undefined) return true;
  process.stdout.write(`selftest: ${tests} are left out: there is no ${program} (apt-get install ${debian})\n`);
  return false;
}

async function buildAll(): Promise<boolean> {
  const interruption = abortOnSignal();
  const view = buildProgressView(process.stdout);
  const options = { signal: interruption.signal, onProgress: view.show };
  try {
    await ensureKernel({ ...options, unpatched: true });
    const kernel = await ensureKernel(options);
    await ensureGuest(kernel, 'release', options);
    await ensureGuest(kernel, 'controls', options);
    return true;
  } finally {
    view.done();
    interruption.dispose();
  }
}
