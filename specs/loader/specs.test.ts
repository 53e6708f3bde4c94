// SPDX-License-Identifier: GPL-2.0-only
import { beforeAll, describe, expect, test } from 'vitest';
import { checkIdType } from '../generate.ts';
import { requirementIds } from '../generated/ids.ts';
import { loadControls } from '../../suites/controls/load.ts';
import { loadRequirements } from './index.ts';
import type { RequirementSet } from './index.ts';

let set: RequirementSet;

beforeAll(async () => {
  set = await loadRequirements();
});

describe('the requirements of this suite', () => {
  test('are right, and the generated ids are theirs', async () => {
    await expect(checkIdType(set)).resolves.toBeUndefined();
    expect(set.requirements.map(({ id }) => id)).toEqual([...requirementIds]);
  });

  test('give their files from the root of the project', () => {
    expect(set.files).toEqual(expect.arrayContaining(['specs/aem/core.yaml', 'specs/cgl/prf-5.0.yaml', 'specs/cgl/r1.yaml']));
    expect(set.files.filter((file) => !/^specs\/(aem|cgl)\/[a-z0-9.-]+\.yaml$/.test(file))).toEqual([]);
  });

  test('are traced: every one of AEM has a parent outside of AEM', () => {
    const own = set.requirements.filter(({ id }) => id.startsWith('AEM-'));

    const untraced = own.filter(({ parents }) => !parents.some((parent) => !parent.startsWith('AEM-')));

    expect(own.length).toBeGreaterThan(75);
    expect(untraced).toEqual([]);
  });

  test('demand only what is tested: all else takes its verdict from below, or is no demand', async () => {
    const mandatory = set.requirements.filter((requirement) => requirement.mandatory);

    // What is tested has a control, and a clause of CGL only where it is tested on the kernel's own facilities, too.
    const controlled = new Set((await loadControls()).map(({ requirement }) => requirement));
    expect(mandatory.filter(({ id }) => !controlled.has(id))).toEqual([]);
    const clauses = mandatory.filter(({ id }) => !id.startsWith('AEM-'));
    expect(clauses.filter(({ bindings }) => !bindings.includes('native'))).toEqual([]);
    const waived = set.requirements.filter(({ id }) => id.startsWith('AEM-')).filter((own) => !own.mandatory);
    // Only a kernel that refuses memory on command can show it.
    expect(waived.map(({ id }) => id)).toEqual(['AEM-CORE-198']);
  });

  test('say so where they are rebuilt', () => {
    const rebuilt = set.requirements.filter(({ id }) => id.startsWith('R1-'));

    expect(rebuilt.map(({ standing }) => standing)).toEqual(rebuilt.map(() => 'reconstructed'));
  });
});
