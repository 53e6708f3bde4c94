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
  const control = controlFile({ release, version: '1-1', image: '6.12.1+x-1', kibibytes: 7 });
  expect(control).toMatch(/^Package: aem-6\.12\.1-aem-x\nVersion: 1-1\n/);
  expect(control).toMatch(/^Depends: linux-image-6\.12\.1-aem_x \(= 6\.12\.1\+x-1\), kmod, libc6$/m);
});

/** Packs one module that is none. */
async function pack({ module = 'a module', key = '0123456789abcdef' } = {}): Promise<string> {
  const scratch = await temporaryFolder();
  const out = await temporaryFolder();
  const path = join(scratch, 'aem-core.ko');
  await writeFile(path, module);
  return packAem({ release, version: '6.12', key }, [{ name: 'aem-core', path }], { scratch, out });
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

test('other modules, or those of another kernel, are another version, which wants that very kernel', async () => {
  const field = async (deb: string, name: string): Promise<string> => (await execa('dpkg-deb', ['--field', deb, name])).stdout;
  const debs = [await pack(), await pack({ module: 'another' }), await pack({ key: 'fedcba9876543210' })];

  const versions = await Promise.all(debs.map((deb) => field(deb, 'Version')));
  expect(new Set(versions).size).toBe(3);
  for (const [index, version] of versions.entries()) {
    expect(version).toMatch(/^\d[\d.]*\+aemcert\d[\w.~]*\.[0-9a-f]{10}-1$/);
    expect(debs[index]).toContain(`_${version}_amd64.deb`);
  }
  const wanted = await Promise.all(debs.map((deb) => field(deb, 'Depends')));
  expect(wanted.map((depends) => /\(= (\S+)\)/.exec(depends)?.[1])).toEqual([
    expect.stringMatching(/^6\.12\.1\+aemcert.*\.0123456789-1$/),
    expect.stringMatching(/\.0123456789-1$/),
    expect.stringMatching(/\.fedcba9876-1$/),
  ]);
}, 180_000);
