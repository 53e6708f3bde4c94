// SPDX-License-Identifier: GPL-2.0-only
/** `--target ssh://…`: what a command offers of it, and the machine for the length of a run. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { byLoadOrder, ensurePrograms } from '../kernel/build/guest.ts';
import type { OnProgress } from '../kernel/build/progress.ts';
import { parseAddress, type Address } from '../kernel/target/ssh/address.ts';
import { openLink, type Link } from '../kernel/target/ssh/link.ts';
import { ExitStatus, InputError } from '../lib/errors.ts';
import type { Binding } from '../reporters/results.ts';

export interface SshTargetOptions {
  readonly target?: Address;
  readonly sshOption: readonly string[];
  readonly targetFolder?: string;
  readonly loadModules?: string;
  readonly destructive?: true;
}

/** The options; `conflicts` are those of a command that say which kernel is booted, or how. */
export function addSshTarget(command: Command, conflicts: readonly string[]): Command {
  return command
    .addOption(new Option('--target <ssh://…>', 'a machine that you run, as it is: ssh://[user@]host[:port]').argParser(parseAddress).conflicts([...conflicts]))
    .option('--ssh-option <option>', 'with --target: as -o of ssh; may be repeated', (value, previous: readonly string[]) => [...previous, value], [])
    .option('--target-folder <dir>', 'with --target: where the programs go there (default: the first of $TMPDIR, /tmp, /var/tmp, $HOME in which programs may run)')
    .option('--load-modules <dir>', "with --target, as root: load AEM's modules from here, and unload them in the end")
    .option('--destructive', 'with --target: also what may disturb other programs of the machine, or stop it');
}

/** The machine of a run; undefined where guests are booted. */
export interface SshTarget {
  /** Reaches it. Throws an InfrastructureError that says what does not fit. */
  open(signal: AbortSignal, onProgress: OnProgress): Promise<Link>;
  /** Has it cleaned up, and tells what was left behind; then the exit status is not 0. */
  close(): Promise<void>;
}

export function sshTarget(options: SshTargetOptions): SshTarget | undefined {
  const { target: address, sshOption: sshOptions, targetFolder: folder, loadModules, destructive = false } = options;
  if (address === undefined) {
    const [odd] = [sshOptions.length > 0 && '--ssh-option', folder !== undefined && '--target-folder', loadModules !== undefined && '--load-modules', destructive && '--destructive'].filter((name) => name !== false);
    if (odd !== undefined) throw new InputError(`${odd} belongs to a --target`);
    return undefined;
  }
  // The tests name it to shells, as it is.
  if (folder !== undefined && !/^\/[\w./+-]*$/.test(folder)) {
    throw new InputError('--target-folder is no folder that can be named to a shell as it is', { expected: 'an absolute path of letters, digits and ./+-_', seen: folder });
  }
  let link: Link | undefined;
  return {
    async open(signal, onProgress) {
      const modules = loadModules === undefined ? [] : await modulesIn(loadModules);
      const programs = await ensurePrograms({ signal, onProgress });
      onProgress({ stage: 'programs', message: `reaching ${address.text}` });
      const onWait = (why: string): void => onProgress({ stage: 'wait', message: `${address.text}: ${why}` });
      link = await openLink({ address, sshOptions, folder, programs, modules, destructive, onWait, signal });
      return link;
    },
    async close() {
      const { left, unsure } = (await link?.close()) ?? { left: [], unsure: [] };
      const told = [...left, ...unsure];
      for (const line of told) process.stdout.write(`${address.text}: ${line}\n`);
      if (told.length > 0 && (process.exitCode ?? 0) === 0) process.exitCode = ExitStatus.Infrastructure;
    },
  };
}

/** AEM's modules in a folder, the core first: the others stand on it. */
async function modulesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new InputError('the modules cannot be read', { where: folder, seen: (cause as Error).message, cause });
  });
  const modules = names.flatMap((name) => /^(aem-[\w-]+)\.ko$/.exec(name)?.[1] ?? []).sort(byLoadOrder);
  if (modules[0] !== 'aem-core') throw new InputError('there is no aem-core, on which the other modules stand', { where: folder, expected: 'aem-core.ko and others' });
  return modules.map((name) => join(folder, `${name}.ko`));
}

/** Through what a machine is measured when nobody says: both, where it has AEM, and else what it has of its own. */
export function bindingOn({ machine }: Link): Binding | undefined {
  return machine.aem ? undefined : 'native';
}
