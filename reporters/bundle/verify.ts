// SPDX-License-Identifier: GPL-2.0-only
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestText } from '../../lib/digest.ts';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { asSealed, formatEnvelope, parseEnvelope, payloadOf } from '../attestation/dsse.ts';
import { parsePublicKey, type PublicKey } from '../attestation/keys.ts';
import { parseResults } from '../read.ts';
import type { Results } from '../results.ts';
import { suiteRemarks } from '../text.ts';
import { inadmissible } from './admissible.ts';
import { logFile, lossesOf } from './logs.ts';
import { configFile, judgedAtRun, keyFile, productFile, renderCertificate, renderReports, resultsFile, waiversFile, type BundleParts } from './make.ts';
import { manifestFile, parseManifest, statementFile, type Manifest, type ManifestEntry } from './manifest.ts';
import { parseProduct } from './product.ts';
import { departuresFrom, type SuiteAtHand } from './same-suite.ts';
import { formatStatement, makeStatement } from './statement.ts';
import { judgeWaivers, parseWaivers, waiverProblem } from './waivers.ts';

/** What is wrong with a bundle. */
export interface Finding {
  /** The file that is meant; absent when it is the bundle as a whole. */
  readonly file?: string;
  readonly what: string;
}

export interface Verified {
  /** Empty when the bundle is what was signed, and says what it has to. */
  readonly findings: readonly Finding[];
  /** What a reader has to know beside it. */
  readonly notes: readonly string[];
  /** The id of the key that signed; absent when none of those at hand did. */
  readonly keyId?: string;
  /** What is measured; absent when nothing in the bundle can be believed. */
  readonly results?: Results;
}

export interface VerifyOptions {
  /** The vendor's key, from somewhere else than the bundle. Without it the bundle's own is taken, which is wrong … */
  readonly key?: PublicKey | undefined;
  /** … unless the user wants no more than that nothing was edited. */
  readonly anyKey?: boolean;
  readonly suite: SuiteAtHand;
  /** For waivers. */
  readonly now: Date;
}

/**
 * Holds a bundle against its signature, its manifest, itself and the suite at hand; never stops at the first thing
 * that is wrong.
 * @throws InputError when there is no folder, InfrastructureError when it cannot be read
 */
