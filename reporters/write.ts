// SPDX-License-Identifier: GPL-2.0-only
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InfrastructureError } from '../lib/errors.ts';
import { makeFolder } from '../lib/make-folder.ts';
import { coverageHtml } from './coverage/html.ts';
import { coverageJson } from './coverage/json.ts';
import { coverageMarkdown } from './coverage/markdown.ts';
import { junitXml, type JUnitProfile } from './junit/junit.ts';
import type { Results } from './results.ts';

const renderers = {
  junit: {
    file: 'junit.xml',
    render: (results: Results, profile: JUnitProfile) => junitXml(results, { profile }),
  },
  html: { file: 'coverage.html', render: coverageHtml },
  json: { file: 'coverage.json', render: coverageJson },
  md: { file: 'coverage.md', render: coverageMarkdown },
} as const;

export type ReportFormat = keyof typeof renderers;
export const reportFormats = Object.keys(renderers) as readonly ReportFormat[];

/** Paths of the reports written; what was not asked for is absent. */
export type ReportPaths = Readonly<Partial<Record<ReportFormat, string>>>;

/**
 * Writes the reports into `outDir`, which is made when missing. Each file is whole or not there: it is
 * written beside its place, synced and renamed.
 * @throws InfrastructureError when the folder cannot be written to
 */
export async function writeReports(
  results: Results,
  outDir: string,
  formats: readonly ReportFormat[] = reportFormats,
  junitProfile: JUnitProfile = 'base',
): Promise<ReportPaths> {
  // All of them first, so that a fault in one leaves no mix of old and new files.
  const texts = formats.map((format) => ({ format, text: renderers[format].render(results, junitProfile) }));
  const paths: Partial<Record<ReportFormat, string>> = {};
  for (const { format, text } of texts) {
    const path = join(outDir, renderers[format].file);
    await writeAtomically(path, text, outDir);
    paths[format] = path;
  }
  return paths;
}

/** Removes the reports in `outDir`: those of an earlier run would be taken for the next one's, should it not come to its own. */
export async function removeReports(outDir: string): Promise<void> {
  for (const { file } of Object.values(renderers)) await rm(join(outDir, file), { force: true });
}

/** Writes files into a folder, which is made when missing. Returns their paths. */
export async function writeFiles(files: readonly { readonly name: string; readonly text: string }[], folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const { name, text } of files) {
    const path = join(folder, name);
    await writeAtomically(path, text, folder);
    paths.push(path);
  }
  return paths;
}

/** Writes a file of `folder`, which is made when missing. */
export async function writeAtomically(path: string, text: string, folder: string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await makeFolder(folder);
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new InfrastructureError('the report cannot be written', {
      where: path,
      expected: 'a folder that this user can write to, with space left',
      seen: cause instanceof Error ? cause.message : String(cause),
      hint: 'name another folder with --out DIR, or mend the permissions of this one',
      cause,
    });
  }
}
