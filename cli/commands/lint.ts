// SPDX-License-Identifier: GPL-2.0-only
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import type { Command } from 'commander';
import { isSource, moduleCommand, moduleNames } from '../../kernel/build/guest.ts';
import { kernelVersions } from '../../kernel/build/inputs.ts';
import { ensureConfig, ensureKernel, findKernel } from '../../kernel/build/kernel.ts';
import { readSeries } from '../../kernel/build/series.ts';
import { findToolchain } from '../../kernel/build/toolchain.ts';
import type { BuildOptions } from '../../kernel/build/kernel.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { listFiles } from '../../lib/digest.ts';
import { projectRoot } from '../../lib/paths.ts';
import { buildEnvironment, tryCommand } from '../../lib/run-command.ts';
import { buildProgressView } from '../build-progress.ts';
import { runSteps, runTool, runVisibly, type Step } from '../steps.ts';

/**
 * Advice of checkpatch that holds for the kernel only: macros and types that user space has not,
 * `volatile` in signal handlers, errno values that a library reports, AEM's own names.
 */
const userSpaceIgnores = [
  'CAMELCASE',
  // argv of exec, and inline assembly.
  'STATIC_CONST_CHAR_ARRAY', 'OPEN_ENDED_LINE',
  'ARRAY_SIZE',
  'VOLATILE',
  'PREFER_DEFINED_ATTRIBUTE_MACRO',
  'PREFER_KERNEL_TYPES',
  'ENOSYS',
];
/** AEM's user interface has its names from its first release. */
const moduleIgnores = ['CAMELCASE'];
/** One header looks at the kernel's version, so that no other file has to. */
const compatIgnores = ['LINUX_VERSION_CODE', 'CONSTANT_COMPARISON'];
/** TRACE_EVENT() is laid out as in include/trace/events. */
const traceIgnores = ['OPEN_ENDED_LINE', 'PARENTHESIS_ALIGNMENT'];
/** There is no MAINTAINERS entry for a series that lives outside the kernel. */
const patchIgnores = ['FILE_PATH_CHANGES'];

/** What is in modules/ and no module of the kernel. */
const userPrograms = ['modules/libaem', 'modules/aemhttpd'];

interface LintOptions {
  readonly tsOnly?: true;
}

/** `aemcert lint`: every static check of the project's own code. */
export function register(program: Command): void {
  program
    .command('lint')
    .description("static checks of aemcert's own code: tsc, eslint, requirements, checkpatch, sparse, W=1")
    .option('--ts-only', 'only what needs no kernel tree')
    .addHelpText('after', '\nExit status: 0 nothing found, 1 something found, 3 a check could not be done.')
    .addHelpText('after', '\nExamples:\n  $ aemcert lint\n  $ aemcert lint --ts-only')
    .action(async (options: LintOptions) => {
      process.exitCode = await runSteps('lint', steps(options));
    });
}

function steps(options: LintOptions): readonly Step[] {
  const typescript: readonly Step[] = [
    { title: 'tsc', run: () => runTool('typescript/bin/tsc', ['-p', 'tsconfig.json']) },
    { title: 'eslint', run: () => runTool('eslint/bin/eslint.js', ['.', '--max-warnings=0']) },
    { title: 'requirements', run: () => runVisibly(process.execPath, ['cli/aemcert.js', 'specs', 'check']) },
    {
      title: 'links between requirements and tests',
      run: () => runVisibly(process.execPath, ['cli/aemcert.js', 'specs', 'links']),
    },
    {
      title: 'shell scripts parse',
      run: async () =>
        (await runVisibly('sh', ['-n', 'cli/bootstrap.sh'])) && runVisibly('bash', ['-n', '.ci/run']),
    },
  ];
  if (options.tsOnly === true) return typescript;
  return [
    ...typescript,
    {
      title: 'checkpatch: modules',
      run: async () =>
        (await checkpatch(['-f'], await cFiles((file) => isKernelFile(file) && !isTraceFile(file) && !isCompatFile(file)), moduleIgnores)) &&
        (await checkpatch(['-f'], await cFiles(isCompatFile), [...moduleIgnores, ...compatIgnores])) &&
        checkpatch(['-f'], await cFiles(isTraceFile), [...moduleIgnores, ...traceIgnores]),
    },
    {
      title: 'checkpatch: libaem and guest programs',
      run: async () => checkpatch(['-f'], await cFiles(isUserFile), userSpaceIgnores),
    },
    { title: 'series of older kernels apply, their options survive', run: olderSeries },
    { title: 'checkpatch: patch series', run: async () => checkpatch([], await patchFiles(), patchIgnores) },
    { title: 'modules: sparse and W=1', run: async () => (await sparse(await kernelTree())) && sparseOlder() },
    {
      title: "libaem's man pages",
      run: () => runVisibly('make', ['--silent', '--directory=modules/libaem', 'check-man']),
    },
  ];
}

