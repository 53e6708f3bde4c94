// SPDX-License-Identifier: GPL-2.0-only
/** The Debian packages of the kernel under test, as the kernel's own `make bindeb-pkg` makes them, and that of AEM. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { needSpace } from '../../lib/disk-space.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import { cacheRoot } from '../../lib/paths.ts';
import { commandFailed, openLog, runCommand, tryCommand, type CommandLog } from '../../lib/run-command.ts';
import type { KernelBuild } from '../build/artifacts.ts';
import { firstErrors } from '../build/compile-error.ts';
import { ensureGuest } from '../build/guest.ts';
import type { KernelChoice } from '../build/inputs.ts';
import { ensureKernel, type BuildOptions } from '../build/kernel.ts';
import { findToolchain, kbuild } from '../build/toolchain.ts';
import { fixedTime, packAem, type PackageOptions } from './aem.ts';
import { imageVersion } from './version.ts';

/** What `make bindeb-pkg` runs, and the Debian packages that have it. */
const tools: readonly (readonly [tool: string, from: string])[] = [
  ['dpkg-buildpackage', 'dpkg-dev'],
  ['dh_builddeb', 'debhelper'],
  ['rsync', 'rsync'],
];

/** The kernel's packages that somebody installs; that of headers for C libraries is none of ours. */
const wanted = /^linux-(image|headers)-.*\.deb$/;

export interface Packages {
  readonly kernel: KernelBuild;
  /** Paths: the image, the headers, and AEM. */
  readonly files: readonly string[];
}

/**
 * Makes the Debian packages of a kernel with the patch series: image, headers, and the modules with libaem. They go
 * into the folder `out`, with build.log where something failed.
 * @throws InfrastructureError when a tool is not there or fails; as ensureKernel() and ensureGuest() do
 */
export async function packageKernel(choice: Omit<KernelChoice, 'unpatched'> & BuildOptions, out: string): Promise<Packages> {
  const { signal, onProgress } = choice;
  await checkTools();
  const kernel = await ensureKernel(choice);
  const guest = await ensureGuest(kernel, 'release', { signal, onProgress });
  await mkdir(out, { recursive: true });
  const scratch = await mkdtemp(join(choice.cache ?? cacheRoot(), 'package-'));
  const log = openLog(join(out, 'build.log'));
  try {
    const files = [...(await packImage(kernel, { scratch, out, log, signal, onProgress }))];
    onProgress?.({ stage: 'package', message: 'packing AEM' });
    files.push(await packAem(kernel, guest.modules, { scratch, out, signal, log }));
    await rm(log.path, { force: true });
    return { kernel, files };
  } finally {
    log.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function checkTools(): Promise<void> {
  const missing: string[] = [];
  for (const [tool, from] of tools) {
    const { status } = await tryCommand(['sh', '-c', 'command -v "$1"', 'sh', tool]);
    if (status !== 0) missing.push(from);
  }
  if (missing.length === 0) return;
  throw new InfrastructureError('what makes Debian packages is not there', {
    seen: `not installed: ${missing.join(', ')}`,
    hint: `apt-get install --no-install-recommends ${missing.join(' ')}`,
  });
}

interface Packing extends PackageOptions, Pick<BuildOptions, 'onProgress'> {
  readonly log: CommandLog;
}

/** In a copy of the built tree, which stays as it is: suites boot it. */
async function packImage(kernel: KernelBuild, { scratch, out, log, signal, onProgress }: Packing): Promise<readonly string[]> {
  const tree = join(scratch, 'tree');
  await needSpace(scratch, 4e9, `packing ${kernel.release}`);
  onProgress?.({ stage: 'package', message: 'copying the built tree' });
  await runCommand(['cp', '--archive', '--reflink=auto', kernel.tree, tree], { signal, log });

  const { make, options } = kbuild(tree, await findToolchain(signal));
  const version = await imageVersion(kernel);
  const printed: string[] = [];
  onProgress?.({ stage: 'package', message: `packing ${kernel.release}` });
  const result = await tryCommand([...make, `KDEB_PKGVERSION=${version}`, 'DPKG_FLAGS=-d', 'bindeb-pkg'], {
    signal,
    log,
    env: { ...options.env, ...fixedTime(), DEBFULLNAME: 'aemcert', DEBEMAIL: 'aemcert@localhost' },
    onLine: (line) => printed.push(line),
  });
  if (result.status !== 0) throw commandFailed(result, log.path, firstErrors(printed));
  const made = (await readdir(scratch)).filter((name) => wanted.test(name) && !/-dbg_/.test(name)).sort();
  if (made.length !== 2) {
    throw new InfrastructureError('make bindeb-pkg did not make what it should', { expected: 'an image and headers', seen: made.join(', '), where: log.path });
  }
  // The cache may be on another disk.
  await runCommand(['mv', '--', ...made.map((name) => join(scratch, name)), out], { signal, log });
  // The image first.
  return made.map((name) => resolve(out, name)).sort((a, b) => Number(b.includes('/linux-image-')) - Number(a.includes('/linux-image-')));
}
