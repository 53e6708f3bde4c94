// SPDX-License-Identifier: GPL-2.0-only
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ensureEntry, isComplete, removeStalePartials, type Partial } from '../../lib/cache-entry.ts';
import { digestFile } from '../../lib/digest.ts';
import { needSpace } from '../../lib/disk-space.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import { cacheRoot } from '../../lib/paths.ts';
import { commandFailed, openLog, runCommand, tryCommand, type CommandLog } from '../../lib/run-command.ts';
import { checkVersion } from '../source/version.ts';
import type { KernelBuild } from './artifacts.ts';
import { firstErrors } from './compile-error.ts';
import { applyOptions, checkSurvived } from './config.ts';
import {
  kernelKey,
  readInputs,
  recordInputs,
  type InputRecord,
  type KernelChoice,
  type KernelInputs,
} from './inputs.ts';
import { estimate, isStep, type BuildStage, type OnProgress } from './progress.ts';
import { addedFiles, applySeries, type Patch } from './series.ts';
import { kbuild } from './toolchain.ts';

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** The cache; cacheRoot() when absent. */
  readonly cache?: string | undefined;
}

/** build.json, the record of what a kernel was built from and what came out. */
export interface BuildRecord {
  readonly key: string;
  readonly inputs: InputRecord;
  readonly release: string;
  readonly image: { readonly path: string; readonly sha256: string };
  readonly config: { readonly path: string; readonly sha256: string };
  readonly seconds: number;
}

/** Written while a kernel is not complete, so that the next run goes on where this one ended. */
interface Resume {
  /** True once the source is unpacked and the whole series applied. */
  readonly patched: boolean;
  readonly steps: number;
}

const image = 'arch/x86/boot/bzImage';
const gigabyte = 1e9;
/** Steps of a build of 6.12 for each flavour; used until this machine has done one. */
const usualSteps = { base: 1500, debug: 1700, coverage: 1600 } as const;

/**
 * The folder of kernels in a cache; one folder a key, with build.json, build.log and tree/.
 */
export function kernelFolder(cache: string = cacheRoot()): string {
  return join(cache, 'kernels');
}

/**
 * Builds a kernel, or finds it built. Prints nothing.
 *
 * Safe against other processes that want the same one: they wait for it. An interrupted build
 * is taken up again where it was.
 *
 * Throws an InputError when the source, the series or the fragments do not fit each other; an
 * InfrastructureError when the machine lacks something; the signal's reason when aborted.
 */
export async function ensureKernel(choice: KernelChoice & BuildOptions = {}): Promise<KernelBuild> {
  const build = await prepare(choice);
  const built = await ensureEntry(build.folder, {
    ...build.entry,
    make: async (partial) => {
      const started = performance.now();
      const log = openLog(join(partial.folder, 'build.log'));
      try {
        await configure(build, partial, log);
        await compile(build, partial, log, started);
      } finally {
        log.close();
      }
    },
  });
  if (built) await removeStalePartials(build.folder);
  return readKernel(build.folder);
}

/**
 * The text of the kernel's final .config. A kernel that is not built yet is unpacked, patched and
 * configured for it, and a later ensureKernel() goes on from there. Throws as ensureKernel() does.
 */
export async function ensureConfig(choice: KernelChoice & BuildOptions = {}): Promise<string> {
  const build = await prepare(choice);
  let text: string | undefined;
  await ensureEntry(build.folder, {
    ...build.entry,
    make: async (partial) => {
      const log = openLog(join(partial.folder, 'build.log'));
      try {
        text = await configure(build, partial, log);
      } finally {
        log.close();
      }
      return false;
    },
  });
  return text ?? readFile(join(build.folder, 'tree/.config'), 'utf8');
}

/** The built kernel for a choice, undefined when it is not in the cache. Throws as ensureKernel() does. */
export async function findKernel(choice: KernelChoice & BuildOptions = {}): Promise<KernelBuild | undefined> {
  const { folder } = await prepare(choice);
  return (await isComplete(folder)) && (await isIntact(folder)) ? readKernel(folder) : undefined;
}

