// SPDX-License-Identifier: GPL-2.0-only
/** A kernel that somebody else has built: files, or Debian packages. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestFile } from '../../lib/digest.ts';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import type { BootableKernel, GuestBuild } from '../build/artifacts.ts';
import type { OnProgress } from '../build/progress.ts';
import { ensureGuest } from '../build/guest.ts';
import { lacking, machineFor, parseConfig, type KernelConfig } from './config.ts';
import { readImage, unusable } from './image.ts';
import { collectModules, type GivenModules } from './modules.ts';
import { downloadPackage, findKernelIn, unpackHeaders, unpackPackages } from './packages.ts';

/** Where a kernel comes from. */
export type GivenChoice = {
  /** The package of its headers: AEM's modules are built against them, for a kernel that has the series and no modules. */
  readonly headers?: string | undefined;
} & (
  | { readonly kernel: string; readonly modules?: string | undefined; readonly config?: string | undefined }
  | { readonly deb: readonly string[] }
  | { readonly package: string }
);

export interface GivenOptions {
  /** A folder for copies, which the caller removes when nothing needs the kernel any more. */
  readonly scratch: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** A kernel that can be booted here, as far as can be told without doing it. */
export interface GivenKernel extends BootableKernel {
  readonly release: string;
  /** For people: the packages, or the file. */
  readonly source: string;
  /** The text of its configuration; absent where nobody knows it. */
  readonly config?: string;
  readonly modules: GuestBuild['modules'];
  readonly moduleTree?: string;
  /** AEM's modules are among its own: then it is measured through them, too. */
  readonly hasAem: boolean;
}

/**
 * Gets a given kernel ready to be booted.
 * @throws InputError for what is not there; InfrastructureError, whose first line says it all, for what cannot be run:
 * no serial port, no initramfs, another architecture, a corrupt file
 */
export async function prepareGiven(choice: GivenChoice, { scratch, signal, onProgress }: GivenOptions): Promise<GivenKernel> {
  const tell = (message: string): void => onProgress?.({ stage: 'source', message });
  const { image, config, modules, source } = await locate(choice, scratch, tell, signal);
  tell(`reading ${basename(image)}`);
  const read = await readImage(image);
  const text = config === undefined ? read.config : await readFile(config, 'utf8');
  const options = text === undefined ? undefined : parseConfig(text);
  const missing = options === undefined ? undefined : lacking(options, modules !== undefined);
  if (missing !== undefined) throw unusable(`the kernel cannot run here: it was built without ${missing}`, image);
  if (modules !== undefined) tell(`collecting modules of ${read.release}`);
  const collected: GivenModules = modules === undefined ? { loaded: [], aem: false } : await collectModules(modules, read.release, scratch);
  const { headers } = choice;
  if (headers !== undefined && collected.aem) throw new InputError('this kernel has AEM’s modules among its own', { where: headers, hint: 'leave --headers out' });
  const built = headers === undefined ? undefined : await buildModules(headers, { release: read.release, options, scratch, signal, onProgress });
  return {
    image,
    machine: machineFor(options),
    release: read.release,
    source: built === undefined ? source : `${source}; AEM’s modules built here against ${built.source}`,
    ...(text === undefined ? {} : { config: text }),
    modules: [...collected.loaded, ...(built?.modules ?? [])],
    ...(collected.tree === undefined ? {} : { moduleTree: collected.tree }),
    hasAem: collected.aem || built !== undefined,
  };
}

interface Against extends GivenOptions {
  readonly release: string;
  readonly options: KernelConfig | undefined;
}

/** AEM's modules for a kernel that has none, of our sources. */
async function buildModules(headers: string, { release, options, scratch, signal, onProgress }: Against): Promise<{ readonly modules: GuestBuild['modules']; readonly source: string }> {
  if (options !== undefined && options.get('CONFIG_AEM') !== 'y') {
    throw new InputError('the kernel is built without the patch series, on which AEM’s modules stand', { where: headers, expected: 'CONFIG_AEM=y', hint: 'leave --headers out: it is measured by what it has of its own' });
  }
  const { tree, source, sha256 } = await unpackHeaders(headers, release, scratch, signal);
  const { modules } = await ensureGuest({ key: sha256, tree, flavour: 'base' }, 'release', { signal, onProgress });
  return { modules, source };
}

interface Located {
  readonly image: string;
  readonly config?: string;
  readonly modules?: string | undefined;
  readonly source: string;
}

async function locate(choice: GivenChoice, scratch: string, tell: (message: string) => void, signal: AbortSignal | undefined): Promise<Located> {
  if ('kernel' in choice) {
    const { kernel, modules, config = await configBeside(kernel) } = choice;
    const image = await keepImage(kernel, join(scratch, 'image'));
    const digest = (await digestFile(image, signal)).slice(0, 12);
    return { image, modules, ...(config === undefined ? {} : { config }), source: `${basename(kernel)} sha256:${digest}` };
  }
  if ('package' in choice) tell(`downloading ${choice.package}`);
  const files = 'deb' in choice ? choice.deb : await downloadPackage(choice.package, join(scratch, 'debs'), signal);
  tell(`unpacking ${files.map((file) => basename(file)).join(', ')}`);
  const { root, source } = await unpackPackages(files, scratch, signal);
  return { ...(await findKernelIn(root)), source };
}

/** It is booted again and again, and what is booted has to be what was digested, whatever becomes of the user's file. */
async function keepImage(kernel: string, folder: string): Promise<string> {
  const image = join(folder, basename(kernel));
  await mkdir(folder, { recursive: true });
  await copyFile(kernel, image).catch((cause: unknown) => {
    const { code = 'error' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw new InfrastructureError('the disk is full', { where: folder, cause });
    throw unusable(`the kernel image cannot be read (${code})`, kernel);
  });
  return image;
}

/** As Debian and others lay them out: config-RELEASE beside vmlinuz-RELEASE. */
async function configBeside(kernel: string): Promise<string | undefined> {
  const release = /^vmlinu[xz]-(.+)$/.exec(basename(kernel))?.[1];
  if (release === undefined) return undefined;
  const path = join(dirname(kernel), `config-${release}`);
  return (await exists(path)) ? path : undefined;
}
