// SPDX-License-Identifier: GPL-2.0-only
/** What becomes of a run that `aemcert certify` makes itself. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, onTestFinished, test, vi } from 'vitest';
import { captureOutput } from '../../lib/testing/captured-output.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { generateKeys } from '../../reporters/attestation/keys.ts';
import type { Results } from '../../reporters/results.ts';
import { sampleParts, sampleProduct } from '../../reporters/testing/bundle.ts';
import { passingResults } from '../../reporters/testing/sample.ts';

const next = vi.hoisted((): { results: unknown } => ({ results: undefined }));
vi.mock('../../suites/harness/run.ts', async (original) => ({
  ...(await original<typeof import('../../suites/harness/run.ts')>()),
  runSuites: async ({ out }: { readonly out: string }) => {
    await writeFile(join(out, 'results.json'), JSON.stringify(next.results));
    return next.results;
  },
}));

vi.setConfig({ testTimeout: 60_000 });

// What another test file has loaded of it runs the suites.
vi.resetModules();
const { register } = await import('./certify.ts');

async function certify(results: Results): Promise<{ readonly out: string; readonly done: Promise<unknown> }> {
  const status = process.exitCode;
  onTestFinished(() => void (process.exitCode = status));
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'product.yaml'), sampleProduct);
  await generateKeys(join(folder, 'a.key'), join(folder, 'a.pub'));
  next.results = results;
  const program = new Command().exitOverride();
  register(program);
  const out = join(folder, 'out');
  return { out, done: program.parseAsync(['certify', '--product', join(folder, 'product.yaml'), '--key', join(folder, 'a.key'), '--out', out], { from: 'user' }) };
}

test('a run that was cut off makes no bundle, and says so', async () => {
  const printed = captureOutput();

  const { out, done } = await certify(passingResults({ run: { complete: false, interruption: 'interrupted by SIGINT' } }));
  await done;

  expect(printed.text()).toContain('no bundle: interrupted by SIGINT');
  expect(process.exitCode).toBe(3);
  expect(await readdir(out)).toEqual(['run']);
});

test('when a bundle cannot be made of it the run is kept, and how to go on is told', async () => {
  captureOutput();

  // Of another suite: it was edited while the run went on.
  const { out, done } = await certify(sampleParts().results);

  await expect(done).rejects.toMatchObject({ exitStatus: 2, details: { hint: expect.stringContaining(`--from ${join(out, 'run')}`) as string } });
  expect(await readdir(out)).toEqual(['run']);
  expect(await readdir(join(out, 'run'))).toContain('results.json');
});
