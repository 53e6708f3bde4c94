// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { digestFile } from '../../lib/digest.ts';
import { InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { runCommand, tryCommand } from '../../lib/run-command.ts';
import { unusable } from './image.ts';

/** Packages that Debian's and its relatives' images are split into. */
const partOfKernel = /^linux-(image|modules|binary)-[a-z0-9.+~-]+$/;

export interface Unpacked {
  /** What was in the packages, as it would be in /. */
  readonly root: string;
  /** For people: each package, its version and the beginning of its digest. */
  readonly source: string;
}

/**
 * Unpacks Debian packages into a folder.
 * @throws InputError for packages that are not of one kernel; InfrastructureError, whose first line says it all, for one that is damaged or of
 * another architecture
 */
export async function unpackPackages(files: readonly string[], folder: string, signal?: AbortSignal): Promise<Unpacked> {
  const root = join(folder, 'root');
  const told: string[] = [];
  await checkTogether(files);
  for (const file of files) {
    told.push((await unpackPackage(file, root, signal)).told);
    // The next package would be unpacked through a link, and what is read through one is none of the kernel's.
    await runCommand(['find', root, '!', '-type', 'd', '!', '-type', 'f', '-delete'], { signal });
  }
  return { root, source: told.join(', ') };
}

/** Files of two builds would be mixed in one root: neither could be installed so. */
async function checkTogether(files: readonly string[]): Promise<void> {
  const packages = await Promise.all(files.map(async (file) => {
    const [name = '', version = '', depends = ''] = await fieldsOf(file, ['Package', 'Version', 'Depends']);
    return { file, name, version, depends };
  }));
  const byName = new Map<string, (typeof packages)[number]>();
  for (const one of packages) {
    const other = byName.get(one.name);
    if (other !== undefined) {
      throw new InputError('two files are of one package', { where: one.name, seen: `${basename(other.file)}, ${basename(one.file)}`, hint: 'name the files of one build' });
    }
    byName.set(one.name, one);
  }
  for (const { file, depends } of packages) {
    for (const [, name = '', version] of depends.matchAll(/(?<=^|,)\s*([a-z0-9][a-z0-9.+-]+)\s*\(=\s*([^\s)]+)\s*\)\s*(?=,|$)/g)) {
      const given = byName.get(name);
      if (given === undefined || given.version === version) continue;
      throw new InputError('a package was made for another build of what it is given with', { where: file, expected: `${name} ${version ?? ''}`, seen: `${name} ${given.version}`, hint: 'name the files of one build' });
    }
  }
}

/** Unpacks one package; for people, which it is. */
async function unpackPackage(file: string, root: string, signal: AbortSignal | undefined): Promise<{ readonly told: string; readonly sha256: string }> {
  const [name, version, architecture] = await fieldsOf(file, ['Package', 'Version', 'Architecture']);
  if (architecture !== 'amd64' && architecture !== 'all') {
    throw unusable(`the kernel is for another architecture: ${architecture ?? 'none'}, not amd64`, file);
  }
  await mkdir(root, { recursive: true });
  const { status, output } = await tryCommand(['dpkg-deb', '--extract', resolve(file), root], { signal });
  if (status !== 0) throw unusable(`the package is corrupt: ${output.at(-1) ?? `dpkg-deb ended with ${String(status)}`}`, file);
  const sha256 = await digestFile(file, signal);
  return { told: `${name ?? ''} ${version ?? ''} sha256:${sha256.slice(0, 12)}`, sha256 };
}

export interface Headers {
  /** The folder that modules are built against. */
  readonly tree: string;
  /** For people: the package. */
  readonly source: string;
  /** Of the package. */
  readonly sha256: string;
}

/**
 * Unpacks the package of a kernel's headers.
 * @throws InputError when it has none of this release; as unpackPackages() does
 */
