// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkIdType, renderIdType, writeIdType } from './generate.ts';
import { loadRequirements } from './loader/index.ts';
import type { RequirementSet } from './loader/index.ts';

let folder: string;
let file: string;
let set: RequirementSet;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'aemcert-ids-'));
  file = path.join(folder, 'generated', 'ids.ts');
  const all = await loadRequirements();
  set = { ...all, requirements: all.requirements.slice(0, 2) };
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the type of the ids', () => {
  test('has every id once, and their union', () => {
    expect(renderIdType(set)).toBe(`// SPDX-License-Identifier: GPL-2.0-only
// Made by "aemcert specs generate" from specs/**/*.yaml. Do not edit.

export const requirementIds = [
  'AEM-CORE-001',
  'AEM-CORE-002',
] as const;

export type RequirementId = (typeof requirementIds)[number];
`);
  });

  test('is written only where it differs', async () => {
    expect(await writeIdType(set, file)).toBe(true);
    expect(await writeIdType(set, file)).toBe(false);
    expect(await readFile(file, 'utf8')).toBe(renderIdType(set));
    await expect(checkIdType(set, file)).resolves.toBeUndefined();
  });

  test('is told to be missing or out of date, with what differs', async () => {
    await expect(checkIdType(set, file)).rejects.toMatchObject({ details: { seen: 'no such file' } });

    await writeIdType(set, file);
    await writeFile(file, renderIdType(set).replace('AEM-CORE-002', 'AEM-CORE-999'));

    await expect(checkIdType(set, file)).rejects.toMatchObject({
      details: {
        seen: 'AEM-CORE-002 is missing, AEM-CORE-999 is too many',
        hint: 'aemcert specs generate',
      },
    });
  });
});
