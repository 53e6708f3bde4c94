// SPDX-License-Identifier: GPL-2.0-only
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { aemPackage, controlFile, packAem } from './aem.ts';

const release = '6.12.1-aem_X';

test('a release with what Debian does not take makes a name that it does', () => {
  expect(aemPackage(release)).toBe('aem-6.12.1-aem-x');
  expect(controlFile({ release, version: '1-1', kibibytes: 7 })).toMatch(/^Package: aem-6\.12\.1-aem-x\nVersion: 1-1\n/);
});

/** Packs one module that is none. */
async function pack(): Promise<string> {
  const scratch = await temporaryFolder();
  const out = await temporaryFolder();
  const path = join(scratch, 'aem-core.ko');
  await writeFile(path, 'a module');
  return packAem({ release }, [{ name: 'aem-core', path }], { scratch, out });
}

test('the package holds the modules, libaem, its header and man pages, and is the same each time', async () => {
  const deb = await pack();

  const { stdout } = await execa('dpkg-deb', ['--contents', deb]);
  const files = new Map(stdout.split('\n').map((line) => [line.split(/\s+/)[5] ?? '', line.split(/\s+/).slice(0, 2).join(' ')]));
  for (const file of [
    `./lib/modules/${release}/updates/aem/aem-core.ko`,
    './usr/include/aem.h',
    './usr/lib/x86_64-linux-gnu/libaem.a',
    './usr/lib/x86_64-linux-gnu/pkgconfig/aem.pc',
    './usr/share/man/man3/aem_evwait.3.gz',
  ]) {
    expect(files.get(file), file).toBe('-rw-r--r-- root/root');
  }
  expect(files.get('./usr/lib/x86_64-linux-gnu/libaem.so')).toMatch(/^l/);
  expect((await execa('dpkg-deb', ['--field', deb, 'Provides'])).stdout).toBe('libaem');
  expect(await readFile(await pack())).toEqual(await readFile(deb));

  // Its script has depmod see the modules while their kernel is there, and none of that release is here.
  const control = join(await temporaryFolder(), 'control');
  await execa('dpkg-deb', ['--control', deb, control]);
  expect(await readFile(join(control, 'postinst'), 'utf8')).toContain(`depmod -a ${release}`);
  expect(await execa('sh', [join(control, 'postinst')])).toMatchObject({ exitCode: 0 });
}, 60_000);