export async function unpackHeaders(file: string, release: string, folder: string, signal?: AbortSignal): Promise<Headers> {
  const root = join(folder, 'headers');
  const { told, sha256 } = await unpackPackage(file, root, signal);
  const tree = join(root, 'usr/src', `linux-headers-${release}`);
  for (const part of ['Makefile', 'Module.symvers', '.config']) {
    if (await exists(join(tree, part))) continue;
    const names = await readdir(join(root, 'usr/src')).catch((): readonly string[] => []);
    throw new InputError('these are no headers of this kernel, whole', {
      where: file,
      expected: `usr/src/linux-headers-${release}/${part}`,
      seen: names.length === 0 ? 'no usr/src' : names.join(', '),
    });
  }
  return { tree, source: told, sha256 };
}

async function fieldsOf(file: string, fields: readonly string[]): Promise<readonly string[]> {
  if (!(await exists(file))) throw new InputError('there is no such package', { where: file });
  return Promise.all(fields.map((field) => fieldOf(file, field)));
}

async function fieldOf(file: string, field: string): Promise<string> {
  const { status, output } = await tryCommand(['dpkg-deb', '--field', resolve(file), field]);
  if (status !== 0) throw unusable(`this is no Debian package, or a corrupt one: ${output.at(-1) ?? ''}`, file);
  return output.join(' ').trim();
}

/**
 * Has apt download a kernel package by its name, and what it depends on of the same kernel: a package such as
 * linux-image-cloud-amd64 only names another. Returns the files.
 * @throws InputError when apt knows no such package
 */
export async function downloadPackage(name: string, folder: string, signal?: AbortSignal): Promise<readonly string[]> {
  if (!partOfKernel.test(name)) {
    throw new InputError('this is no name of a kernel package', { expected: 'linux-image-…', seen: name });
  }
  await mkdir(folder, { recursive: true });
  const done = new Set<string>();
  const files: string[] = [];
  const fetch = async (wanted: string): Promise<void> => {
    if (done.has(wanted)) return;
    done.add(wanted);
    const before = new Set(await readdir(folder));
    const { status, output } = await tryCommand(['apt-get', '--quiet', 'download', wanted], { cwd: folder, signal });
    if (status !== 0) {
      throw new InputError('apt does not have this package', { seen: `${wanted}: ${output.at(-1) ?? ''}`, hint: 'apt-get update, or look with: apt-cache search linux-image' });
    }
    const file = (await readdir(folder)).find((one) => !before.has(one) && one.endsWith('.deb'));
    if (file === undefined) throw new InputError('apt downloaded nothing', { seen: wanted });
    files.push(join(folder, file));
    for (const next of (await fieldOf(join(folder, file), 'Depends')).split(',')) {
      const needed = next.trim().split(/[ (|]/)[0] ?? '';
      if (partOfKernel.test(needed)) await fetch(needed);
    }
  };
  await fetch(name);
  return files;
}

/** The one kernel in an unpacked root. @throws InfrastructureError when there is none, or several */
export async function findKernelIn(root: string): Promise<{ readonly image: string; readonly config?: string; readonly modules: string }> {
  const boot = join(root, 'boot');
  const names = (await readdir(boot).catch((): readonly string[] => [])).filter((name) => /^vmlinu[xz]-/.test(name)).sort();
  const elsewhere = '"$1/lib/modules" "$1/usr/lib/modules" -maxdepth 2 -name vmlinuz';
  const { output } = await runCommand(['sh', '-c', `find ${elsewhere} 2>/dev/null || :`, 'sh', root]);
  const images = [...names.map((name) => join(boot, name)), ...output];
  const [image, other] = images;
  if (image === undefined) throw unusable('the packages hold no kernel: no boot/vmlinuz-…', basename(root));
  if (other !== undefined) throw new InputError('the packages hold several kernels', { seen: images.map((path) => basename(path)).join(', '), hint: 'give those of one' });
  const config = image.replace(/vmlinu[xz]-/, 'config-');
  return {
    image,
    ...(config !== image && (await exists(config)) ? { config } : {}),
    modules: root,
  };
}
