// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestText } from '../../lib/digest.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { formatEnvelope, parseEnvelope, payloadOf, seal, type Envelope } from '../attestation/dsse.ts';
import type { PlannedTest, RequirementResult, TestResult } from '../results.ts';
import { sampleParts, sampleWaivers, suiteOf, writeSampleBundle } from '../testing/bundle.ts';
import { sampleKey } from '../testing/keys.ts';
import { passingResults, sampleResults } from '../testing/sample.ts';
import { verifiedBySigstore } from '../testing/sigstore.ts';
import { lossesOf } from './logs.ts';
import { judgedAtRun, makeBundle } from './make.ts';
import { formatManifest, makeManifest } from './manifest.ts';
import type { SuiteAtHand } from './same-suite.ts';
import { formatStatement, makeStatement } from './statement.ts';
import { verifyBundle, type Finding, type VerifyOptions } from './verify.ts';

const { plan } = sampleParts().results;
const ownSuite = suiteOf(passingResults());
const options: VerifyOptions = { suite: ownSuite, now: new Date('2026-06-01T00:00:00Z') };
const anyKey: VerifyOptions = { ...options, anyKey: true };
const withKey: VerifyOptions = { ...options, key: sampleKey().publicKey };

/** Reports are made several times. */
const slow = { timeout: 60_000 };

async function findingsOf(folder: string, how = withKey): Promise<readonly Finding[]> {
  return (await verifyBundle(folder, how)).findings;
}

/** A bundle of its own for a test to tamper with. */
async function bundle(): Promise<{ readonly folder: string; readonly edit: (name: string, change: (text: string) => string) => Promise<void> }> {
  const folder = await writeSampleBundle(await temporaryFolder());
  return {
    folder,
    async edit(name, change) {
      const path = join(folder, name);
      const before = await readFile(path, 'utf8');
      expect(change(before)).not.toBe(before);
      await writeFile(path, change(before));
    },
  };
}

test('a bundle as it was written has nothing wrong, with the vendor’s key and without', slow, async () => {
  const { folder } = await bundle();

  expect(await verifyBundle(folder, withKey)).toMatchObject({ findings: [], notes: [], keyId: sampleKey().publicKey.id });
  expect(await verifyBundle(folder, anyKey)).toMatchObject({ findings: [], notes: [expect.stringContaining('bundle’s own')] });
});

test('the same parts and key give the same bytes, and sigstore’s verifier takes the statement', slow, () => {
  const [first, second] = [makeBundle(sampleParts(), sampleKey()), makeBundle(sampleParts(), sampleKey())];

  expect([...first]).toEqual([...second]);
  const text = Buffer.from(first.get('statement.dsse.json') ?? []).toString();
  expect(verifiedBySigstore(text, sampleKey().publicKey)).toBe(true);
  const statement = JSON.parse(payloadOf(parseEnvelope(text, 'it')).toString());
  expect(statement).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
    subject: [{ name: 'linux-6.12.117-aem', digest: { sha256: 'a1'.repeat(32) } }, { name: 'aem-core.ko' }, { name: 'aem-pexit.ko' }],
    predicate: { result: 'PASSED', failedTests: [], aemcert: { product: { vendor: 'Example Networks' } } },
  });
});

