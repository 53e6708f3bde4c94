// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { hostPrograms, librariesIn } from './host-programs.ts';

test('the libraries and the loader, not what the kernel maps', () => {
  const output = '\tlinux-vdso.so.1 (0x00007ffc)\n\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n';

  expect(librariesIn(output)).toEqual(['/lib/x86_64-linux-gnu/libz.so.1', '/lib64/ld-linux-x86-64.so.2']);
  expect(librariesIn('\tnot a dynamic executable\n')).toEqual([]);
});

test('a program is there with what it is linked with', async () => {
  const files = await hostPrograms({ env: 'coreutils' });

  expect(files.map(({ path }) => path)).toContain('/usr/bin/env');
  expect(files.some(({ path }) => path.includes('libc.so'))).toBe(true);
  expect(files.every(({ data }) => data.length > 0)).toBe(true);
});

test('what is not installed is told by its packages', async () => {
  await expect(hostPrograms({ 'no-such-program': 'some-package', env: 'coreutils' })).rejects.toMatchObject({
    details: { hint: 'apt-get install some-package' },
  });
});
