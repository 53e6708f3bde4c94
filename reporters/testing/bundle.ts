// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestText } from '../../lib/digest.ts';
import type { SigningKey } from '../attestation/keys.ts';
import { makeBundle, type BundleParts } from '../bundle/make.ts';
import { parseProduct } from '../bundle/product.ts';
import { parseWaivers } from '../bundle/waivers.ts';
import type { Results } from '../results.ts';
import { inputOf, type SuiteAtHand } from '../bundle/same-suite.ts';
import { sampleKey } from './keys.ts';
import { passingResults } from './sample.ts';

export const sampleProduct = `vendor: Example Networks
product: Example Carrier Linux
version: '7.2'
architecture: x86_64
contact: kernel@example.com
latency: { value: 500, unit: us, condition: one event on an idle machine }
`;

export const sampleWaivers = `waivers:
  - requirement: AEM-PEXIT-004
    class: minor-system-fault
    reason: The status word loses the signal; mended in 7.3.
    ticket: https://bugs.example.com/4711
    expires: 2026-12-31
`;

const config = 'CONFIG_AEM=y\n';
/** Of the suite of the sample. */
export const sampleSuite = { revision: '1f0c2d9a7be4', files: { sha256: 'e5'.repeat(32) } };

/** A suite that has what these results are of. */
export function suiteOf({ plan, requirements }: Results): SuiteAtHand {
  return { ...sampleSuite, plan, inputsOf: () => requirements.map(inputOf) };
}

/** What a bundle is made of; the console has the beginning of each test that ran. */
export function sampleParts(results: Results = passingResults(), waiversText?: string): BundleParts {
  const whole: Results = {
    ...results,
    run: { ...results.run, suite: { version: '0.1.0', dirty: results.run.suite.dirty, ...sampleSuite } },
    subject: { ...results.subject, kernel: { ...results.subject.kernel, config: { sha256: digestText(config) } } },
  };
  const begun = whole.tests.filter(({ boot }) => boot !== undefined).map(({ id }) => id.slice(id.lastIndexOf('/') + 1));
  const marks = [...begun.flatMap((name) => [`begin ${name}`, 'health', 'health'])].map((text, index) => `${text} #${index + 1}`);
  const console = ['[    0.000000] Linux version 6.12', ...marks.map((mark) => `[    1.0] aemcert: ${mark}`), ''];
  return {
    results: whole,
    resultsText: `${JSON.stringify(whole, null, 1)}\n`,
    product: parseProduct(sampleProduct, 'product.yaml'),
    productText: sampleProduct,
    waivers: waiversText === undefined ? [] : parseWaivers(waiversText, 'waivers.yaml'),
    ...(waiversText === undefined ? {} : { waiversText }),
    config: Buffer.from(config),
    logs: new Map([
      ['agent-1.log', Buffer.from(marks.map((text, id) => `2026-03-02T09:16:00.000Z > ${JSON.stringify({ op: 'mark', text, id })}\n`).join(''))],
      ['console-1.log', Buffer.from(console.join('\n'))],
    ]),
  };
}

/** Writes a sample bundle; returns its folder. */
export async function writeSampleBundle(parent: string, parts: BundleParts = sampleParts(), key: SigningKey = sampleKey()): Promise<string> {
  const folder = join(parent, 'bundle');
  await mkdir(folder);
  for (const [name, data] of makeBundle(parts, key)) await writeFile(join(folder, name), data);
  return folder;
}
