// SPDX-License-Identifier: GPL-2.0-only
import { shellQuote } from '../../../reporters/text.ts';

/** What the agent is brought with. */
export interface Landing {
  /** Bytes of the agent, which come on stdin. */
  readonly size: number;
  /** As `uname -m` says it: what the programs are for. */
  readonly machine: string;
  /** Where it is to go; when absent the first of the usual places in which programs may run. */
  readonly folder?: string | undefined;
  /** For whom it is there, in words that no other run has: it waits for an agent of its own run, and others are told. */
  readonly run: string;
}

/** How the script ends when the machine is not fit, with the reason on stderr after `aemcert: `. */
export const unfit = { machine: 90, folder: 91, upload: 92, busy: 94, held: 95 } as const;

/**
 * It makes a folder of its own, takes the agent from its stdin into it and runs it on what comes after. Whatever ends it, the folder goes: before
 * the agent runs by the trap, after that by the agent. No single quotes, and nothing that a login shell other than sh would take apart.
 */
const script = [
  'umask 077',
  'say() { echo "aemcert: $*" >&2; }',
  'm=$(uname -m)',
  `[ "$m" = "$2" ] || { say "the machine is $m, and the programs that are to run there are for $2"; exit ${unfit.machine}; }`,
  'size=$1; asked=$3; run=$4',
  'if [ -n "$asked" ]; then set -- "$asked"; else set -- "${TMPDIR:-/tmp}" /tmp /var/tmp "$HOME"; fi',
  'd=; why=',
  'trap "[ -z \\"\\$d\\" ] || rm -rf \\"\\$d\\"" EXIT',
  'trap "exit 93" HUP INT TERM PIPE',
  'for base; do d=$(mktemp -d "$base/aemcert.XXXXXXXX" 2>/dev/null) || { d=; why="$why $base cannot be written to,"; continue; }',
  'echo "#!/bin/sh" > "$d/try" && chmod 700 "$d/try" && "$d/try" 2>/dev/null && break',
  'rm -rf "$d"; d=; why="$why no program may run in $base (noexec),"; done',
  `[ -n "$d" ] || { say "there is no folder for programs:\${why%,}"; exit ${unfit.folder}; }`,
  'rm "$d/try"; head -c "$size" > "$d/agent"',
  `[ "$(wc -c < "$d/agent")" -eq "$size" ] || { say "the agent did not come through whole into $d: a full disk, or a lost connection"; exit ${unfit.upload}; }`,
  'chmod 700 "$d/agent"; "$d/agent" --remote "$d" "$run"',
].join('; ').replaceAll('do; ', 'do ');

/** The command that ssh runs there. */
export function landingCommand({ size, machine, folder = '', run }: Landing): string {
  return `exec sh -c '${script}' aemcert ${size} ${shellQuote(machine)} ${folder === '' ? "''" : shellQuote(folder)} ${shellQuote(run)}`;
}

/** As `uname -m` has what this process runs on, for which the programs are built. */
export function ownMachine(arch: string = process.arch): string {
  return ({ x64: 'x86_64', arm64: 'aarch64' } as Readonly<Record<string, string>>)[arch] ?? arch;
}
