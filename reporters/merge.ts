// SPDX-License-Identifier: GPL-2.0-only
/** One run of its shards: `aemcert run --shard I/N`, on as many machines. */
import { isDeepStrictEqual } from 'node:util';
import { InputError } from '../lib/errors.ts';
import { inputOf } from './bundle/same-suite.ts';
import { hasOwnClock } from './own-clock.ts';
import type { Results } from './results.ts';
import { deriveRequirementResults } from './verdict.ts';

/** Results of a shard, and where they are from. */
export interface Shard {
  readonly where: string;
  readonly results: Results;
}

export interface Merged {
  readonly results: Results;
  /** For each shard: how many guests come before its first. Its console-1.log becomes console-(before + 1).log. */
  readonly guestsBefore: readonly number[];
}

/**
 * Makes one run of all shards of it. `command` is what the merged results name.
 * @throws InputError for shards that are not all of one run: of another suite, subject, binding or machine, cut off, filtered, missing, or there twice
 */
export function mergeShards(shards: readonly Shard[], command: readonly string[]): Merged {
  // What it ran on is told by one that ran on the machine itself.
  const first = shards.find(({ results }) => !onlyMeasuresTime(results)) ?? shards[0];
  if (first === undefined) throw new InputError('there is nothing to merge', { expected: 'the folder of each shard' });
  for (const shard of shards) checkShard(shard, first);
  checkAllThere(shards);
  const counts = shards.map(({ results }) => results.target.guests ?? 1);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const guestsBefore = counts.map((_, index) => counts.slice(0, index).reduce((sum, count) => sum + count, 0));
  const parts = shards.map(({ results }, index) => renumbered(results, (boot) => newBoot(boot, counts[index] ?? 1, guestsBefore[index] ?? 0, total)));

  const plan = parts.flatMap((part) => part.plan);
  const tests = parts.flatMap((part) => part.tests);
  const { run, target, requirements, lines: _lines, ...rest } = first.results;
  const times = parts.map((part) => part.run);
  return {
    guestsBefore,
    results: {
      ...rest,
      run: {
        ...run,
        command,
        filters: {},
        startedAt: times.map(({ startedAt }) => startedAt).sort()[0] ?? run.startedAt,
        finishedAt: times.map(({ finishedAt = '' }) => finishedAt).sort().at(-1) ?? run.startedAt,
      },
      target: { ...target, guests: total, ...(parts.some((part) => part.target.turns === true) ? { turns: true } : {}) },
      plan,
      tests,
      requirements: deriveRequirementResults(requirements.map(inputOf), plan, tests),
      incidents: parts.flatMap((part) => part.incidents).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)),
    },
  };
}

/** Guest N of all has the boots N, N + total, N + 2 total … */
function newBoot(boot: number, guests: number, before: number, total: number): number {
  const guest = ((boot - 1) % guests) + 1;
  return Math.floor((boot - 1) / guests) * total + before + guest;
}

function renumbered(results: Results, number: (boot: number) => number): Results {
  return {
    ...results,
    tests: results.tests.map((test) => (test.boot === undefined ? test : { ...test, boot: number(test.boot) })),
    incidents: results.incidents.map((incident) => ({ ...incident, boot: number(incident.boot) })),
  };
}

/** In QEMU it was on a guest for that, of another accelerator and with one processor. */
function onlyMeasuresTime({ target, plan }: Pick<Results, 'target' | 'plan'>): boolean {
  return target.driver === 'qemu' && plan.length > 0 && plan.every(hasOwnClock);
}

/** What all shards of a run have in common. */
function commonOf({ run, subject, target, elsewhere, requirements }: Results, { wholeTarget }: { readonly wholeTarget: boolean }): Readonly<Record<string, unknown>> {
  const { guests: _guests, turns: _turns, acceleratorReason: _reason, accelerator, cpus, ...machine } = target;
  return { suite: run.suite, subject, binding: run.binding, target: wholeTarget ? { ...machine, accelerator, cpus } : machine, elsewhere, requirements: requirements.map(inputOf) };
}

function checkShard({ where, results }: Shard, first: Shard): void {
  const { run } = results;
  if (!run.complete) throw new InputError('this shard was cut off', { where, seen: run.interruption ?? 'no reason given' });
  const others = Object.entries(run.filters).filter(([name]) => name !== 'shard');
  if (others[0] !== undefined) throw new InputError('this shard left more out', { where, expected: '--shard I/N alone', seen: `${others[0][0]}=${others[0][1]}` });
  if (run.suite.files === undefined) throw new InputError('these results do not say of which suite they are', { where });
  if (results.lines !== undefined) throw new InputError('lines that ran are not merged', { where, expected: 'another flavour than coverage' });
  const how = { wholeTarget: !onlyMeasuresTime(results) };
  const [own, common] = [commonOf(results, how), commonOf(first.results, how)];
  const odd = Object.keys(own).find((key) => !isDeepStrictEqual(own[key], common[key]));
  if (odd !== undefined) throw new InputError(`this shard is of another run: its ${odd} differs`, { where, expected: `as in ${first.where}` });
}

function checkAllThere(shards: readonly Shard[]): void {
  const count = shards.length;
  const names = new Map<string, string>();
  for (const { where, results } of shards) {
    const name = results.run.filters['shard'];
    if (name === undefined) throw new InputError('this is no shard', { where, expected: 'results of: aemcert run --shard I/N' });
    const other = names.get(name);
    if (other !== undefined) throw new InputError(`shard ${name} is there twice`, { where, seen: other });
    names.set(name, where);
    if (Number(name.split('/')[1]) !== count) throw new InputError('shards are missing, or too many', { where, expected: `all of ${name.replace(/^\d+/, 'N')}`, seen: `${count} of them` });
  }
  const ids = new Set<string>();
  for (const { where, results } of shards) {
    for (const { id } of results.plan) {
      if (ids.has(id)) throw new InputError('two shards have the same test', { where, seen: id });
      ids.add(id);
    }
  }
}
