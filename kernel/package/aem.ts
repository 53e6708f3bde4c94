// SPDX-License-Identifier: GPL-2.0-only
/** The Debian package of AEM's modules and libaem for one kernel. */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { digestFolders } from '../../lib/digest.ts';
import { projectRoot } from '../../lib/paths.ts';
import { buildEnvironment, runCommand, type CommandLog } from '../../lib/run-command.ts';
import type { GuestBuild, KernelBuild } from '../build/artifacts.ts';
import { aemVersion, imageVersion } from './version.ts';

/** Where Debian has libraries of this architecture. */
const libraries = '/usr/lib/x86_64-linux-gnu';

export interface PackageOptions {
  /** A folder for what is packed, that is removed by who made it. */
  readonly scratch: string;
  /** Where the package goes. */
  readonly out: string;
  readonly signal?: AbortSignal | undefined;
  readonly log?: CommandLog | undefined;
}

/** The name of the package of AEM for a kernel, as `uname -r` tells it. */
export function aemPackage(release: string): string {
  return `aem-${release.toLowerCase().replace(/[^a-z0-9.+-]/g, '-')}`;
}

export interface Control {
  readonly release: string;
  /** A Debian version, as is the next one. */
  readonly version: string;
  /** Of the package of the kernel for which the modules were built. */
  readonly image: string;
  /** What it installs. */
  readonly kibibytes: number;
}

/** The package's control file. */
export function controlFile({ release, version, image, kibibytes }: Control): string {
  return [
    `Package: ${aemPackage(release)}`,
    `Version: ${version}`,
    'Architecture: amd64',
    'Section: kernel',
    'Priority: optional',
    'Maintainer: aemcert <aemcert@localhost>',
    `Installed-Size: ${kibibytes}`,
    // Another build of the same release has the same name, and may have other structures.
    `Depends: linux-image-${release.toLowerCase()} (= ${image}), kmod, libc6`,
    // Two of them would both bring the library.
    'Provides: libaem',
    'Conflicts: libaem',
    'Description: Linux Asynchronous Event Mechanism: modules and libaem',
    ` The event modules of AEM for the kernel ${release}, which has the`,
    ' patch series, with the library that programs use: static and shared, its',
    ' header and man pages. aem-example is an example of an event module, by',
    ' which the conformance suite raises events.',
    '',
  ].join('\n');
}

/** depmod after each change of what is there; of a kernel that is gone there is nothing to be told. */
function depmodScript(release: string): string {
  return ['#!/bin/sh', 'set -e', `if [ -d /lib/modules/${release} ] && command -v depmod >/dev/null; then depmod -a ${release}; fi`, ''].join('\n');
}

/**
 * Packs the modules of a kernel, and libaem. Returns the package's path.
 * @throws InfrastructureError when a tool fails, the signal's reason when aborted
 */
export async function packAem(kernel: Pick<KernelBuild, 'release' | 'version' | 'key'>, modules: GuestBuild['modules'], options: PackageOptions): Promise<string> {
  const { scratch, out, signal, log } = options;
  const { release } = kernel;
  const root = join(scratch, 'aem');
  const folder = join(root, 'lib/modules', release, 'updates/aem');
  await mkdir(folder, { recursive: true });
  for (const { name, path } of modules) await copyFile(path, join(folder, `${name}.ko`));

  const make = ['make', `--directory=${join(projectRoot, 'modules/libaem')}`, '--no-print-directory', 'CC=gcc', `OUT=${join(scratch, 'libaem')}`] as const;
  await runCommand([...make, `DESTDIR=${root}`, 'PREFIX=/usr', `LIBDIR=${libraries}`, 'install'], { signal, log, env: buildEnvironment() });
  await runCommand(['find', join(root, 'usr/share/man'), '-name', '*.3', '-exec', 'gzip', '-9n', '{}', '+'], { signal, log });
  // Not what this user's umask makes of it.
  await runCommand(['chmod', '-R', 'u=rwX,go=rX', root], { signal, log });

  const { output } = await runCommand(['du', '--summarize', '--apparent-size', '--block-size=1K', root], { signal });
  const image = await imageVersion(kernel);
  const version = await aemVersion({ image, content: await digestFolders(root, ['lib', 'usr']) });
  const control = join(root, 'DEBIAN');
  await mkdir(control);
  await writeFile(join(control, 'control'), controlFile({ release, version, image, kibibytes: Number.parseInt(output[0] ?? '0', 10) }));
  for (const name of ['postinst', 'postrm']) {
    await writeFile(join(control, name), depmodScript(release));
    await chmod(join(control, name), 0o755);
  }
  await chmod(control, 0o755);
  const path = resolve(out, `${aemPackage(release)}_${version}_amd64.deb`);
  await runCommand(['dpkg-deb', '--root-owner-group', '--build', root, path], { signal, log, env: fixedTime() });
  return path;
}

/** Equal inputs, equal bytes. */
export function fixedTime(): Readonly<Record<string, string>> {
  return { ...buildEnvironment(), SOURCE_DATE_EPOCH: String(Date.UTC(2026, 0, 1) / 1000) };
}
