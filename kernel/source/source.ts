// SPDX-License-Identifier: GPL-2.0-only
import { lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { digestFile, digestFiles, listFiles } from '../../lib/digest.ts';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { runCommand, tryCommand, type CommandOptions } from '../../lib/run-command.ts';
import { checkVersion } from './version.ts';

/** Where a kernel's source comes from, known well enough to tell whether it is another one. */
export interface KernelSource {
  /** For people, e.g. `linux-source-6.12 6.12.117-1~deb12u1`. */
  readonly name: string;
  /** What tells it from any other source: a package's version, or a digest of the content. */
  readonly identity: string;
  /** Puts the tree into an existing empty folder. */
  unpack(folder: string, options: CommandOptions): Promise<void>;
}

/**
 * The source to build from: Debian's package for this version, or `given`, a tarball or a
 * tree of any origin. A tree is read as a whole for its digest.
 *
 * Throws an InputError when `given` is neither, or a tree of another version, an InfrastructureError when
 * the package is missing, the signal's reason when aborted.
 */
export async function findSource(
  version: string,
  given?: string,
  signal?: AbortSignal,
): Promise<KernelSource> {
  if (given === undefined) return debianSource(version, signal);
  const path = resolve(given);
  const info = await stat(path).catch((cause: unknown) => {
    throw new InputError('no such kernel source', {
      where: given,
      hint: '--source takes a folder or a tarball',
      cause,
    });
  });
  if (!info.isDirectory()) return tarballSource(path, signal);
  // Any folder can be named by mistake; reading one as a whole takes long, and mrproper would be its own.
  await checkVersion(path, version, given);
  return treeSource(path, signal);
}

async function debianSource(version: string, signal?: AbortSignal): Promise<KernelSource> {
  const name = `linux-source-${version}`;
  const tarball = `/usr/src/${name}.tar.xz`;
  const query = await tryCommand(['dpkg-query', '-W', '-f=${db:Status-Status} ${Version}', name], { signal }).catch(
    (error: unknown) => {
      signal?.throwIfAborted();
      // Not a Debian system: there is no such package.
      if (error instanceof InfrastructureError) return undefined;
      throw error;
    },
  );
  const [status, release] = (query?.output.at(-1) ?? '').split(' ');
  if (query?.status !== 0 || status !== 'installed' || release === undefined || !(await exists(tarball))) {
    throw new InfrastructureError(`the source of Linux ${version} is not installed`, {
      where: tarball,
      hint: `sudo apt-get install ${name}, or give another tree with --source`,
    });
  }
  return {
    name: `${name} ${release}`,
    identity: `debian ${name} ${release}`,
    unpack: (folder, options) => unpackTarball(tarball, folder, options),
  };
}

async function tarballSource(path: string, signal?: AbortSignal): Promise<KernelSource> {
  const digest = await digestFile(path, signal);
  return {
    name: `${basename(path)} sha256:${digest.slice(0, 12)}`,
    identity: `tarball sha256:${digest}`,
    unpack: async (folder, options) => {
      await unpackTarball(path, folder, options);
      if ((await digestFile(path, options.signal)) !== digest) throw changed(path);
    },
  };
}

/** What is kept by the digest of what was read first must be made of that. */
function changed(where: string): InputError {
  return new InputError('the source changed while it was copied', { where, hint: 'run it again' });
}

/** The tarball's one top folder becomes `folder`. */
async function unpackTarball(tarball: string, folder: string, options: CommandOptions): Promise<void> {
  const program = tarball.endsWith('.xz') ? ['--use-compress-program=xz -dT0'] : [];
  const tar = await tryCommand(
    [
      'tar',
      ...program,
      '--extract',
      `--file=${tarball}`,
      '--strip-components=1',
      '--no-same-owner',
      `--directory=${folder}`,
    ],
    options,
  );
  if (tar.status === 0) return;
  if (tar.output.some((line) => line.includes('No space left on device'))) {
    throw new InfrastructureError('the disk is full', {
      where: folder,
      hint: 'free space there, or set XDG_CACHE_HOME to a folder on another disk',
    });
  }
  throw new InputError('the tarball cannot be unpacked', {
    where: tarball,
    seen: tar.output.slice(-5).join('\n'),
  });
}

/**
 * A tree is taken as it is, uncommitted changes included. In a git work tree what git ignores
 * is left out, elsewhere all files count; the copy is cleaned by `make mrproper`.
 */
async function treeSource(tree: string, signal?: AbortSignal): Promise<KernelSource> {
  const files = await sourceFiles(tree, signal);
  if (files.length === 0) throw new InputError('this folder is empty', { where: tree });
  const digest = await digestFiles(tree, files, signal);
  return {
    name: `${basename(tree)} sha256:${digest.slice(0, 12)}`,
    identity: `tree sha256:${digest}`,
    unpack: async (folder, options) => {
      await mkdir(folder, { recursive: true });
      const stdin = files.map((file) => `${file}\0`).join('');
      // Links to targets outside the list stay links; nothing in the copy shares data with the tree.
      await runCommand(
        [
          'xargs',
          '--null',
          'cp',
          '--archive',
          '--reflink=auto',
          '--parents',
          `--target-directory=${folder}`,
          '--',
        ],
        { ...options, cwd: tree, stdin },
      );
      if ((await digestFiles(folder, files, options.signal)) !== digest) throw changed(tree);
      await runCommand(['make', `--directory=${folder}`, 'mrproper'], options);
    },
  };
}

/** The files of a tree, as paths in it: in a git work tree without what git ignores. */
export async function sourceFiles(tree: string, signal?: AbortSignal): Promise<readonly string[]> {
  if (!(await exists(join(tree, '.git')))) return listFiles(tree, (name) => name !== '.git');
  const found: string[] = [];
  await runCommand(['git', '-C', tree, 'ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    signal,
    onLine: (line) => {
      // One by one: as arguments of a call they can be too many.
      for (const file of line.split('\0')) found.push(file);
    },
  });
  const present = await Promise.all(found.filter((file) => file !== '').map((file) => filesAt(tree, file)));
  return [...new Set(present.flat())];
}

/** What is at a name that git gives: a file or link, a repository's files, or nothing. */
async function filesAt(tree: string, path: string): Promise<readonly string[]> {
  // A file that is deleted in the work tree is still in git's index.
  const info = await lstat(join(tree, path)).catch(() => undefined);
  if (info === undefined) return [];
  if (!info.isDirectory()) return [path];
  return (await listFiles(join(tree, path), (name) => name !== '.git')).map((file) => join(path, file));
}

/** The versions for which kernel/patches has a series, the newest first. */
export async function knownVersions(patches: string): Promise<readonly string[]> {
  const entries = await readdir(patches, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && /^\d+\.\d+$/.test(entry.name))
    .map((entry) => entry.name)
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}
