// SPDX-License-Identifier: GPL-2.0-only
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { GuestBuild } from '../../build/artifacts.ts';
import type { Machine } from './command.ts';

/** The host tool among the programs: no guest has a use for it. */
export const counterProgram = 'tsc-khz';

/**
 * The rate in kHz of the time-stamp counter that a guest will see; undefined
 * where it finds out by itself. An emulated processor shows the host's
 * counter, or virtual nanoseconds where it counts instructions. The guest's kernel
 * would measure it against an emulated timer, and fails to on a busy host.
 */
export async function counterRate(
  guest: GuestBuild,
  { accelerator, clock }: Pick<Machine, 'accelerator' | 'clock'>,
): Promise<number | undefined> {
  if (accelerator === 'kvm') return undefined;
  if (clock === 'icount') return 1_000_000;
  return hostRate(guest.programs.find(({ name }) => name === counterProgram)?.path);
}

let measured: Promise<number | undefined> | undefined;

/** Undefined on a host without such a counter. */
function hostRate(program: string | undefined): Promise<number | undefined> {
  if (program === undefined) return Promise.resolve(undefined);
  measured ??= promisify(execFile)(program).then(
    ({ stdout }) => Number(stdout),
    () => undefined,
  );
  return measured;
}