async function cFiles(wanted: (file: string) => boolean): Promise<readonly string[]> {
  const folders = ['modules', 'suites'];
  const lists = await Promise.all(
    folders.map(async (folder) =>
      (await listFiles(join(projectRoot, folder), isSource)).map((file) => join(folder, file)),
    ),
  );
  return lists
    .flat()
    .filter((file) => /\.[chS]$/.test(file) && wanted(file))
    .map((file) => join(projectRoot, file));
}

function isKernelFile(file: string): boolean {
  return /^modules\/(aem-|include\/)/.test(file) || file === 'suites/controls/seed/fault.c';
}

function isTraceFile(file: string): boolean {
  return file.endsWith('/trace.h');
}

function isCompatFile(file: string): boolean {
  return file.endsWith('/aem-compat.h');
}

function isUserFile(file: string): boolean {
  return !isKernelFile(file);
}

async function patchFiles(): Promise<readonly string[]> {
  const series = await Promise.all(
    (await kernelVersions()).map((version) => readSeries(join(projectRoot, 'kernel/patches', version))),
  );
  return series.flat().map(({ path }) => path);
}

/** checkpatch.pl of the reference kernel, strict, on all processors; true when it has nothing to say. */
async function checkpatch(options: readonly string[], files: readonly string[], ignores: readonly string[]): Promise<boolean> {
  const processes = Math.min(availableParallelism(), files.length);
  const shares = Array.from({ length: processes }, (_, share) => files.filter((_file, index) => index % processes === share));
  const clean = await Promise.all(shares.map((share) => checkpatchShare([...options, ...share], ignores)));
  return clean.every(Boolean);
}

async function checkpatchShare(args: readonly string[], ignores: readonly string[]): Promise<boolean> {
  const tree = await kernelTree();
  const scratch = await mkdtemp(join(tmpdir(), 'aemcert-checkpatch-'));
  try {
    const { status, output } = await tryCommand(
      [
        'perl',
        join(tree, 'scripts/checkpatch.pl'),
        `--root=${tree}`,
        '--strict',
        '--terse',
        '--show-types',
        '--no-summary',
        `--ignore=${ignores.join(',')}`,
        ...args,
      ],
      // It writes where it runs, reads options from HOME, and takes no file that git knows for a patch.
      {
        cwd: scratch,
        env: { ...buildEnvironment(), HOME: scratch, GIT_DIR: join(scratch, 'none') },
        onLine: printFound,
      },
    );
    return status === 0 && output.length === 0;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Paths as they are in the project, so that a terminal or an editor finds them. */
function printFound(line: string): void {
  process.stdout.write(`${line.replaceAll(`${projectRoot}/`, '')}\n`);
}

/** That of the newest kernel was applied to build it. An older kernel is not built here: that takes minutes. */
async function olderSeries(): Promise<boolean> {
  for (const version of await olderVersions()) await withProgress((options) => ensureConfig({ version, ...options }));
  return true;
}

async function olderVersions(): Promise<readonly string[]> {
  return (await kernelVersions()).slice(1);
}

/** The modules on older kernels, those that are built. */
async function sparseOlder(): Promise<boolean> {
  for (const version of await olderVersions()) {
    const kernel = await findKernel({ version });
    if (kernel === undefined) process.stdout.write(`lint: not on ${version}: it is not built (aemcert kernel build --kernel-version ${version})\n`);
    else if (!(await sparse(kernel.tree))) return false;
  }
  return true;
}

/** Compiles each module with W=1 and sparse; true when neither warns. */
async function sparse(tree: string): Promise<boolean> {
  const toolchain = await findToolchain();
  const stage = await mkdtemp(join(tmpdir(), 'aemcert-sparse-'));
  const modules = join(stage, 'modules');
  let clean = true;
  try {
    await cp(join(projectRoot, 'modules'), modules, {
      recursive: true,
      filter: (source) => isSource(basename(source)) && !userPrograms.includes(relative(projectRoot, source)),
    });
    let core: string | undefined;
    for (const name of await moduleNames(modules)) {
      const folder = join(modules, name);
      const { argv, env } = moduleCommand(tree, toolchain, folder, core, ['W=1', 'C=2', 'CHECK=sparse']);
      const told = (line: string): void => {
        if (!/\b(warning|error): /.test(line)) return;
        clean = false;
        process.stdout.write(`${line.replaceAll(`${stage}/`, '')}\n`);
      };
      const { status, output } = await tryCommand(argv, { env, onLine: told });
      if (status !== 0) {
        clean = false;
        if (!(await readdir(folder)).includes('Module.symvers'))
          process.stdout.write(`${output.slice(-10).join('\n')}\n`);
      }
      if (name === 'aem-core') core = join(folder, 'Module.symvers');
    }
    return clean;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function kernelTree(): Promise<string> {
  return (await withProgress(ensureKernel)).tree;
}

async function withProgress<T>(build: (options: BuildOptions) => Promise<T>): Promise<T> {
  const interruption = abortOnSignal();
  const view = buildProgressView(process.stdout);
  try {
    return await build({ signal: interruption.signal, onProgress: view.show });
  } finally {
    view.done();
    interruption.dispose();
  }
}
