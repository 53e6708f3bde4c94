// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { checkResults } from './check.ts';
import { certificateJson } from './certificate/model.ts';
import { makeStatement } from './bundle/statement.ts';
import { coverageHtml } from './coverage/html.ts';
import { coverageMarkdown } from './coverage/markdown.ts';
import { junitXml } from './junit/junit.ts';
import { parseResults } from './read.ts';
import type { Results } from './results.ts';
import { renderSummary } from './terminal/summary.ts';
import { sampleParts } from './testing/bundle.ts';
import { passingResults } from './testing/sample.ts';
import { rerunCommand, targetRemarks } from './text.ts';

const log = 'The kernel’s log could not be watched (EPERM)';
const image = 'The kernel’s image is not on record';

/** As of a machine over ssh, of whose kernel little can be read. */
function remoteResults(): Results {
  const { subject, ...results } = passingResults();
  const { image: _image, ...kernel } = subject.kernel;
  const target = { driver: 'ssh', cpus: 4, memoryMiB: 4096, address: 'ssh://me@board', user: 'uid 1000', logUnwatched: 'EPERM' } as const;
  return { ...results, subject: { ...subject, kernel: { ...kernel, version: 'Linux version 6.1', buildId: 'ab12' } }, target };
}

test('results of a machine over ssh are results', () => {
  const results = remoteResults();

  expect(parseResults(JSON.stringify(results), 'results.json')).toEqual(results);
  expect(checkResults(results)).toEqual([]);
});

test('what could not be seen on a machine stands on the first page of every report', () => {
  const results = remoteResults();
  const { product } = sampleParts(results);
  const parts = { results, product, files: [], waivers: [], keyId: 'k' };
  const texts = [renderSummary(results, { colour: false }), coverageHtml(results), coverageMarkdown(results), junitXml(results), certificateJson(parts)];

  for (const text of texts) {
    expect(text).toContain(log);
    expect(text).toContain(image);
    expect(text).toContain('uid 1000');
  }
});

test('a guest has no such remarks', () => {
  expect(targetRemarks(passingResults())).toEqual([]);
});

test('a fault before, by which the kernel is tainted, hides one of that kind where nobody reads the log', () => {
  const results = remoteResults();
  const tests = results.tests.map((one) => ({ ...one, taint: { before: 1 << 9, after: 1 << 9 } }));

  expect(targetRemarks({ ...results, tests }).join()).toContain('tainted by a fault before');
  expect(targetRemarks(results).join()).not.toContain('tainted by a fault before');
});

test('the subject of a statement is what the kernel says of itself, where its image cannot be read', () => {
  const results = remoteResults();
  const { subject } = makeStatement({ results, product: sampleParts(results).product, waivers: [], manifest: '' });

  expect(subject[0]).toMatchObject({ digest: { gnuBuildId: 'ab12' }, annotations: { sha256: 'of the text of /proc/version', version: 'Linux version 6.1' } });
  expect(subject[0]?.digest['sha256']).toMatch(/^[0-9a-f]{64}$/);
});

test('a test is run again on the same machine', () => {
  expect(rerunCommand({ title: 'x' }, remoteResults().target)).toBe('npx aemcert run --target ssh://me@board --grep x');
});
