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
import { sheetCsv } from './sheet.ts';
import { formatStatement, makeStatement } from './statement.ts';
import { judgeWaivers, type JudgedWaiver, type Waiver } from './waivers.ts';

/** Names of what a bundle is made from. */
export const resultsFile = 'results.json';
export const configFile = 'kernel.config';
export const productFile = 'product.yaml';
export const waiversFile = 'waivers.yaml';
export const keyFile = 'key.pub';
/** What the guests' consoles said, and what host and agent said to each other. */
export const logFile = /^(console|agent)-\d+\.log$/;

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
  for (const [name, data] of renderCertificate(results, product, waivers, makeManifest(files).files, key.publicKey)) files.set(name, data);
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
  const { run, subject } = results;
  if (!run.complete) {
    throw new InfrastructureError('the run was cut off, so there is nothing to certify', { seen: run.interruption ?? 'no reason given' });
  }
  const filters = Object.entries(run.filters);
  if (filters.length > 0) {
    throw new InputError('the run left something out, so there is nothing to certify', {
      expected: 'a run without filters',
      seen: filters.map(([name, value]) => `${name}=${value}`).join(', '),
    });
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
  const [lost] = missingMarkers(results, logs);
  if (lost !== undefined) throw new InputError('a log of the run is not whole', { seen: lost });
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
  results: Results,
  product: Product,
  waivers: readonly JudgedWaiver[],
  files: readonly ManifestEntry[],
  { id: keyId }: PublicKey,
): BundleFiles {
  const parts = { results, product, waivers, files, keyId };
  return new Map([
    ['certificate.html', Buffer.from(certificateHtml(parts))],
    ['certificate.json', Buffer.from(certificateJson(parts))],
  ]);
}

/**
 * Tests that ran and of which no console has the words with which they began, one line each: a log is cut, or one
 * is missing.
 */
export function missingMarkers({ tests }: Results, logs: BundleFiles): readonly string[] {
  const text = [...logs].filter(([name]) => name.startsWith('console-')).map(([, data]) => Buffer.from(data).toString('latin1')).join('\n');
  return tests
    .filter(({ boot }) => boot !== undefined)
    .filter(({ id }) => !text.includes(`aemcert: begin ${id.slice(id.lastIndexOf('/') + 1)} #`))
    .map(({ id }) => `no console tells of the beginning of ${id}, which ran`);
}