/** Image and configuration are those that were built: a truncated image would not boot, or not all of it. */
async function isIntact(folder: string): Promise<boolean> {
  try {
    const { image: built, config } = await readRecord(folder);
    for (const { path, sha256 } of [built, config]) {
      if ((await digestFile(join(folder, path))) !== sha256) return false;
    }
    return true;
  } catch {
    // No record, or what it names is not there.
    return false;
  }
}

/** Reads the record of a kernel in the cache. */
export async function readRecord(folder: string): Promise<BuildRecord> {
  return JSON.parse(await readFile(join(folder, 'build.json'), 'utf8')) as BuildRecord;
}

async function readKernel(folder: string): Promise<KernelBuild> {
  const { key, inputs, release, image: built, config } = await readRecord(folder);
  return {
    key,
    version: inputs.version,
    flavour: inputs.flavour,
    release,
    source: inputs.source.name,
    patches: inputs.patches.map(({ name }) => name),
    image: join(folder, built.path),
    config: join(folder, config.path),
    tree: join(folder, 'tree'),
  };
}

interface Build {
  readonly inputs: KernelInputs;
  readonly record: InputRecord;
  readonly key: string;
  readonly folder: string;
  readonly cache: string;
  readonly signal: AbortSignal | undefined;
  readonly tell: (
    stage: BuildStage,
    message: string,
    more?: { done?: number; total?: number; secondsLeft?: number },
  ) => void;
  readonly entry: {
    readonly signal: AbortSignal | undefined;
    readonly onWait: (pid: number | undefined) => void;
    readonly resume: true;
    readonly intact: (folder: string) => Promise<boolean>;
  };
}

async function prepare(choice: KernelChoice & BuildOptions): Promise<Build> {
  const { signal, onProgress, cache = cacheRoot(), source } = choice;
  const tell: Build['tell'] = (stage, message, more = {}) => onProgress?.({ stage, message, ...more });
  if (source !== undefined) tell('source', `reading ${source}`);
  const inputs = await readInputs(choice, signal);
  const record = recordInputs(inputs);
  const key = kernelKey(record);
  const onWait = (pid: number | undefined): void =>
    tell('wait', `process ${pid ?? 'unknown'} builds the same kernel: waiting for it`);
  const folder = join(kernelFolder(cache), key);
  const intact = async (whole: string): Promise<boolean> => {
    const is = await isIntact(whole);
    if (!is) tell('wait', `the kernel in ${whole} is damaged: building it again`);
    return is;
  };
  return { inputs, record, key, folder, cache, signal, tell, entry: { signal, onWait, resume: true, intact } };
}

/** Up to the final .config, whose text it returns. */
async function configure(build: Build, partial: Partial, log: CommandLog): Promise<string> {
  const { inputs, signal, tell } = build;
  const tree = join(partial.folder, 'tree');
  const common = { signal, log, holds: partial.lockFd };
  if (!(await readResume(partial.folder)).patched) await unpackAndPatch(build, partial, log);

  tell('config', `configuring ${describe(inputs)}`);
  const { make, options } = kbuild(tree, inputs.toolchain);
  const config = join(tree, '.config');
  await runCommand([...make, 'tinyconfig'], { ...common, ...options });
  await writeFile(config, applyOptions(await readFile(config, 'utf8'), inputs.options));
  await runCommand([...make, 'olddefconfig'], { ...common, ...options });
  const text = await readFile(config, 'utf8');
  checkSurvived(text, inputs.options, inputs.source.name);
  return text;
}

async function unpackAndPatch(build: Build, partial: Partial, log: CommandLog): Promise<void> {
  const { inputs, signal, tell } = build;
  const { source, patches, version } = inputs;
  const tree = join(partial.folder, 'tree');
  const common = { signal, log, holds: partial.lockFd };
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree);
  const bytes = (inputs.flavour === 'base' ? 3 : 5) * gigabyte;
  await needSpace(tree, bytes, `building ${describe(inputs)}`);

  tell('source', `unpacking ${source.name}`);
  await source.unpack(tree, common);
  await checkVersion(tree, version, source.name);
  await applySeries(tree, patches, source.name, {
    ...common,
    onPatch: ({ name }) => tell('patch', `applying ${name}`),
  });
  await writeResume(partial.folder, { patched: true, steps: 0 });
}

