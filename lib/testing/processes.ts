// SPDX-License-Identifier: GPL-2.0-only
import { readFile, readdir } from 'node:fs/promises';

export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** Its arguments, with spaces between them. */
  readonly command: string;
}

/** The processes of this machine that live now; zombies have no command. */
export async function runningProcesses(): Promise<readonly RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(read));
  return found.filter((process) => process !== undefined);
}

/** Undefined when it has gone meanwhile. */
async function read(pid: string): Promise<RunningProcess | undefined> {
  try {
    const [stat, command] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // The program's name is in parentheses and may have any character in it.
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid: Number(pid), parent: Number(parent), command: command.replaceAll('\0', ' ').trim() };
  } catch {
    return undefined;
  }
}
