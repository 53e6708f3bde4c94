// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { checkResults } from './check.ts';
import { conclude } from './conclude.ts';
import { mergeShards, type Shard } from './merge.ts';
import type { Incident, Results } from './results.ts';
import { passingResults, sampleResults, type SampleOptions, type SampleTest } from './testing/sample.ts';

const whole = passingResults();
const tests = whole.plan.map((planned): SampleTest => ({ ...planned, ...(whole.tests.find(({ id }) => id === planned.id) as Results['tests'][number]) }));

/** Shard `index` of three, of a test each. */
function shardOf(index: number, options: SampleOptions = {}, change: (results: Results) => Results = (results) => results): Shard {
  const own = tests.filter((_, at) => at === index - 1);
  const results = passingResults({
    tests: own,
    leftOut: whole.plan.filter(({ id }) => id !== own[0]?.id),
    ...options,
    run: { filters: { shard: `${index}/3` }, suite: { ...whole.run.suite, files: { sha256: 'e5'.repeat(32) } }, ...options.run },
  });
  return { where: `shard-${index}`, results: change(results) };
}

const shards = [1, 2, 3].map((index) => shardOf(index));

test('the parts of a run are one, that judges as the whole does', () => {
  expect(tests).toHaveLength(3);
  for (const { results } of shards) expect(conclude(results).conformant).toBe(false);

  const { results } = mergeShards(shards, ['aemcert', 'merge']);

  expect(checkResults(results)).toEqual([]);
  expect(conclude(results)).toEqual(conclude(whole));
  expect(results).toMatchObject({ run: { command: ['aemcert', 'merge'], filters: {}, complete: true }, target: { guests: 3 } });
  expect(results.requirements).toEqual(whole.requirements);
});

test('a failure in one part is one of the whole', () => {
  const failing = shardOf(2, {}, (results) => {
    const { plan, run } = results;
    return sampleResults({ tests: tests.filter(({ id }) => id === plan[0]?.id).map((one) => ({ ...one, verdict: 'FAIL', reason: 'it did' })), requirements: whole.requirements, leftOut: whole.plan.filter(({ id }) => id !== plan[0]?.id), incidents: [], run });
  });

  const { results } = mergeShards([shards[0] as Shard, failing, shards[2] as Shard], []);

  expect(checkResults(results)).toEqual([]);
  expect(conclude(results).outcome).toBe('not-conformant');
});

test('a part that only measures times was on a machine for that, of which nothing is told', () => {
  const timing = shardOf(1, {}, (results) => ({
    ...results,
    plan: results.plan.map((one) => ({ ...one, needs: ['clock'] })),
    target: { ...results.target, cpus: 1, acceleratorReason: 'it counts instructions' },
  }));

  const { results } = mergeShards([timing, shards[1] as Shard, shards[2] as Shard], []);

  expect(results.target).toEqual({ ...shards[1]?.results.target, guests: 3 });
  expect(results.tests).toHaveLength(3);
});

test('over ssh it was on the machine that the others were on', () => {
  const on = (cpus: number) => (results: Results): Results => ({
    ...results,
    plan: results.plan.map((one) => (cpus === 1 ? { ...one, needs: ['clock'] } : one)),
    target: { ...results.target, driver: 'ssh', cpus },
  });

  expect(() => mergeShards([shardOf(1, {}, on(1)), shardOf(2, {}, on(2)), shardOf(3, {}, on(2))], [])).toThrow(/its target differs/);
});

test('the boots of each guest stay apart, and so do its logs', () => {
  const incident: Incident = { kind: 'exit', blame: 'infrastructure', at: '2026-03-02T09:16:30.000Z', boot: 4, excerpt: 'x' };
  const two = shardOf(1, { incidents: [incident] }, (results) => ({
    ...results,
    target: { ...results.target, guests: 2 },
    // The second boot of guest 1.
    tests: results.tests.map((one) => ({ ...one, boot: 3 })),
  }));

  const { results, guestsBefore } = mergeShards([two, shards[1] as Shard, shards[2] as Shard], []);

  expect(guestsBefore).toEqual([0, 2, 3]);
  expect(results.target.guests).toBe(4);
  expect(results.tests.map(({ boot }) => boot)).toEqual([5, 3, 4]);
  expect(results.incidents).toMatchObject([{ boot: 6 }]);
});

test.each<[string, readonly Shard[]]>([
  ['there is nothing to merge', []],
  ['shards are missing, or too many', shards.slice(1)],
  ['shard 1/3 is there twice', [...shards.slice(0, 2), shards[0] as Shard]],
  ['this shard was cut off', [...shards.slice(0, 2), shardOf(3, { run: { complete: false, interruption: 'x' } })]],
  ['this shard left more out', [...shards.slice(0, 2), shardOf(3, { run: { filters: { shard: '3/3', grep: 'x' } } })]],
  ['this is no shard', [...shards.slice(0, 2), shardOf(3, { run: { filters: {} } })]],
  ['its suite differs', [...shards.slice(0, 2), shardOf(3, { run: { suite: { ...whole.run.suite, files: { sha256: 'f6'.repeat(32) } } } })]],
  ['its binding differs', [...shards.slice(0, 2), shardOf(3, { run: { binding: 'aem' } })]],
  ['its subject differs', [...shards.slice(0, 2), shardOf(3, {}, (results) => ({ ...results, subject: { ...results.subject, modules: [] } }))]],
  ['its target differs', [...shards.slice(0, 2), shardOf(3, {}, (results) => ({ ...results, target: { ...results.target, accelerator: 'kvm' } }))]],
  ['two shards have the same test', [...shards.slice(0, 2), { where: 'x', results: { ...(shards[0] as Shard).results, run: (shards[2] as Shard).results.run } }]],
])('what does not fit is refused: %s', (words, some) => {
  expect(() => mergeShards(some, [])).toThrow(expect.objectContaining({ exitStatus: 2, message: expect.stringContaining(words) as string }));
});
