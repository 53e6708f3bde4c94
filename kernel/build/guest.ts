// SPDX-License-Identifier: GPL-2.0-only
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ensureEntry, lastUse, removeEntry } from '../../lib/cache-entry.ts';
import { digestFiles, digestText, digestValue, listFiles } from '../../lib/digest.ts';
import { needSpace } from '../../lib/disk-space.ts';
import { InputError, type InfrastructureError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { cacheRoot, projectRoot } from '../../lib/paths.ts';
import {
  buildEnvironment,
  commandFailed,
  openLog,
  tryCommand,
  type CommandOptions,
  type CommandResult,
} from '../../lib/run-command.ts';
import { loadControls } from '../../suites/controls/load.ts';
import { seedTree, userFaultFlags } from '../../suites/controls/seed.ts';
import type { GuestBuild, KernelBuild, Variant } from './artifacts.ts';
import { firstErrors } from './compile-error.ts';
import type { BuildOptions } from './kernel.ts';
import { outputsIntact, recordOutputs } from './outputs.ts';
import { findToolchain, kbuild, type Toolchain } from './toolchain.ts';

/** Counts up when the way to build modules or programs changes. */
const recipe = 2;
/** Builds that nobody has used for so long are removed. */
const unusedDays = 7;

/** The folder of built modules and programs in a cache; one folder a module and its inputs. */
export function unitFolder(cache: string = cacheRoot()): string {
  return join(cache, 'units');
}

/** What modules are built against: a kernel’s tree, or its headers, and what tells it from others. */
export type ModuleTarget = Pick<KernelBuild, 'key' | 'tree' | 'flavour'>;

export interface GuestOptions extends BuildOptions {
  /** The folder that has modules/ and suites/guest/; the project's own when absent. */
  readonly sources?: string;
}

/**
 * Builds the kernel's modules and what runs in the guest, or finds them built. Each module is
 * built again only when it, what it includes, or aem-core's exports have changed. Prints nothing.
 * The variant `controls` is built from sources with the seeded faults of suites/controls.
 *
 * Throws an InputError when the sources do not compile, an InfrastructureError when a tool fails,
 * the signal's reason when aborted.
 */
export async function ensureGuest(
  kernel: ModuleTarget,
  variant: Variant,
  options: GuestOptions = {},
): Promise<GuestBuild> {
  return inStage(variant, options, async (stage) => {
    const build: Build = { ...stage, kernel };
    const modules = await buildModules(build);
    const programs = await buildPrograms(build);
    return { variant, modules, programs };
  });
}

/** As ensureGuest(), without modules: what runs in the guest of any kernel. */
export async function ensurePrograms(options: GuestOptions = {}): Promise<GuestBuild['programs']> {
  return inStage('release', options, buildPrograms);
}

/** Gives a copy of the sources to an action. */
async function inStage<T>(variant: Variant, options: GuestOptions, action: (stage: Stage) => Promise<T>): Promise<T> {
  const cache = options.cache ?? cacheRoot();
  await mkdir(unitFolder(cache), { recursive: true });
  await needSpace(unitFolder(cache), 100e6, 'building modules');
  const stage = await mkdtemp(join(cache, 'stage-'));
  try {
    await stageSources(options.sources ?? projectRoot, stage, variant);
    const toolchain = await findToolchain(options.signal);
    const made = await action({ variant, options, cache, stage, toolchain });
    await removeUnused(unitFolder(cache));
    return made;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

interface Stage {
  readonly variant: Variant;
  readonly options: BuildOptions;
  readonly cache: string;
  /** A copy of the sources, so that an edit during the build is not half seen. */
  readonly stage: string;
  readonly toolchain: Toolchain;
}

interface Build extends Stage {
  readonly kernel: ModuleTarget;
}

/** What make leaves in a source folder is no source. */
export function isSource(name: string): boolean {
  return !/\.(o|ko|a|so|d|mod|mod\.c|cmd|order|symvers|rej|orig)$|^\.|^build$|^Module\.symvers$|~$/.test(
    name,
  );
}

async function stageSources(root: string, stage: string, variant: Variant): Promise<void> {
  for (const folder of ['modules', 'suites/guest']) {
    await cp(join(root, folder), join(stage, folder), {
      recursive: true,
      filter: (source) => source === join(root, folder) || isSource(basename(source)),
    });
  }
  if (variant === 'controls') await seedTree(stage, await loadControls());
}

/** The folders of modules/ with a Kbuild: aem-core first, since the others use its exports. */
export async function moduleNames(modules: string): Promise<readonly string[]> {
  const names = await readdir(modules);
  const built = await Promise.all(
    names
      .filter((name) => name.startsWith('aem-'))
      .map(async (name) => ((await exists(join(modules, name, 'Kbuild'))) ? [name] : [])),
  );
  return built.flat().sort(byLoadOrder);
}

/** The order of AEM's modules, by name: aem-core first, on which the others stand. */
export function byLoadOrder(a: string, b: string): number {
  return Number(b === 'aem-core') - Number(a === 'aem-core') || a.localeCompare(b, 'en');
}

async function buildModules(build: Build): Promise<GuestBuild['modules']> {
  const { stage } = build;
  const names = await moduleNames(join(stage, 'modules'));
  if (names[0] !== 'aem-core') {
    throw new InputError('there is no aem-core, on which the other modules stand', {
      where: join(projectRoot, 'modules'),
    });
  }
  const modules: { name: string; path: string }[] = [];
  let core: string | undefined;
  for (const [index, name] of names.entries()) {
    build.options.onProgress?.({
      stage: 'modules',
      message: `building the module ${name}`,
      done: index,
      total: names.length,
    });
    const folder = await buildModule(build, name, core);
    if (name === 'aem-core') core = join(folder, 'modules', name, 'Module.symvers');
    modules.push({ name, path: await findModule(join(folder, 'modules', name)) });
  }
  return modules;
}

async function buildModule(build: Build, name: string, core: string | undefined): Promise<string> {
  const { kernel, variant, stage, toolchain } = build;
  const sources = [`modules/${name}`, 'modules/include'];
  const exports = core === undefined ? '' : digestText(exportedSymbols(await readFile(core, 'utf8')));
  const key = digestValue({
    recipe,
    kernel: kernel.key,
    variant,
    name,
    sources: await digestSources(stage, sources),
    exports,
  });
  return unit(build, `${name}-${key.slice(0, 16)}`, sources, async ({ folder, run }) => {
    // __FILE__ in WARN() and the like: the path in the project, not in the cache.
    const counted = kernel.flavour === 'coverage' ? ['GCOV_PROFILE=y'] : [];
    const more = [`KCFLAGS=-fmacro-prefix-map=${folder}/=`, 'W=1', ...counted];
    await run(moduleCommand(kernel.tree, toolchain, join(folder, 'modules', name), core, more));
  });
}

/**
 * The make command that builds one external module in its folder. `symbols`: aem-core's
 * Module.symvers; absent for aem-core itself.
 */
export function moduleCommand(
  tree: string,
  toolchain: Toolchain,
  folder: string,
  symbols: string | undefined,
  more: readonly string[],
): Command {
  const { make, options } = kbuild(tree, toolchain);
  const extra = symbols === undefined ? [] : [`KBUILD_EXTRA_SYMBOLS=${symbols}`];
  return {
    argv: [...make, `M=${folder}`, ...extra, ...more, 'modules'],
    env: options.env ?? buildEnvironment(),
  };
}

export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** Module.symvers without its third column, which holds the path that the module was built at. */
function exportedSymbols(symvers: string): string {
  return symvers
    .split('\n')
    .map((line) =>
      line
        .split('\t')
        .filter((_, column) => column !== 2)
        .join('\t'),
    )
    .join('\n');
}

async function findModule(folder: string): Promise<string> {
  const found = (await readdir(folder)).filter((name) => name.endsWith('.ko'));
  if (found.length === 1) return join(folder, found[0] ?? '');
  throw new InputError('a module folder makes one module', {
    where: folder,
    expected: 'one .ko',
    seen: found.length === 0 ? 'none' : found.join(', '),
  });
}

/** libaem with its examples, then what links it: the agent, the probe and the like, and AEMhttpd. */
async function buildPrograms(build: Stage): Promise<GuestBuild['programs']> {
  const { variant, stage, toolchain, options } = build;
  const common = { recipe, variant, compiler: toolchain.compiler, linker: toolchain.linker };

  options.onProgress?.({ stage: 'programs', message: 'building libaem', done: 0, total: 2 });
  const libSources = ['modules/libaem', 'modules/include'];
  const libKey = digestValue({ ...common, sources: await digestSources(stage, libSources) });
  const lib = await unit(build, `libaem-${libKey.slice(0, 16)}`, libSources, async ({ folder, run }) => {
    await run(userCommand(folder, variant, 'modules/libaem', [`OUT=${join(folder, 'out')}`]));
  });

  options.onProgress?.({ stage: 'programs', message: 'building the guest programs', done: 1, total: 2 });
  const guestSources = ['suites/guest', 'modules/include'];
  const guestKey = digestValue({ ...common, libKey, sources: await digestSources(stage, guestSources) });
  const guest = await unit(build, `guest-${guestKey.slice(0, 16)}`, guestSources, async ({ folder, run }) => {
    const out = join(folder, 'out');
    await mkdir(out, { recursive: true });
    const libaem = `LIBAEM=${join(lib, 'out')}`;
    await run(
      userCommand(folder, variant, 'suites/guest', [
        `OUT=${out}`,
        libaem,
        `INCLUDE=${join(folder, 'modules/include')}`,
      ]),
    );
  });
  const serverSources = ['modules/aemhttpd', 'modules/include'];
  const serverKey = digestValue({ ...common, libKey, sources: await digestSources(stage, serverSources) });
  const server = await unit(build, `aemhttpd-${serverKey.slice(0, 16)}`, serverSources, async ({ folder, run }) => {
    const variables = [`OUT=${join(folder, 'out')}`, `LIBAEM=${join(lib, 'out')}`];
    await run(userCommand(folder, variant, 'modules/aemhttpd', variables));
  });
  const found = await Promise.all([guest, server, lib].map((folder) => findPrograms(join(folder, 'out'))));
  const programs = found.flat();
  for (const needed of ['agent', 'probe']) {
    if (!programs.some(({ name }) => name === needed)) {
      throw new InputError(`suites/guest makes no program ${needed}`, {
        where: join(projectRoot, 'suites/guest'),
      });
    }
  }
  return programs;
}

function userCommand(
  folder: string,
  variant: Variant,
  sources: string,
  variables: readonly string[],
): Command {
  const faults = variant === 'controls' ? userFaultFlags(folder) : [];
  return {
    argv: [
      'make',
      `--directory=${join(folder, sources)}`,
      '--jobs=2',
      '--no-print-directory',
      'CC=gcc',
      ...variables,
    ],
    env: { ...buildEnvironment(), CPPFLAGS: [`-ffile-prefix-map=${folder}/=`, ...faults].join(' ') },
  };
}

/** Executable files, except shared libraries and tests that run on this machine. */
async function findPrograms(folder: string): Promise<GuestBuild['programs']> {
  const files = await listFiles(folder, (name) => !/\.(so(\.\d+)*|o|a|d)$/.test(name) && name !== 'tests');
  const programs: { name: string; path: string }[] = [];
  for (const file of files) {
    const path = join(folder, file);
    const info = await stat(path);
    if (info.isFile() && info.mode & 0o100) programs.push({ name: basename(file), path });
  }
  return programs;
}

async function digestSources(stage: string, folders: readonly string[]): Promise<string> {
  const files = await Promise.all(
    folders.map(async (folder) => (await listFiles(join(stage, folder))).map((file) => join(folder, file))),
  );
  return digestFiles(stage, files.flat());
}

interface Unit {
  readonly folder: string;
  readonly run: (command: Command) => Promise<CommandResult>;
}

/** Builds in a copy of `sources` in the cache, unless a build of the same is there. Returns its folder. */
async function unit(
  { options, cache, stage }: Stage,
  name: string,
  sources: readonly string[],
  make: (unit: Unit) => Promise<void>,
): Promise<string> {
  const folder = join(unitFolder(cache), name);
  const { signal, onProgress } = options;
  await ensureEntry(folder, {
    signal,
    intact: outputsIntact,
    onWait: (pid) =>
      onProgress?.({ stage: 'wait', message: `process ${pid ?? 'unknown'} builds the same: waiting for it` }),
    make: async (partial) => {
      for (const source of sources) {
        await mkdir(dirname(join(partial.folder, source)), { recursive: true });
        await cp(join(stage, source), join(partial.folder, source), { recursive: true });
      }
      const log = openLog(join(partial.folder, 'build.log'));
      const common: CommandOptions = { signal, log, holds: partial.lockFd };
      const run: Unit['run'] = async ({ argv, env }) => {
        const printed: string[] = [];
        const result = await tryCommand(argv, { ...common, env, onLine: (line) => printed.push(line) });
        if (result.status !== 0) throw doesNotCompile(result, printed, log.path, name);
        return result;
      };
      try {
        await make({ folder: partial.folder, run });
      } finally {
        log.close();
      }
      await recordOutputs(partial.folder);
    },
  });
  return folder;
}

/** A compiler's complaint is about the sources; anything else about the machine. */
function doesNotCompile(
  result: CommandResult,
  printed: readonly string[],
  log: string,
  name: string,
): InputError | InfrastructureError {
  const told = firstErrors(printed);
  const failed = commandFailed(result, log, told);
  const guilty = told.some((line) => /\berror: |: Error: |undefined reference|^ERROR: modpost:/.test(line));
  if (!guilty) return failed;
  return new InputError(`${name.replace(/-[0-9a-f]{16}$/, '')} does not compile`, failed.details);
}

async function removeUnused(folder: string): Promise<void> {
  const limit = Date.now() - unusedDays * 24 * 3600 * 1000;
  for (const name of await readdir(folder)) {
    if (/\.(partial|lock)$/.test(name)) continue;
    const used = await lastUse(join(folder, name));
    if (used !== undefined && used.getTime() < limit) await removeEntry(join(folder, name));
  }
}
