// SPDX-License-Identifier: GPL-2.0-only
/** What the tests of files share: a folder, a watcher, and what it was told. */
import { zone } from '../harness/aem.ts';
import { ExpectationError } from '../harness/expectation.ts';
import type { Arguments, Call, Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';

/** In the order of their numbers. */
export const bands = ['in', 'out', 'hup', 'open', 'owner', 'mode', 'lock', 'create', 'remove', 'rename'] as const;
export type Band = (typeof bands)[number];

/** Open flags. */
export const o = { rdonly: 0, wronly: 1, rdwr: 2, nonblock: 0o4000, directory: 0o200000 } as const;

/** As a flag of aemFD_notify_register(): the link itself. */
export const nofollow = 0x10000;

export function interest(...of: readonly Band[]): number {
  return of.reduce((flags, band) => flags | (1 << bands.indexOf(band)), 0);
}

/** What a handler was told. */
export interface News {
  readonly band: Band | undefined;
  readonly name: string | undefined;
  readonly pid: number | undefined;
}

export const news = ({ band, name, pid }: Call): News => ({ band: bands[band ?? -1], name, pid });

/** An empty folder for everybody, which goes with the test. Returns its path. */
export async function makeFolder({ sh, after }: Pick<Context, 'sh' | 'after'>): Promise<string> {
  const path = '/tmp/fd';
  await sh(`rm -rf ${path}; mkdir -m 777 ${path}`);
  after(() => sh(`umount -l ${path}/mount 2>/dev/null; umount -l ${path}/other 2>/dev/null; rm -rf ${path}`));
  return path;
}

/** A probe with a zone, for the names that its handlers get. */
export async function watcher(probe: Context['probe'], how: Parameters<Context['probe']>[0] = {}, size?: number): Promise<Probe> {
  const p = await probe(how);
  await p.ok('vmtable', { zone: zone.v, size });
  return p;
}

/** Registers events of a file that are not started. Returns the ids, in the order of the bands asked for. */
export async function register(p: Probe, name: string, of: readonly Band[], how: Arguments = {}): Promise<readonly number[]> {
  const flags = interest(...of) | Number(how['flags'] ?? 0);
  const answer = await p.send('fd-register', { name, ...how, flags });
  if (answer.ret < 0) throw new ExpectationError(`${name} to be watched`, answer.errno ?? String(answer.ret));
  return of.map((band) => Number(answer[band]));
}

/** The same, and starts them. */
export async function watch(p: Probe, name: string, of: readonly Band[], how: Arguments = {}): Promise<readonly number[]> {
  const ids = await register(p, name, of, how);
  for (const eid of ids) await p.ok('start', { eid });
  return ids;
}

/** What it was told since the last time, none missing. */
export async function told(p: Probe): Promise<readonly News[]> {
  return (await p.settle()).map(news);
}

/** Of another process: opens a file and returns the descriptor. */
export function open(by: Probe, name: string, how: number = o.rdwr): Promise<number> {
  return by.ok('file-open', { name, how });
}
