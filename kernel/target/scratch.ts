// SPDX-License-Identifier: GPL-2.0-only
import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what a machine needs while it boots. */
export interface Scratch {
  readonly folder: string;
  /** Idempotent. */
  remove(): Promise<void>;
}

const present = new Set<string>();

// Whoever is told to end while a machine boots has no time left to wait for anything.
process.on('exit', () => {
  for (const folder of present) rmSync(folder, { recursive: true, force: true });
});

/** Makes a folder that is gone at the latest when this process exits. */
export function makeScratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'aemcert-'));
  present.add(folder);
  return {
    folder,
    async remove() {
      await rm(folder, { recursive: true, force: true });
      present.delete(folder);
    },
  };
}