async function compile(build: Build, partial: Partial, log: CommandLog, started: number): Promise<void> {
  const { inputs, cache, signal, tell, key, record } = build;
  const tree = join(partial.folder, 'tree');
  const { make, options } = kbuild(tree, inputs.toolchain);
  const common = { signal, log, holds: partial.lockFd, ...options };
  const before = (await readResume(partial.folder)).steps;
  const history = await readHistory(cache);
  const name = historyName(inputs);
  const expected = history[name] ?? usualSteps[inputs.flavour];
  const message = `compiling ${describe(inputs)}`;
  const compileStarted = performance.now();
  const printed: string[] = [];
  let steps = 0;
  try {
    const instrumented = inputs.flavour === 'coverage' ? await profiled(inputs.patches) : [];
    const result = await tryCommand([...make, ...instrumented, 'bzImage', 'modules'], {
      ...common,
      onLine: (line) => {
        if (!isStep(line)) {
          printed.push(line);
          return;
        }
        steps += 1;
        tell(
          'compile',
          message,
          estimate(steps, before, expected, (performance.now() - compileStarted) / 1000),
        );
      },
    });
    if (result.status !== 0) throw commandFailed(result, log.path, firstErrors(printed));
  } finally {
    await writeResume(partial.folder, { patched: true, steps: before + steps });
  }
  const release = (await runCommand([...make, '--silent', 'kernelrelease'], common)).output.at(-1) ?? '';
  for (const file of [image, 'Module.symvers']) await mustExist(join(tree, file), log.path);

  const done: BuildRecord = {
    key,
    inputs: record,
    release,
    image: { path: join('tree', image), sha256: await digestFile(join(tree, image)) },
    config: { path: 'tree/.config', sha256: await digestFile(join(tree, '.config')) },
    seconds: Math.round((performance.now() - started) / 1000),
  };
  await writeFile(join(partial.folder, 'build.json'), `${JSON.stringify(done, null, 2)}\n`);
  await rm(resumeFile(partial.folder), { force: true });
  await writeHistory(cache, name, before + steps);
}

/** The variables for make that let gcov count in what the series adds, and in nothing else. */
async function profiled(patches: readonly Patch[]): Promise<readonly string[]> {
  const texts = await Promise.all(
    patches.map(async ({ path, strip }) => addedFiles(await readFile(path, 'utf8'), strip)),
  );
  const sources = texts.flat().filter((file) => file.endsWith('.c'));
  return sources.map((file) => `GCOV_PROFILE_${basename(file, '.c')}.o=y`);
}

async function mustExist(path: string, log: string): Promise<void> {
  await access(path).catch((cause: unknown) => {
    throw new InfrastructureError('make ended well but did not make what it should', {
      where: path,
      hint: `the whole log: less ${log}`,
      cause,
    });
  });
}

function describe({ version, flavour, patches }: KernelInputs): string {
  return `Linux ${version} (${flavour}${patches.length === 0 ? ', unpatched' : ''})`;
}

function resumeFile(folder: string): string {
  return join(folder, 'resume.json');
}

async function readResume(folder: string): Promise<Resume> {
  const text = await readFile(resumeFile(folder), 'utf8').catch(() => '{"patched":false,"steps":0}');
  try {
    return JSON.parse(text) as Resume;
  } catch {
    // Cut off by the interruption itself: begin anew.
    return { patched: false, steps: 0 };
  }
}

async function writeResume(folder: string, resume: Resume): Promise<void> {
  await writeFile(resumeFile(folder), JSON.stringify(resume));
}

/** How many steps the last whole build of each kind took on this machine. */
async function readHistory(cache: string): Promise<Readonly<Record<string, number>>> {
  const text = await readFile(join(cache, 'steps.json'), 'utf8').catch(() => '{}');
  try {
    return JSON.parse(text) as Record<string, number>;
  } catch {
    return {};
  }
}

async function writeHistory(cache: string, name: string, steps: number): Promise<void> {
  const path = join(cache, 'steps.json');
  const history = { ...(await readHistory(cache)), [name]: steps };
  await writeFile(`${path}.${process.pid}`, JSON.stringify(history));
  await rename(`${path}.${process.pid}`, path);
}

function historyName({ version, flavour, patches }: KernelInputs): string {
  return `${version} ${flavour}${patches.length === 0 ? ' unpatched' : ''}`;
}
