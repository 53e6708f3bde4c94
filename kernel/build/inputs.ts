// SPDX-License-Identifier: GPL-2.0-only
import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestText, digestValue } from '../../lib/digest.ts';
import { InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { projectRoot } from '../../lib/paths.ts';
import { findSource, knownVersions, type KernelSource } from '../source/source.ts';
import type { Flavour } from './artifacts.ts';
import { isSeriesOption, mergeFragments, type Fragment, type Option } from './config.ts';
import { readSeries, type Patch } from './series.ts';
import { findToolchain, type Toolchain } from './toolchain.ts';

/** Which kernel to build. */
export interface KernelChoice {
  /** The series: `6.12`, the newest, when absent. */
  readonly version?: string | undefined;
  /** A tree or a tarball; Debian's source package when absent. */
  readonly source?: string | undefined;
  readonly flavour?: Flavour | undefined;
  /** Build without the series, to compare with. */
  readonly unpatched?: boolean | undefined;
}

/** All that a kernel is made of. */
export interface KernelInputs {
  readonly version: string;
  readonly flavour: Flavour;
  readonly source: KernelSource;
  readonly patches: readonly Patch[];
  readonly fragments: readonly Fragment[];
  readonly options: readonly Option[];
  readonly toolchain: Toolchain;
}

/** Counts up when the way to build changes, so that what the old way made is not used. */
export const recipe = 1;

const patchFolder = join(projectRoot, 'kernel/patches');
const configFolder = join(projectRoot, 'kernel/config');

/** The kernel versions there is a patch series for, the newest first. */
export function kernelVersions(): Promise<readonly string[]> {
  return knownVersions(patchFolder);
}

/** Reads everything that a kernel is made of, except the source itself. Throws InputErrors. */
export async function readInputs(choice: KernelChoice, signal?: AbortSignal): Promise<KernelInputs> {
  const version = await chooseVersion(choice.version);
  const flavour = choice.flavour ?? 'base';
  const unpatched = choice.unpatched ?? false;
  const [patches, fragments, toolchain, source] = await Promise.all([
    unpatched ? [] : readSeries(join(patchFolder, version)),
    readFragments(flavour, version, unpatched),
    findToolchain(signal),
    findSource(version, choice.source, signal),
  ]);
  const options = mergeFragments(fragments, (name) => unpatched && isSeriesOption(name));
  return { version, flavour, source, patches, fragments, options, toolchain };
}

async function chooseVersion(asked: string | undefined): Promise<string> {
  const known = await kernelVersions();
  const chosen = asked ?? known[0];
  if (chosen !== undefined && known.includes(chosen)) return chosen;
  throw new InputError('there is no patch series for this kernel version', {
    where: patchFolder,
    expected: `one of ${known.join(', ')}`,
    seen: asked ?? 'none at all',
  });
}

async function readFragments(flavour: Flavour, version: string, unpatched: boolean): Promise<readonly Fragment[]> {
  const names = flavour === 'base' ? ['base'] : ['base', flavour];
  // What a version has not, or has by another name, comes last.
  if (await exists(fragmentPath(version))) names.push(version);
  const files = await Promise.all(names.map(readFragment));
  const release = [unpatched ? '-plain' : '-aem', ...(flavour === 'base' ? [] : [`-${flavour}`])].join('');
  const identity = [`CONFIG_LOCALVERSION="${release}"`, '# CONFIG_LOCALVERSION_AUTO is not set', ''].join(
    '\n',
  );
  return [...files, { name: 'the release name', text: identity }];
}

function fragmentPath(name: string): string {
  return join(configFolder, `${name}.config`);
}

async function readFragment(name: string): Promise<Fragment> {
  const path = fragmentPath(name);
  const text = await readFile(path, 'utf8').catch(async (cause: unknown) => {
    throw new InputError('there is no such kernel flavour', {
      where: path,
      expected: `one of ${(await flavours()).join(', ')}`,
      seen: name,
      cause,
    });
  });
  return { name: `kernel/config/${name}.config`, text };
}

async function flavours(): Promise<readonly string[]> {
  await access(configFolder);
  const names = await readdir(configFolder);
  return names
    .filter((name) => name.endsWith('.config'))
    .map((name) => name.slice(0, -'.config'.length))
    .sort();
}

/** What goes into a kernel's key, and into its record build.json. */
export interface InputRecord {
  readonly recipe: number;
  readonly arch: 'x86_64';
  readonly version: string;
  readonly flavour: Flavour;
  readonly source: { readonly name: string; readonly identity: string };
  readonly patches: readonly { readonly name: string; readonly sha256: string; readonly strip: number }[];
  readonly fragments: readonly { readonly name: string; readonly sha256: string }[];
  readonly compiler: string;
  readonly linker: string;
}

/** The inputs by name and digest. */
export function recordInputs(inputs: KernelInputs): InputRecord {
  const { version, flavour, source, patches, fragments, toolchain } = inputs;
  return {
    recipe,
    arch: 'x86_64',
    version,
    flavour,
    source: { name: source.name, identity: source.identity },
    patches: patches.map(({ name, digest, strip }) => ({ name, sha256: digest, strip })),
    fragments: fragments.map(({ name, text }) => ({ name, sha256: digestText(text) })),
    compiler: toolchain.compiler,
    linker: toolchain.linker,
  };
}

/**
 * The key of a kernel: 16 hex digits of the sha256 over its inputs. The name that a source or
 * a patch goes by is not among them, its content is.
 */
export function kernelKey(record: InputRecord): string {
  const { source, patches, fragments, ...rest } = record;
  return digestValue({
    ...rest,
    source: source.identity,
    patches: patches.map(({ sha256, strip }) => [sha256, strip]),
    fragments: fragments.map(({ sha256 }) => sha256),
  }).slice(0, 16);
}
