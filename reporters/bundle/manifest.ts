// SPDX-License-Identifier: GPL-2.0-only
import { digestText } from '../../lib/digest.ts';
import { InputError } from '../../lib/errors.ts';

/** The files that no manifest lists: it cannot hold its own digest, and the statement holds the manifest's. */
export const manifestFile = 'manifest.json';
export const statementFile = 'statement.dsse.json';

export interface ManifestEntry {
  /** A name in the bundle's one folder. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** Every file of a bundle but itself and the statement, by name. */
export interface Manifest {
  readonly format: 'aemcert-bundle';
  readonly version: 1;
  readonly files: readonly ManifestEntry[];
}

/** Files of a bundle by their names. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

/** A name that is a file of the bundle's own folder, and nothing else on any system. */
const goodName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/;

export function makeManifest(files: BundleFiles): Manifest {
  const entries = [...files].map(([name, data]): ManifestEntry => ({ name, size: data.length, sha256: digestText(data) }));
  return { format: 'aemcert-bundle', version: 1, files: entries.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/** Parses a manifest that somebody else may have written. @throws InputError when it is none; `where` names it */
export function parseManifest(text: string, where: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError('the manifest is not JSON', { where, cause });
  }
  if (!isManifest(value)) throw new InputError('this is no manifest of a bundle', { where, expected: 'format aemcert-bundle, version 1' });
  return value;
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false;
  const { format, version, files } = value as Record<string, unknown>;
  if (format !== 'aemcert-bundle' || version !== 1 || !Array.isArray(files)) return false;
  const names = new Set<unknown>();
  return files.every((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return false;
    const { name, size, sha256 } = entry as Record<string, unknown>;
    const fresh = !names.has(name);
    names.add(name);
    return fresh && typeof name === 'string' && goodName.test(name) && Number.isSafeInteger(size) && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
  });
}
