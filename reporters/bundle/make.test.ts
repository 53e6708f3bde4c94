// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { sampleParts, sampleProduct, sampleSuite } from '../testing/bundle.ts';
import { sampleKey } from '../testing/keys.ts';
import { passingResults, sampleResults } from '../testing/sample.ts';
import type { Digest, Results, RunInfo } from '../results.ts';
import { parseProduct } from './product.ts';
import { inadmissible } from './admissible.ts';
import { makeBundle, type BundleParts } from './make.ts';
import { sheetCsv } from './sheet.ts';
import { writeBundle } from './write.ts';

const product = parseProduct(sampleProduct, 'p');

test('a run that was cut off, or that left something out, is no matter of a bundle', () => {
  const cut = passingResults({ run: { complete: false, interruption: 'interrupted by SIGINT' } });

  expect(() => makeBundle(sampleParts(cut), sampleKey())).toThrow(expect.objectContaining({ exitStatus: 3 }));
});

const { subject } = passingResults();
const ofFlavour = (flavour: string, modules = subject.modules): Partial<Results> => ({ subject: { kernel: { ...subject.kernel, flavour }, modules } });

test.each<[string, Partial<RunInfo>, Partial<Results>]>([
  ['filters left something out: grep=x', { filters: { grep: 'x' } }, {}],
  ['the binding aem alone was judged', { binding: 'aem' }, {}],
  // As of `aemcert run --binding native --unpatched`.
  ['the binding native alone was judged, of a kernel that has AEM', { binding: 'native' }, ofFlavour('base', [])],
  ['the binding native alone was judged, of a kernel that has AEM', { binding: 'native' }, ofFlavour('given')],
  ['the kernel was built for tests: flavour debug', {}, ofFlavour('debug')],
  ['the kernel was built for tests: flavour coverage', {}, ofFlavour('coverage')],
])('no bundle of a run where %s', (seen, run, rest) => {
  const results = { ...passingResults({ run }), ...rest };

  expect(() => makeBundle(sampleParts(results), sampleKey())).toThrow(expect.objectContaining({ exitStatus: 2, details: expect.objectContaining({ seen }) as object }));
});

test('a kernel without AEM is measured by what it has of its own', () => {
  const results = { ...passingResults({ run: { binding: 'native' } }), ...ofFlavour('given', [{ name: 'virtio_console', sha256: 'a1'.repeat(32) }]) };

  expect(inadmissible(results)).toEqual([]);
});

test('a kernel that never came up is nothing to certify', () => {
  const { tests } = passingResults();
  const down = { ...passingResults(), tests: tests.map(({ id }) => ({ id, verdict: 'UNRESOLVED' as const, durationMs: 0, assertions: 0, reason: 'it did not boot' })) };

  expect(() => makeBundle(sampleParts(down), sampleKey())).toThrow(
    expect.objectContaining({ exitStatus: 3, message: 'the kernel did not come up, so there is nothing to certify', details: { seen: 'it did not boot' } }),
  );
});

test('the first page says of a kernel with AEM’s patch that its modules were not measured', () => {
  const remark = 'The kernel carries AEM’s patch, and its modules were not measured.';
  const textOf = (parts: BundleParts): string => Buffer.from(makeBundle(parts, sampleKey()).get('certificate.json') ?? []).toString();
  const bare = { ...passingResults({ run: { binding: 'native' } }), ...ofFlavour('given', []) };

  expect(textOf(sampleParts(bare))).toContain(remark);
  expect(textOf(sampleParts())).not.toContain(remark);
});

test('a configuration of another kernel, and a console that is cut, are refused', () => {
  const parts = sampleParts();

  expect(() => makeBundle({ ...parts, config: Buffer.from('CONFIG_AEM=n\n') }, sampleKey())).toThrow('configuration is not that of the run');
  expect(() => makeBundle({ ...parts, logs: new Map([['console-1.log', Buffer.from('Linux')]]) }, sampleKey())).toThrow('a log of the run is not whole');
});

test('a bundle is there as a whole or not at all, and nothing is overwritten', async () => {
  const folder = await temporaryFolder();
  const run = join(folder, 'run');
  await mkdir(run);
  const parts = sampleParts();
  let suite: { readonly files: Digest } = sampleSuite;
  const write = (): Promise<unknown> =>
    writeBundle({ run, out: join(folder, 'bundle'), product: { product, text: sampleProduct }, key: sampleKey(), suite });
  await expect(write()).rejects.toThrow('there are no results of a run');
  await writeFile(join(run, 'results.json'), parts.resultsText);
  await writeFile(join(run, 'kernel.config'), parts.config ?? '');
  await expect(write()).rejects.toThrow('a log of the run is not whole');
  expect(await readdir(folder)).toEqual(['run']);
  for (const [name, data] of parts.logs) await writeFile(join(run, name), data);

  suite = { files: { sha256: 'f6'.repeat(32) } };
  await expect(write()).rejects.toMatchObject({ exitStatus: 2, message: 'the run is of another suite than the one at hand' });
  suite = sampleSuite;

  await write();

  expect(await readdir(folder)).toEqual(['bundle', 'run']);
  expect((await readdir(join(folder, 'bundle'))).sort()).toEqual([...makeBundle(parts, sampleKey()).keys()].sort());
  await expect(write()).rejects.toMatchObject({ exitStatus: 2, details: { where: join(folder, 'bundle') } });
});

test('the sheet has a row for each CGL 5.0 id, and no cell is a formula', () => {
  const results = sampleResults();
  const hostile = results.requirements.map((one) => (one.id === 'PRF.5.0' ? { ...one, title: '=HYPERLINK("x"), "quoted"\nline' } : one));

  const rows = sheetCsv({ ...results, requirements: hostile }, product, []).split('\r\n');

  expect(rows).toEqual([
    'CGL id,Description,Priority,Disclosure type,Package or patch,Version,Comply,Notes',
    expect.stringMatching(/^PRF\.5\.0,"'=HYPERLINK\(""x""\), ""quoted"" line",P1,/),
    expect.stringMatching(/^AVL\.5\.3,Non-intrusive process monitor,P1,patch,0001-signal[^,]* and 1 more,"Example Carrier Linux 7.2, Linux 6.12.117-aem",no,measured: FAIL; clauses of the suite's own division: AVL.5.3-a FAIL$/),
    '',
  ]);
  const { subject } = results;
  const onePatch = { ...results, subject: { ...subject, kernel: { ...subject.kernel, patches: ['0001-a.patch'] } } };
  expect(sheetCsv(onePatch, product, [])).toContain(',patch,0001-a.patch,');
});