test('only the times of a run make another statement', () => {
  const later = { startedAt: '2026-03-03T09:15:00.250Z', finishedAt: '2026-03-03T09:19:41.900Z' };
  const statementOf = (results = passingResults()): string => {
    const text = Buffer.from(makeBundle(sampleParts(results), sampleKey()).get('statement.dsse.json') ?? []).toString();
    return payloadOf(parseEnvelope(text, 'it')).toString().replace(/"manifest.json","digest":\{"sha256":"[0-9a-f]+"/, 'M').replaceAll(/2026-03-0\d/g, 'D');
  };

  expect(statementOf(passingResults({ run: later }))).toBe(statementOf());
});

test('each file that is edited, missing or cut is named', slow, async () => {
  const names = (await readdir((await bundle()).folder)).filter((name) => !['manifest.json', 'statement.dsse.json', 'key.pub'].includes(name));
  expect(names).toEqual([
    'agent-1.log', 'certificate.html', 'certificate.json', 'cgl-sheet.csv', 'console-1.log', 'coverage.html', 'coverage.json', 'coverage.md',
    'junit.xml', 'kernel.config', 'product.yaml', 'results.json',
  ]);
  for (const name of names) {
    const edited = await bundle();
    // The same length, so that only the digest can tell.
    await edited.edit(name, (text) => `${text.slice(0, -1)}${text.endsWith(' ') ? '\n' : ' '}`);
    expect(await findingsOf(edited.folder), name).toEqual([{ file: name, what: 'is edited: another SHA-256' }].concat(name === 'kernel.config' ? [{ file: name, what: 'is not the configuration of the kernel that was measured' }] : []));

    const longer = await bundle();
    await longer.edit(name, (text) => `${text}\n`);
    expect(await findingsOf(longer.folder), name).toContainEqual({ file: name, what: expect.stringContaining('is edited') as string });

    const missing = await bundle();
    await rm(join(missing.folder, name));
    expect(await findingsOf(missing.folder), name).toContainEqual({ file: name, what: 'is missing' });
  }
});

test('a log that is cut is said to be', async () => {
  const { folder, edit } = await bundle();

  await edit('console-1.log', (text) => text.slice(0, text.indexOf('aemcert: begin')));

  const words = (await findingsOf(folder)).filter(({ file }) => file === 'console-1.log').map(({ what }) => what);
  expect(words).toEqual([expect.stringMatching(/^is truncated or edited: \d+ of \d+ bytes$/)]);
});

test('what is extra is named: a file, a folder, a link', async () => {
  const { folder } = await bundle();
  await writeFile(join(folder, 'more.txt'), '');
  await mkdir(join(folder, 'folder'));
  await symlink('/etc/hostname', join(folder, 'link'));

  expect(await findingsOf(folder)).toEqual([
    { file: 'folder', what: 'is no regular file' },
    { file: 'link', what: 'is no regular file' },
    { file: 'more.txt', what: 'is extra: no part of the bundle' },
  ]);
});

test('a file that is a link to the same bytes is no file of the bundle', async () => {
  const { folder } = await bundle();
  const copy = join(await temporaryFolder(), 'junit.xml');
  await writeFile(copy, await readFile(join(folder, 'junit.xml')));
  await rm(join(folder, 'junit.xml'));
  await symlink(copy, join(folder, 'junit.xml'));

  expect(await findingsOf(folder)).toEqual([{ file: 'junit.xml', what: 'is no regular file' }, { file: 'junit.xml', what: 'is missing' }]);
});

test('an edited manifest does not hide an edited file', async () => {
  const { folder, edit } = await bundle();
  await edit('coverage.md', (text) => text.replace('PASS', 'FAIL'));
  const files = new Map<string, Buffer>();
  for (const name of await readdir(folder)) {
    if (!['manifest.json', 'statement.dsse.json'].includes(name)) files.set(name, await readFile(join(folder, name)));
  }

  await writeFile(join(folder, 'manifest.json'), formatManifest(makeManifest(files)));

  const findings = await findingsOf(folder);
  expect(findings).toContainEqual({ file: 'manifest.json', what: 'is not the one that was signed: edited' });
  expect(findings).toContainEqual({ file: 'coverage.md', what: 'does not say what results.json says' });
});

test.each([
  ['not JSON', '{'],
  ['no manifest', '{}'],
  ['no manifest', JSON.stringify({ format: 'aemcert-bundle', version: 1, files: [{ name: '../../etc/passwd', size: 1, sha256: 'a'.repeat(64) }] })],
  ['no manifest', JSON.stringify({ format: 'aemcert-bundle', version: 1, files: [null] })],
])('a manifest that is none (%s) is said to be', async (words, text) => {
  const { folder } = await bundle();
  await writeFile(join(folder, 'manifest.json'), text);

  expect(await findingsOf(folder)).toContainEqual({ file: 'manifest.json', what: expect.stringContaining(words) as string });
});

test('wrong key: another than the vendor’s is named, and so is one put in its place', async () => {
  const { folder } = await bundle();
  const other = sampleKey(2).publicKey;

  const findings = await findingsOf(folder, { ...options, key: other });
  expect(findings).toContainEqual({ file: 'statement.dsse.json', what: 'is not signed by the key given: edited, or signed by another' });
  expect(findings).toContainEqual({ file: 'key.pub', what: expect.stringContaining('is another key') as string });

  await writeFile(join(folder, 'key.pub'), other.pem);
  expect(await findingsOf(folder, anyKey)).toContainEqual({ file: 'statement.dsse.json', what: expect.stringContaining('the key in the bundle') as string });
});

test('somebody else’s whole bundle of the same results is not the vendor’s', async () => {
  const folder = await writeSampleBundle(await temporaryFolder(), sampleParts(), sampleKey(2));

  // It vouches for itself: nobody is told that this is well, who has not said that they want no more.
  expect(await findingsOf(folder, options)).toEqual([{ file: 'key.pub', what: expect.stringContaining('anybody may have signed it') as string }]);
  expect(await findingsOf(folder, anyKey)).toEqual([]);
  expect((await findingsOf(folder, withKey)).map(({ file }) => file)).toEqual(['key.pub', 'statement.dsse.json']);
});

test('an edited statement, and an envelope that is not as it was written', slow, async () => {
  const { folder, edit } = await bundle();
  await edit('statement.dsse.json', (text) => {
    const envelope = parseEnvelope(text, 'it');
    const payload = Buffer.from(payloadOf(envelope).toString().replace('7.2', '7.3')).toString('base64');
    return formatEnvelope({ ...envelope, payload });
  });
  expect((await findingsOf(folder)).map(({ what }) => what)).toEqual([
    'is not signed by the key given: edited, or signed by another',
    'the statement does not follow from the bundle’s files',
  ]);

  const other = seal(payloadOf(parseEnvelope(await readFile(join((await bundle()).folder, 'statement.dsse.json'), 'utf8'), 'it')), sampleKey(2));
  const edits: readonly ((envelope: Envelope) => unknown)[] = [
    (envelope) => ({ ...envelope, note: 'conformant' }),
    (envelope) => ({ ...envelope, signatures: envelope.signatures.map((one) => ({ ...one, keyid: 'evil' })) }),
    (envelope) => ({ ...envelope, signatures: [...envelope.signatures, ...other.signatures] }),
    (envelope) => ({ ...envelope, payload: `${envelope.payload.slice(0, 40)}~~${envelope.payload.slice(40)}` }),
    (envelope) => ({ ...envelope, signatures: envelope.signatures.map((one) => ({ ...one, sig: `${one.sig}!` })) }),
  ];
  for (const change of [(text: string) => `${text} `, ...edits.map((edit) => (text: string) => `${JSON.stringify(edit(parseEnvelope(text, 'it')), null, 1)}\n`)]) {
    const odd = await bundle();
    await odd.edit('statement.dsse.json', change);
    expect(await findingsOf(odd.folder)).toEqual([{ file: 'statement.dsse.json', what: 'the envelope is not as it was written: edited' }]);
  }
  const gone = await bundle();
  await rm(join(gone.folder, 'statement.dsse.json'));
  expect(await findingsOf(gone.folder)).toEqual([{ file: 'statement.dsse.json', what: 'is missing' }]);
});

test('a vendor’s own signature does not make a report say what was not measured', async () => {
  const folder = join(await temporaryFolder(), 'bundle');
  await mkdir(folder);
  const files = new Map(makeBundle(sampleParts(sampleResults({ incidents: [] })), sampleKey()));
  const html = Buffer.from(files.get('certificate.html') ?? []).toString();
  files.set('certificate.html', Buffer.from(html.replaceAll('Not conformant', 'Conformant')));
  const statement = payloadOf(parseEnvelope(Buffer.from(files.get('statement.dsse.json') ?? []).toString(), 'it')).toString();
  const before = Buffer.from(files.get('manifest.json') ?? []);
  files.delete('manifest.json');
  files.delete('statement.dsse.json');
  const manifest = formatManifest(makeManifest(files));
  files.set('manifest.json', Buffer.from(manifest));
  const signed = statement.replace(digestText(before), digestText(manifest)).replace('"result":"FAILED"', '"result":"PASSED"');
  files.set('statement.dsse.json', Buffer.from(formatEnvelope(seal(Buffer.from(signed), sampleKey()))));
  for (const [name, data] of files) await writeFile(join(folder, name), data);

  expect(await findingsOf(folder, { ...withKey, suite: suiteOf(sampleResults()) })).toEqual([
    { file: 'certificate.html', what: 'does not say what results.json says' },
    { file: 'statement.dsse.json', what: 'the statement does not follow from the bundle’s files' },
  ]);
});

test('changed suite: another than the one at hand is named; one with changes of its own is noted', slow, async () => {
  const { folder } = await bundle();
  const suite = { ...ownSuite, revision: 'abc', files: { sha256: 'f6'.repeat(32) } };

  expect(await findingsOf(folder, { ...withKey, suite })).toEqual([{ what: expect.stringMatching(/^changed suite: .*1f0c2d9a7be4.*abc/) as string }]);

  const dirty = passingResults({ run: { suite: { version: '0.1.0', revision: '1f0c2d9a7be4', dirty: true } } });
  const changed = await verifyBundle(await writeSampleBundle(await temporaryFolder(), sampleParts(dirty)), withKey);
  expect(changed).toMatchObject({ findings: [], notes: [expect.stringContaining('not the released revision')] });
  expect(await readFile(join(folder, 'certificate.html'), 'utf8')).not.toContain('not the released revision');
});

const [first] = plan as readonly [PlannedTest];

test.each<[string, Partial<SuiteAtHand>]>([
  ['1 test of the suite left out: core/more/one', { plan: [...plan, { ...first, id: 'core/more/one' }] }],
  ['1 test for other kernels of the suite left out: core/more/two', { plan: [...plan, { ...first, id: 'core/more/two', flavours: ['debug'] }] }],
  // One that git did not know, in the checkout of who signed.
  [`1 test that the suite has not: ${first.id}`, { plan: plan.slice(1) }],
  [`1 test not as the suite has it: ${first.id}`, { plan: plan.map((one) => (one.id === first.id ? { ...one, facility: 'epoll' } : one)) }],
])('a plan that is not the suite’s: %s', async (what, suite) => {
  const { folder } = await bundle();

  expect(await findingsOf(folder, { ...withKey, suite: { ...ownSuite, ...suite } })).toEqual([{ file: 'results.json', what }]);
});

const failing = sampleResults({ incidents: [] });

test.each<[string, (requirements: readonly RequirementResult[]) => readonly RequirementResult[]]>([
  ['1 requirement not as the suite has it: AEM-PEXIT-004', (all) => all.map((one) => (one.id === 'AEM-PEXIT-004' ? { ...one, mandatory: false } : one))],
  ['1 requirement of the suite left out: AEM-CORE-010', (all) => all.filter(({ id }) => id !== 'AEM-CORE-010').map((one) => ({ ...one, children: one.children.filter((id) => id !== 'AEM-CORE-010') }))],
])('requirements that are not the suite’s: %s', async (what, change) => {
  const edited = { ...failing, requirements: change(failing.requirements) };
  const folder = await writeSampleBundle(await temporaryFolder(), sampleParts(edited));

  expect(await findingsOf(folder, { ...withKey, suite: suiteOf(failing) })).toEqual([{ file: 'results.json', what }]);
});

/** A bundle whose files the vendor has changed and signed again; null: left out. */
async function signedAgain(changes: Readonly<Record<string, Buffer | null>>, parts = sampleParts()): Promise<string> {
  const folder = join(await temporaryFolder(), 'bundle');
  await mkdir(folder);
  const made = new Map<string, Uint8Array>([...makeBundle(parts, sampleKey())].filter(([name]) => name !== 'manifest.json' && name !== 'statement.dsse.json'));
  for (const [name, data] of Object.entries(changes)) {
    if (data === null) made.delete(name);
    else made.set(name, data);
  }
  const manifest = formatManifest(makeManifest(made));
  const statement = formatStatement(makeStatement({ ...parts, waivers: judgedAtRun(parts), manifest }));
  made.set('manifest.json', Buffer.from(manifest));
  made.set('statement.dsse.json', Buffer.from(formatEnvelope(seal(Buffer.from(statement), sampleKey()))));
  for (const [name, data] of made) await writeFile(join(folder, name), data);
  return folder;
}

test('a vendor’s own signature does not make up for a report that is not there, nor for files that are no part', slow, async () => {
  const [html, log, extra] = await Promise.all([
    signedAgain({ 'coverage.html': null }),
    signedAgain({ 'agent-1.log': null }),
    signedAgain({ 'notes.txt': Buffer.from('passed') }),
  ]);

  expect(await findingsOf(html)).toContainEqual({ file: 'coverage.html', what: 'is missing' });
  expect(await findingsOf(log)).toContainEqual({ file: 'agent-1.log', what: 'is missing' });
  expect(await findingsOf(extra)).toContainEqual({ file: 'notes.txt', what: 'is no file of a bundle' });
});

test('a configuration of which the results say nothing is none of the kernel’s', slow, async () => {
  const parts = sampleParts();
  const { config: _, ...kernel } = parts.results.subject.kernel;
  const results = { ...parts.results, subject: { ...parts.results.subject, kernel } };
  const { config: _config, ...rest } = { ...parts, results, resultsText: `${JSON.stringify(results)}\n` };

  expect(await findingsOf(await signedAgain({ 'kernel.config': Buffer.from('CONFIG_AEM=y\n') }, rest))).toContainEqual({
    file: 'kernel.config',
    what: 'is not the configuration of the kernel that was measured',
  });
});

test('what a hostile bundle says does not end the verifier', slow, async () => {
  const never = { finishedAt: '2026-99-99T00:00:00Z' };
  const { resultsText } = sampleParts();
  const text = resultsText.replace(/"finishedAt": "[^"]*"/, `"finishedAt": "${never.finishedAt}"`);
  expect(text).not.toBe(resultsText);

  const folder = await signedAgain({ 'results.json': Buffer.from(text), 'waivers.yaml': Buffer.from(sampleWaivers) });

  expect(await findingsOf(folder)).toContainEqual({ file: 'results.json', what: expect.stringContaining('there is no such time') as string });
});

test('a log of which the end or a test is cut off is named, whichever guest’s it is', () => {
  const { results, logs } = sampleParts();
  const cut = (name: string, change: (text: string) => string): readonly string[] => {
    const text = Buffer.from(logs.get(name) ?? []).toString();
    expect(change(text)).not.toBe(text);
    return lossesOf(results, new Map([...logs, [name, Buffer.from(change(text))]])).map(({ file, what }) => `${file} ${what}`);
  };

  expect(lossesOf(results, logs)).toEqual([]);
  expect(cut('console-1.log', (text) => text.slice(0, text.lastIndexOf('[')))).toEqual([expect.stringMatching(/^console-1\.log truncated: it does not tell of the end of native-/)]);
  expect(cut('agent-1.log', (text) => text.slice(0, text.indexOf('\n')))).toEqual([expect.stringMatching(/^agent-1\.log truncated: it does not tell of the beginning of watches-/)]);
  const second = { ...results, target: { ...results.target, guests: 2 }, tests: results.tests.map((one) => ({ ...one, boot: 2 })) };
  expect(lossesOf(second, new Map([...logs, ['console-2.log', Buffer.from('')]]))).toEqual([
    { file: 'console-2.log', what: expect.stringContaining('and 2 more') as string },
    { file: 'agent-2.log', what: 'is missing' },
  ]);
});

test('two tests of the same words have two beginnings', () => {
  const { results, logs } = sampleParts();
  const [one] = results.tests;
  const twice = { ...results, tests: [...results.tests, { ...(one as TestResult), id: `other/${one?.id.split('/').slice(1).join('/') ?? ''}` }] };

  expect(lossesOf(twice, logs).map(({ file }) => file)).toEqual(['console-1.log', 'agent-1.log']);
});

test('a waiver that has expired since, that is not needed or that matches nothing is named', slow, async () => {
  const results = sampleResults({ incidents: [] });
  const suite = suiteOf(results);
  const waiverOf = async (text: string, now: string): Promise<readonly Finding[]> => {
    const folder = await writeSampleBundle(await temporaryFolder(), sampleParts(results, text));
    return findingsOf(folder, { ...withKey, suite, now: new Date(now) });
  };

  expect(await waiverOf(sampleWaivers, '2026-12-31T23:59:59Z')).toEqual([]);
  expect(await waiverOf(sampleWaivers, '2027-01-01T00:00:00Z')).toEqual([
    { file: 'waivers.yaml', what: 'the waiver of AEM-PEXIT-004 has expired: its last day was 2026-12-31' },
  ]);
  expect(await waiverOf(sampleWaivers.replace('PEXIT-004', 'PEXIT-001'), '2026-06-01T00:00:00Z')).toEqual([
    { file: 'waivers.yaml', what: 'the waiver of AEM-PEXIT-001 is not needed: it passes' },
  ]);
  expect(await waiverOf(sampleWaivers.replace('PEXIT-004', 'PEXIT-009'), '2026-06-01T00:00:00Z')).toEqual([
    { file: 'waivers.yaml', what: 'the waiver of AEM-PEXIT-009 matches no requirement of this run' },
  ]);
});

test('a waiver changes no verdict, in no file', () => {
  const results = sampleResults({ incidents: [] });
  const [bare, waived] = [makeBundle(sampleParts(results), sampleKey()), makeBundle(sampleParts(results, sampleWaivers), sampleKey())];
  const text = (files: typeof bare, name: string): string => Buffer.from(files.get(name) ?? []).toString();

  for (const name of ['junit.xml', 'coverage.html', 'coverage.json', 'coverage.md', 'results.json']) {
    expect(text(waived, name)).toBe(text(bare, name));
  }
  const statement = JSON.parse(payloadOf(parseEnvelope(text(waived, 'statement.dsse.json'), 'it')).toString());
  expect(statement.predicate).toMatchObject({ result: 'FAILED', failedTests: ['pexit/fault/reports-the-signal-of-a-fault'] });
  expect(statement.predicate.aemcert.waivers).toMatchObject([{ requirement: 'AEM-PEXIT-004', state: 'waived' }]);
  expect(JSON.parse(text(waived, 'certificate.json')).conclusion).toEqual(JSON.parse(text(bare, 'certificate.json')).conclusion);
});

test('no folder, no bundle', async () => {
  await expect(verifyBundle(join(await temporaryFolder(), 'none'), withKey)).rejects.toMatchObject({ exitStatus: 2, message: 'there is no such bundle' });
  expect((await findingsOf(await temporaryFolder())).map(({ file, what }) => `${file ?? ''} ${what}`)).toEqual([
    'key.pub is missing', 'statement.dsse.json is missing', 'manifest.json is missing', 'results.json is missing',
  ]);
});
