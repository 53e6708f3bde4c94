// SPDX-License-Identifier: GPL-2.0-only
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { listFiles } from '../../lib/digest.ts';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { exists } from '../../lib/exists.ts';
import { commandFailed, runCommand, tryCommand } from '../../lib/run-command.ts';
import type { GuestBuild } from '../build/artifacts.ts';

/** Between the host and the agent. */
const channel = ['virtio_pci', 'virtio_console'];

/** What suites may ask the kernel for while they run; the kernel then loads it by itself. */
const onDemand = ['tipc', 'veth', 'overlay', 'af_packet', 'ipv6', 'udp_diag', 'loop'];

/** AEM's modules, aem-core first: the others use what it exports. */
const aem = ['aem_core', 'aem_example', 'aem_sched', 'aem_ip', 'aem_timer', 'aem_tipc', 'aem_pexit', 'aem_fd'];

export interface GivenModules {
  /** Loaded when the machine comes up, in this order. */
  readonly loaded: GuestBuild['modules'];
  /** A folder /lib/modules for the guest. */
  readonly tree?: string;
  /** Are AEM's among those that are loaded? */
  readonly aem: boolean;
}

/**
 * Takes what a guest needs out of a kernel's modules. `modules`: /lib/modules/RELEASE, or a folder that holds it;
 * `scratch`: where copies go. Modules that are built in, or that the kernel has not, are left out.
 * @throws InputError when the folder has no modules of this release
 */
export async function collectModules(modules: string, release: string, scratch: string): Promise<GivenModules> {
  const from = await findTree(modules, release);
  const root = join(scratch, 'all');
  await mkdir(join(root, 'lib/modules'), { recursive: true });
  // depmod writes beside the modules, which are not ours.
  const copy = join(root, 'lib/modules', release);
  await runCommand(['cp', '-r', '--no-target-directory', '--reflink=auto', '--', join(from, '.'), copy]);
  await refuseLinks(copy, from);
  await runCommand(['/sbin/depmod', '-b', root, release]);
  const needs = async (name: string): Promise<readonly string[]> => withDependencies(root, release, name);
  const own = (await Promise.all(aem.map(needs))).flat();
  if (own.length === 0 && (await listFiles(copy)).some((file) => /(^|\/)aem[-_]core\.ko/.test(file))) {
    throw new InfrastructureError('AEM’s modules are there, and modprobe does not find them', { where: from, hint: 'look with: /sbin/depmod -n' });
  }
  const loaded = unique([...(await Promise.all(channel.map(needs))).flat(), ...own]);
  const tree = unique([...loaded, ...(await Promise.all(onDemand.map(needs))).flat()]);
  return {
    loaded: await Promise.all(loaded.map((path) => plainModule(path, join(scratch, 'loaded')))),
    ...(tree.length === 0 ? {} : { tree: await makeTree(root, release, tree, join(scratch, 'tree')) }),
    aem: own.length > 0,
  };
}

/** What is behind a link is not in the folder, and may be anything; of `build` and `source` nothing is read. */
async function refuseLinks(copy: string, from: string): Promise<void> {
  const { output } = await runCommand(['find', copy, '!', '-type', 'd', '!', '-type', 'f', '-printf', '%P\\n', '-delete']);
  const odd = output.find((name) => /\.ko(\.\w+)?$|^modules\./.test(name));
  if (odd !== undefined) throw new InputError('a link among the modules', { where: join(from, odd), expected: 'files: cp -rL makes them of links' });
}

async function findTree(modules: string, release: string): Promise<string> {
  const named = basename(resolve(modules));
  if (/^\d+\.\d+/.test(named) && named !== release) {
    throw new InputError('these are the modules of another kernel', { where: modules, expected: `those of ${release}`, seen: named });
  }
  for (const folder of [modules, ...['', 'lib/modules', 'usr/lib/modules'].map((part) => join(modules, part, release))]) {
    const names = await readdir(folder).catch((): readonly string[] => []);
    if (names.includes('kernel') || names.includes('modules.builtin') || names.some((name) => name.endsWith('.ko'))) return folder;
  }
  throw new InputError('there are no modules of this kernel', { where: modules, expected: `those of ${release}: lib/modules/${release}`, hint: '--modules DIR' });
}

/** The paths of a module and of all that it needs, in load order; none where it is built in or not there. */
async function withDependencies(root: string, release: string, name: string): Promise<readonly string[]> {
  // -C: what this machine has configured is no matter of that kernel.
  const result = await tryCommand(['/sbin/modprobe', '-C', '/dev/null', '-d', root, '-S', release, '--show-depends', name]);
  if (result.status === 0) return result.output.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []);
  if (result.output.some((line) => line.includes(`Module ${name} not found`))) return [];
  throw commandFailed(result);
}

function unique(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)];
}

/** A copy that is not compressed: not every kernel unpacks them. */
async function plainModule(path: string, folder: string): Promise<{ readonly name: string; readonly path: string }> {
  const name = basename(path).replace(/\.ko(\.\w+)?$/, '');
  const copy = join(folder, `${name}.ko`);
  await mkdir(folder, { recursive: true });
  const unpackers: Readonly<Record<string, readonly [string, string]>> = { xz: ['xz', '-dc'], zst: ['zstd', '-dcq'], gz: ['gzip', '-dc'] };
  const end = /\.ko\.(\w+)$/.exec(path)?.[1];
  if (end === undefined) {
    await copyFile(path, copy);
    return { name, path: copy };
  }
  const unpacker = unpackers[end];
  if (unpacker === undefined) throw new InfrastructureError(`${basename(path)}: this way to compress a module is not known`);
  await runCommand(['sh', '-c', '"$1" "$2" <"$3" >"$4"', 'sh', ...unpacker, path, copy]);
  return { name, path: copy };
}

async function makeTree(root: string, release: string, paths: readonly string[], folder: string): Promise<string> {
  const base = join(root, 'lib/modules', release);
  const to = join(folder, 'lib/modules', release);
  for (const path of paths) {
    const target = join(to, path.slice(base.length + 1));
    await plainModule(path, dirname(target));
  }
  for (const name of await readdir(base)) {
    if (/^modules\.(builtin(\.modinfo)?|order)$/.test(name)) await writeFile(join(to, name), await readFile(join(base, name)));
  }
  await runCommand(['/sbin/depmod', '-b', folder, release]);
  if (!(await exists(join(to, 'modules.dep')))) throw new InfrastructureError('depmod made no modules.dep', { where: to });
  return join(folder, 'lib/modules');
}
