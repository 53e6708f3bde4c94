// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { listFiles } from '../../lib/digest.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import type { GuestBuild } from '../build/artifacts.ts';
import { hostPrograms } from './host-programs.ts';
import { counterProgram } from './qemu/clock.ts';

const busybox = '/bin/busybox';

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly data: Uint8Array;
}

const directory = 0o040000;
const regular = 0o100000;
const link = 0o120000;

/**
 * The initial file system of the guest: busybox, the modules in load order,
 * the guest's programs in /usr/aem/bin, the agent as /init. The same inputs
 * give the same bytes.
 */
export async function buildInitramfs(guest: GuestBuild): Promise<Uint8Array> {
  const entries: Entry[] = [
    'bin', 'dev', 'etc', 'lib', 'lib/aem', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp', 'usr', 'usr/aem', 'usr/aem/bin',
    'usr/bin', 'usr/sbin',
  ].map((path) => ({ path, mode: directory | (path === 'tmp' ? 0o1777 : 0o755), data: new Uint8Array() }));
  const file = (path: string, data: Uint8Array | string, mode = 0o644): void => {
    entries.push({ path, mode: regular | mode, data: typeof data === 'string' ? Buffer.from(data) : data });
  };
  /** Those that hold these files and are not there yet. */
  const makeFolders = (paths: readonly string[]): void => {
    const known = new Set(entries.map(({ path }) => path));
    const more = new Set(paths.flatMap(folders).filter((path) => !known.has(path)));
    for (const path of [...more].sort()) entries.push({ path, mode: directory | 0o755, data: new Uint8Array() });
  };

  file('bin/busybox', await readBusybox(), 0o755);
  for (const applet of await busyboxApplets()) {
    entries.push({ path: applet, mode: link | 0o777, data: Buffer.from('/bin/busybox') });
  }
  file('etc/passwd', 'root:x:0:0::/root:/bin/sh\nalice:x:1001:1001::/tmp:/bin/sh\nbob:x:1002:1002::/tmp:/bin/sh\n');
  file('etc/group', 'root:x:0:\nalice:x:1001:\nbob:x:1002:\n');
  file('etc/profile', profile);
  for (const module of guest.modules) {
    file(`lib/aem/${module.name}.ko`, await readFile(module.path));
  }
  file('lib/aem/modules.load', guest.modules.map(({ name }) => `/lib/aem/${name}.ko\n`).join(''));
  if (guest.moduleTree !== undefined) {
    const paths = await listFiles(guest.moduleTree);
    makeFolders(paths.map((path) => join('lib/modules', path)));
    for (const path of paths) file(join('lib/modules', path), await readFile(join(guest.moduleTree, path)));
  }
  const beside = await hostPrograms(guest.hostPrograms ?? {});
  makeFolders(beside.map(({ path }) => path.slice(1)));
  for (const { path, data } of beside) file(path.slice(1), data, 0o755);
  for (const program of guest.programs.filter(({ name }) => name !== counterProgram)) {
    const data = await readFile(program.path);
    if (program.name === 'agent') file('init', data, 0o755);
    file(`usr/aem/bin/${program.name}`, data, 0o755);
  }
  return cpio(entries);
}

/** The folders of a path, each after the one that holds it. */
function folders(path: string): readonly string[] {
  const parts = dirname(path).split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Writes the initramfs into a folder that only this run uses; returns its path. */
export async function writeInitramfs(guest: GuestBuild, path: string): Promise<string> {
  const data = await buildInitramfs(guest);
  const folder = await mkdtemp(join(dirname(path), 'initramfs-'));
  try {
    await writeFile(join(folder, 'image'), data);
    await rename(join(folder, 'image'), path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return path;
}

const profile = `PS1='guest:\\w\\$ '
export PS1
cat <<'END'

The kernel under test, with the AEM modules loaded (lsmod).
  exit-watch     tells how a process ends:  sleep 5 & exit-watch $!
  probe          what the tests steer; it speaks JSON lines
  /dev/aem-*     the devices;  /sys/class/misc/aem-*/drain  the forced drain
Leave with \`exit\`.

END
`;

async function readBusybox(): Promise<Uint8Array> {
  try {
    return await readFile(busybox);
  } catch (cause) {
    throw new InfrastructureError('the guest needs a static busybox', {
      where: busybox,
      hint: 'apt-get install busybox-static',
      cause,
    });
  }
}

async function busyboxApplets(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(busybox, ['--list-full']);
  const applets = stdout.split('\n').filter((path) => /^(usr\/)?s?bin\/[^/]+$/.test(path) && path !== 'bin/busybox');
  return applets.sort();
}

/** The "newc" format: Documentation/driver-api/early-userspace/buffer-format.rst. */
function cpio(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const pad = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);
  const add = ({ path, mode, data }: Entry, inode: number): void => {
    const name = Buffer.from(`${path}\0`);
    const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
    parts.push(header, name, pad(header.length + name.length), data, pad(data.length));
  };
  entries.forEach((entry, index) => add(entry, index + 1));
  add({ path: 'TRAILER!!!', mode: 0, data: new Uint8Array() }, 0);
  return Buffer.concat(parts);
}
