// SPDX-License-Identifier: GPL-2.0-only
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { beforeEach, expect, test } from 'vitest';
import { captureOutput } from '../../lib/testing/captured-output.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { sampleResults } from '../../reporters/testing/sample.ts';
import { register } from './coverage.ts';

let folder = '';
let printed: ReturnType<typeof captureOutput>;
beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder, 'results.json'), JSON.stringify(sampleResults()));
  printed = captureOutput();
});

async function coverage(...options: string[]): Promise<void> {
  const program = new Command('aemcert').exitOverride();
  register(program);
  await program.parseAsync(['node', 'aemcert', 'coverage', ...options]);
}

test('makes the reports beside the results and names them', async () => {
  await coverage('--results', join(folder, 'results.json'));
  expect((await readdir(folder)).sort()).toEqual([
    'coverage.html',
    'coverage.json',
    'coverage.md',
    'results.json',
  ]);
  expect(printed.text()).toBe(
    `${join(folder, 'coverage.html')}\n${join(folder, 'coverage.json')}\n${join(folder, 'coverage.md')}\nNot conformant\n`,
  );
});

test('writes the formats asked for where asked', async () => {
  await coverage(
    '--results',
    join(folder, 'results.json'),
    '--out',
    join(folder, 'out'),
    '--format',
    'junit, md',
  );
  expect((await readdir(join(folder, 'out'))).sort()).toEqual(['coverage.md', 'junit.xml']);
});

test('--markdown prints and writes nothing', async () => {
  await coverage('--results', join(folder, 'results.json'), '--markdown');
  expect(printed.text()).toContain('## ❌ Not conformant');
  expect(await readdir(folder)).toEqual(['results.json']);
});

test('missing results end with 2 and say how to make some', async () => {
  await expect(coverage('--results', join(folder, 'no.json'))).rejects.toMatchObject({
    exitStatus: 2,
    details: { hint: expect.stringContaining('npx aemcert run') },
  });
});

test('an unknown format ends with 2 and says which there are', async () => {
  await expect(coverage('--format', 'pdf')).rejects.toMatchObject({
    exitStatus: 2,
    details: { seen: 'pdf', expected: expect.stringContaining('html') },
  });
});
