// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, onTestFinished, test, vi } from 'vitest';
import { captureOutput } from '../../lib/testing/captured-output.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { generateKeys } from '../../reporters/attestation/keys.ts';
import { sampleParts, sampleProduct, sampleWaivers } from '../../reporters/testing/bundle.ts';
import { passingResults } from '../../reporters/testing/sample.ts';
import { describeSuite } from '../../suites/harness/suite.ts';
import { register } from './certify.ts';

// Requirements and product statements are read before anything is refused, on a busy machine slowly.
vi.setConfig({ testTimeout: 60_000 });

// It reads every file of the project.
const suite = describeSuite();

/** A folder with what a certification needs: a product statement, a key, a finished run. */
async function prepared(): Promise<{ readonly folder: string; readonly certify: (...args: readonly string[]) => Promise<unknown> }> {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder, name);
  await writeFile(at('product.yaml'), sampleProduct);
  await writeFile(at('waivers.yaml'), sampleWaivers.replace('2026-12-31', '2020-12-31'));
  await generateKeys(at('a.key'), at('a.pub'));
  await mkdir(at('run'));
  const { results, config = '', logs } = sampleParts(passingResults());
  const ofThisSuite = { ...results, run: { ...results.run, suite: await suite } };
  for (const [name, data] of [['results.json', JSON.stringify(ofThisSuite)], ['kernel.config', config], ...logs] as const) await writeFile(join(at('run'), name), data);
  const certify = async (...args: readonly string[]): Promise<unknown> => {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
    register(program);
    await program.parseAsync(['certify', '--product', at('product.yaml'), '--key', at('a.key'), '--out', at('out'), ...args], { from: 'user' });
    return process.exitCode;
  };
  return { folder, certify };
}

test.each([['--grep', 'x'], ['--module', 'core'], ['--requirement', 'PRF.5.0'], ['--binding', 'native'], ['--flavour', 'debug'], ['--bail'], ['--unpatched']])(
  'certification refuses %s',
  async (...filter) => {
    const { folder, certify } = await prepared();

    await expect(certify('--from', join(folder, 'run'), ...filter)).rejects.toMatchObject({ exitStatus: 2, message: 'certification leaves nothing out' });
  },
);

test('a waiver that has expired is refused before anything runs', async () => {
  const { folder, certify } = await prepared();

  await expect(certify('--from', join(folder, 'run'), '--waivers', join(folder, 'waivers.yaml'))).rejects.toMatchObject({
    exitStatus: 2,
    message: 'the waiver of AEM-PEXIT-004 has expired',
  });
});

test.each([['--memory', '1024'], ['--cpus', '1'], ['--timeout', '5'], ['--guests', '2']])('%s says how to run, and a finished run ran', async (...option) => {
  const { folder, certify } = await prepared();

  await expect(certify('--from', join(folder, 'run'), ...option)).rejects.toMatchObject({ code: 'commander.conflictingOption' });
});

test('modules or a configuration without a kernel mean nothing', async () => {
  const { certify } = await prepared();

  await expect(certify('--modules', '/lib/modules/1')).rejects.toThrow('--modules and --config belong to a --kernel');
});

test('a finished run becomes a bundle, once', async () => {
  const status = process.exitCode;
  onTestFinished(() => void (process.exitCode = status));
  const printed = captureOutput();
  const { folder, certify } = await prepared();

  expect(await certify('--from', join(folder, 'run'))).toBe(0);

  expect(printed.text()).toContain(join('out', 'bundle', 'certificate.html'));
  expect(printed.text()).toContain(`--key ${join(folder, 'a.pub')}`);
  await expect(certify('--from', join(folder, 'run'))).rejects.toMatchObject({ exitStatus: 2, details: { where: join(folder, 'out/bundle') } });
});

test('the private key is not what is told to be handed out, whatever its name', async () => {
  const status = process.exitCode;
  onTestFinished(() => void (process.exitCode = status));
  const printed = captureOutput();
  const { folder, certify } = await prepared();
  await rename(join(folder, 'a.key'), join(folder, 'secret.pem'));

  await certify('--from', join(folder, 'run'), '--key', join(folder, 'secret.pem'));

  expect(printed.text()).toContain('--key VENDOR.pub');
  expect(printed.text()).not.toContain('secret.pem');
});
