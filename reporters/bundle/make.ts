// SPDX-License-Identifier: GPL-2.0-only
import { digestText } from '../../lib/digest.ts';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { formatEnvelope, seal } from '../attestation/dsse.ts';
import type { PublicKey, SigningKey } from '../attestation/keys.ts';
import { certificateHtml } from '../certificate/html.ts';
import { certificateJson } from '../certificate/model.ts';
import { coverageHtml } from '../coverage/html.ts';
import { coverageJson } from '../coverage/json.ts';
import { coverageMarkdown } from '../coverage/markdown.ts';
import { junitXml } from '../junit/junit.ts';
import type { Results } from '../results.ts';
import { formatManifest, makeManifest, manifestFile, statementFile, type BundleFiles, type ManifestEntry } from './manifest.ts';
import type { Product } from './product.ts';
import { inadmissible } from './admissible.ts';
import { lossesOf } from './logs.ts';
import { sheetCsv } from './sheet.ts';
import { formatStatement, makeStatement } from './statement.ts';
import { judgeWaivers, type JudgedWaiver, type Waiver } from './waivers.ts';

/** Names of what a bundle is made from. */
export const resultsFile = 'results.json';
export const configFile = 'kernel.config';
export const productFile = 'product.yaml';
export const waiversFile = 'waivers.yaml';
export const keyFile = 'key.pub';

/** What a run has left, and what the vendor says. */
export interface BundleParts {
  readonly results: Results;
  /** results.json as the run wrote it. */
  readonly resultsText: string;
  readonly product: Product;
  readonly productText: string;
  readonly waivers: readonly Waiver[];
  /** Absent where there are none. */
  readonly waiversText?: string;
  /** The kernel's configuration; absent where nobody knows it. */
  readonly config?: Uint8Array;
  readonly logs: BundleFiles;
}

/**
 * The files of a bundle. The same parts and the same key give the same bytes: times are those of the run.
 * @throws InfrastructureError for a run that was cut off, InputError for one that left something out, or whose parts
 * do not belong together
 */
export function makeBundle(parts: BundleParts, key: SigningKey): BundleFiles {
  checkParts(parts);
  const { results, product } = parts;
  const waivers = judgedAtRun(parts);
  const files = new Map<string, Uint8Array>([
    [resultsFile, Buffer.from(parts.resultsText)],
    [productFile, Buffer.from(parts.productText)],
    ...(parts.waiversText === undefined ? [] : [[waiversFile, Buffer.from(parts.waiversText)] as const]),
    ...(parts.config === undefined ? [] : [[configFile, parts.config] as const]),
    [keyFile, Buffer.from(key.publicKey.pem)],
    ...parts.logs,
    ...renderReports(results, product, waivers),
  ]);
  for (const [name, data] of renderCertificate(parts, waivers, makeManifest(files).files, key.publicKey)) files.set(name, data);
  const manifest = formatManifest(makeManifest(files));
  files.set(manifestFile, Buffer.from(manifest));
  const statement = formatStatement(makeStatement({ results, product, waivers, manifest }));
  files.set(statementFile, Buffer.from(formatEnvelope(seal(Buffer.from(statement), key))));
  return files;
}

/** What the waivers were worth when the run was. */
export function judgedAtRun({ results, waivers }: Pick<BundleParts, 'results' | 'waivers'>): readonly JudgedWaiver[] {
  const { startedAt, finishedAt = startedAt } = results.run;
  return judgeWaivers(waivers, results.requirements, new Date(finishedAt));
}

function checkParts({ results, config, logs }: BundleParts): void {
  const { run, subject, tests } = results;
  if (!run.complete) {
    throw new InfrastructureError('the run was cut off, so there is nothing to certify', { seen: run.interruption ?? 'no reason given' });
  }
  const [odd] = inadmissible(results);
  if (odd !== undefined) {
    throw new InputError('the run is not a whole one, so there is nothing to certify', {
      expected: 'a run as `aemcert certify` makes it, or `aemcert run` without filters',
      seen: odd,
    });
  }
  if (tests.every(({ boot }) => boot === undefined)) {
    throw new InfrastructureError('the kernel did not come up, so there is nothing to certify', { seen: tests[0]?.reason ?? 'no test' });
  }
  const wanted = subject.kernel.config?.sha256;
  const seen = config === undefined ? undefined : digestText(config);
  if (wanted !== seen) {
    throw new InputError('the kernel’s configuration is not that of the run', {
      where: configFile,
      expected: wanted === undefined ? 'none' : `sha256 ${wanted}`,
      seen: seen === undefined ? 'no such file' : `sha256 ${seen}`,
    });
  }
  const [lost] = lossesOf(results, logs);
  if (lost !== undefined) throw new InputError('a log of the run is not whole', { where: lost.file, seen: lost.what });
}

/** The reports, which follow from what is in the bundle. */
export function renderReports(results: Results, product: Product, waivers: readonly JudgedWaiver[]): BundleFiles {
  return new Map(
    Object.entries({
      'junit.xml': junitXml(results),
      'coverage.html': coverageHtml(results),
      'coverage.json': coverageJson(results),
      'coverage.md': coverageMarkdown(results),
      'cgl-sheet.csv': sheetCsv(results, product, waivers),
    }).map(([name, text]) => [name, Buffer.from(text)]),
  );
}

/** The certificate; `files` are all others but manifest and statement. */
export function renderCertificate(
  { results, product, config }: Pick<BundleParts, 'results' | 'product' | 'config'>,
  waivers: readonly JudgedWaiver[],
  files: readonly ManifestEntry[],
  { id: keyId }: PublicKey,
): BundleFiles {
  const parts = { results, product, waivers, files, keyId, ...(config === undefined ? {} : { config: Buffer.from(config).toString('utf8') }) };
  return new Map([
    ['certificate.html', Buffer.from(certificateHtml(parts))],
    ['certificate.json', Buffer.from(certificateJson(parts))],
  ]);
}
