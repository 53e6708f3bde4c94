// SPDX-License-Identifier: GPL-2.0-only
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { sampleProduct, sampleWaivers } from '../testing/bundle.ts';
import { sampleResults } from '../testing/sample.ts';
import { parseProduct, readProduct } from './product.ts';
import { judgeWaivers, parseWaivers, waiverProblem } from './waivers.ts';

/** What the error says, as a user reads it. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toMatchObject({ exitStatus: 2 });
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

test('a product statement is read, with the latency or without', () => {
  expect(parseProduct(sampleProduct, 'p')).toMatchObject({ vendor: 'Example Networks', version: '7.2', latency: { value: 500, unit: 'us' } });
  expect(parseProduct(sampleProduct.replace(/latency.*\n/, ''), 'p')).not.toHaveProperty('latency');
});

test.each([
  [/'7.2'/, '7.2', 'p:3:10: a wrong value of version', "do:       quote it: '7.2'"],
  [/vendor: .*\n/, '', 'p:1:1: a key is missing in the file', 'expected: the key vendor'],
  [/contact/, 'contakt', 'p:5:1: unknown key in the file', 'did you mean contact?'],
  [/x86_64/, 'mips', 'p:4:15: a wrong value of architecture', 'expected: x86_64'],
  [/value: 500/, 'value: 0', 'p:6:19: a wrong value of latency.value', 'a number above 0'],
  [/unit: us/, 'unit: s', 'p:6:30: a wrong value of latency.unit', 'one of us, ms'],
  [/vendor: .*/, 'vendor: ""', 'p:1:9: a wrong value of vendor', 'text that is not empty'],
  [/vendor: .*/, 'vendor: [', 'p:2:1', 'not valid YAML'],
  [/product: .*/, 'vendor: again', 'p:2:1: a key occurs twice', 'each key once'],
])('a product statement with %s for %s: the place and what to do', (from, to, place, advice) => {
  const words = refusal(() => parseProduct(sampleProduct.replace(from, to), 'p'));

  expect(words).toContain(place);
  expect(words).toContain(advice);
  expect(words).toContain('in the product statement');
});

test('a file that is not there is named', async () => {
  const path = join(await temporaryFolder(), 'product.yaml');

  await expect(readProduct(path)).rejects.toMatchObject({ exitStatus: 2, message: 'there is no such product statement', details: { where: path } });
});

const known = sampleResults().requirements.map(({ id }) => id);

test.each([
  ['AEM-PEXIT-004', 'AEM-PEXIT-044', 'w:2:18: a waiver of what is no requirement', 'did you mean AEM-PEXIT-004?'],
  ['minor-system-fault', 'bug', 'w:3:12: a wrong value', 'one of interpretation, suite-deficiency, minor-system-fault, certification-deficiency'],
  ['2026-12-31', '2026-02-30', 'w:6:14: there is no such day', '2026-02-30'],
  ['2026-12-31', 'soon', 'w:6:14: a wrong value', 'YYYY-MM-DD'],
  ['    ticket: https://bugs.example.com/4711\n', '', 'w:2:5: a key is missing', 'the key ticket'],
])('a waivers file with %s for %s: the place and what to do', (from, to, place, advice) => {
  const words = refusal(() => parseWaivers(sampleWaivers.replace(from, to), 'w', known));

  expect(words).toContain(place);
  expect(words).toContain(advice);
});

test('two waivers of one requirement are one too many', () => {
  const [, one = ''] = sampleWaivers.split('waivers:\n');

  expect(refusal(() => parseWaivers(`waivers:\n${one}${one}`, 'w', known))).toContain('w:7:18: a second waiver of AEM-PEXIT-004');
});

test('a waiver holds to the end of its last day, for what does not pass', () => {
  const { requirements } = sampleResults();
  const on = (day: string, id = 'AEM-PEXIT-004'): unknown => {
    const [judged] = judgeWaivers(parseWaivers(sampleWaivers.replace('AEM-PEXIT-004', id), 'w'), requirements, new Date(day));
    return judged && [judged.state, waiverProblem(judged) === undefined];
  };

  expect(on('2026-12-31T23:59:59.999Z')).toEqual(['waived', true]);
  expect(on('2027-01-01T00:00:00Z')).toEqual(['expired', false]);
  expect(on('2026-06-01T00:00:00Z', 'AEM-CORE-010')).toEqual(['not-needed', false]);
  expect(on('2026-06-01T00:00:00Z', 'AEM-TIMER-003')).toEqual(['waived', true]);
  expect(on('2026-06-01T00:00:00Z', 'AEM-XXX-001')).toEqual(['does-not-match', false]);
});