export async function verifyBundle(folder: string, options: VerifyOptions): Promise<Verified> {
  const { files, odd } = await readFolder(folder);
  const { suite } = options;
  const findings: Finding[] = [...odd];
  const notes: string[] = [];
  const find = (file: string | undefined, what: string): void => void findings.push(file === undefined ? { what } : { file, what });
  /** As find(), where nothing is known to be wrong with the file. */
  const findOnce = (file: string, what: string): void => {
    if (!findings.some((finding) => finding.file === file)) find(file, what);
  };
  /** Tells what an input does not say, and goes on: whatever it makes of our code, it is the input that is wrong. */
  const attempt = <T>(file: string, action: (text: string) => T): T | undefined => {
    const data = files.get(file);
    if (data === undefined) {
      find(file, 'is missing');
      return undefined;
    }
    try {
      return action(data.toString('utf8'));
    } catch (error) {
      find(file, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };

  const own = attempt(keyFile, (text) => parsePublicKey(text, keyFile));
  const signed = readStatement();
  const manifest = attempt(manifestFile, (text) => parseManifest(text, manifestFile));
  const manifestText = files.get(manifestFile)?.toString('utf8');
  if (signed !== undefined && manifestText !== undefined && !namesManifest(signed.statement, manifestText)) {
    find(manifestFile, 'is not the one that was signed: edited');
  }
  if (manifest !== undefined) checkFiles(manifest);
  const results = attempt(resultsFile, (text) => parseResults(text, resultsFile));
  if (results !== undefined) attempt(resultsFile, () => checkContent(results));
  return {
    findings,
    notes,
    ...(signed?.key === undefined ? {} : { keyId: signed.key.id }),
    ...(results === undefined ? {} : { results }),
  };

  function readStatement(): { readonly statement: unknown; readonly payload: string; readonly key?: PublicKey } | undefined {
    const envelope = attempt(statementFile, (text) => parseEnvelope(text, statementFile));
    if (envelope === undefined) return undefined;
    const payload = payloadOf(envelope).toString('utf8');
    const statement = parseStatement(payload);
    const { key } = options;
    if (key !== undefined && own !== undefined && key.id !== own.id) find(keyFile, `is another key (${own.id}) than the one given (${key.id})`);
    const trusted = key ?? own;
    if (key === undefined && options.anyKey !== true) find(keyFile, 'is the bundle’s own, so anybody may have signed it: give the vendor’s with --key');
    if (key === undefined && options.anyKey === true) notes.push('The key is the bundle’s own: it shows that nothing was edited since, not who signed.');
    const sealed = trusted === undefined ? undefined : asSealed(envelope, trusted);
    if (trusted === undefined || sealed === undefined) {
      find(statementFile, `is not signed by the key ${key === undefined ? 'in the bundle' : 'given'}: edited, or signed by another`);
      return { statement, payload };
    }
    // What no signature covers has one form.
    if (files.get(statementFile)?.toString('utf8') !== formatEnvelope(sealed)) find(statementFile, 'the envelope is not as it was written: edited');
    return { statement, payload, key: trusted };
  }

  function parseStatement(payload: string): unknown {
    try {
      return JSON.parse(payload);
    } catch {
      find(statementFile, 'the statement is not JSON');
      return undefined;
    }
  }

  function checkFiles({ files: listed }: Manifest): void {
    for (const entry of listed) {
      const what = compare(entry, files.get(entry.name));
      if (what !== undefined) find(entry.name, what);
    }
    const known = new Set([...listed.map(({ name }) => name), manifestFile, statementFile]);
    for (const name of files.keys()) if (!known.has(name)) find(name, 'is extra: no part of the bundle');
  }

  function checkContent(measured: Results): void {
    const { run, subject } = measured;
    if (!run.complete) find(resultsFile, `the run was cut off: ${run.interruption ?? 'no reason given'}`);
    for (const odd of inadmissible(measured)) find(resultsFile, odd);
    for (const { file, what } of lossesOf(measured, files)) findOnce(file, what);
    const config = files.get(configFile);
    const seen = config === undefined ? undefined : digestText(config);
    if (seen !== subject.kernel.config?.sha256) find(configFile, 'is not the configuration of the kernel that was measured');
    notes.push(...suiteRemarks(run.suite));
    const product = attempt(productFile, (text) => parseProduct(text, productFile));
    const waivers = files.has(waiversFile) ? attempt(waiversFile, (text) => parseWaivers(text, waiversFile)) : [];
    for (const waiver of judgeWaivers(waivers ?? [], measured.requirements, options.now)) {
      const problem = waiverProblem(waiver);
      if (problem !== undefined) find(waiversFile, problem);
    }
    // What another suite would make of the results is no matter of this bundle.
    if (run.suite.files?.sha256 !== suite.files.sha256) {
      find(undefined, `changed suite: the bundle’s is ${run.suite.revision}${run.suite.dirty ? ', changed since' : ''}, the one at hand ${suite.revision} has other files; check out the bundle’s to verify it`);
      return;
    }
    for (const odd of departuresFrom(suite, measured)) find(resultsFile, odd);
    if (product !== undefined && waivers !== undefined) checkRendered({ results: measured, product, waivers, ...(config === undefined ? {} : { config }) });
  }

  /** What follows from the rest has to be there, as it follows, and beside it only what a bundle has. */
  function checkRendered(parts: Pick<BundleParts, 'results' | 'product' | 'waivers' | 'config'>): void {
    const { results: measured, product } = parts;
    const judged = judgedAtRun(parts);
    const listed = manifest?.files ?? [];
    const others = listed.filter(({ name }) => !name.startsWith('certificate.'));
    const certificate = own === undefined ? [] : renderCertificate(parts, judged, others, own);
    const rendered = new Map([...renderReports(measured, product, judged), ...certificate]);
    for (const [name, data] of rendered) {
      const there = files.get(name);
      if (there === undefined) findOnce(name, 'is missing');
      else if (!there.equals(data)) findOnce(name, 'does not say what results.json says');
    }
    const inputs = [resultsFile, productFile, waiversFile, configFile, keyFile];
    for (const { name } of own === undefined ? [] : listed) {
      if (!rendered.has(name) && !inputs.includes(name) && !logFile.test(name)) find(name, 'is no file of a bundle');
    }
    if (signed !== undefined && manifestText !== undefined) {
      const follows = formatStatement(makeStatement({ results: measured, product, waivers: judged, manifest: manifestText }));
      if (follows !== signed.payload) find(statementFile, 'the statement does not follow from the bundle’s files');
    }
  }
}

/** Does a statement, of which nothing is known yet, have the digest of this manifest? */
function namesManifest(statement: unknown, text: string): boolean {
  const { predicate } = (statement ?? {}) as { readonly predicate?: { readonly configuration?: unknown } | null };
  const listed = predicate?.configuration;
  if (!Array.isArray(listed)) return false;
  return listed.some((resource: { readonly name?: unknown; readonly digest?: { readonly sha256?: unknown } | null } | null) => {
    return resource?.name === manifestFile && resource.digest?.sha256 === digestText(text);
  });
}

function compare({ size, sha256 }: ManifestEntry, data: Buffer | undefined): string | undefined {
  if (data === undefined) return 'is missing';
  if (data.length < size) return `is truncated or edited: ${data.length} of ${size} bytes`;
  if (data.length > size) return `is edited: ${data.length} bytes, not ${size}`;
  return digestText(data) === sha256 ? undefined : 'is edited: another SHA-256';
}

async function readFolder(folder: string): Promise<{ readonly files: ReadonlyMap<string, Buffer>; readonly odd: readonly Finding[] }> {
  const files = new Map<string, Buffer>();
  const odd: Finding[] = [];
  let names: readonly string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new InputError(code === 'ENOENT' ? 'there is no such bundle' : 'this is no bundle', { where: folder, expected: 'the folder that `aemcert certify` writes', cause });
  }
  for (const name of names) {
    const path = join(folder, name);
    // A link may lead anywhere.
    if (!(await lstat(path)).isFile()) {
      odd.push({ file: name, what: 'is no regular file' });
      continue;
    }
    const data = await readFile(path).catch((cause: unknown) => {
      throw new InfrastructureError('a file of the bundle cannot be read', { where: path, seen: (cause as Error).message, cause });
    });
    files.set(name, data);
  }
  return { files, odd };
}
