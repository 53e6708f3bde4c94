// SPDX-License-Identifier: GPL-2.0-only
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { aemVersion, imageVersion } from './version.ts';

const kernel = { release: '6.12.117-aem', version: '6.12', key: '0123456789abcdef' } as const;

test('two kernels of one release are two versions, and one kernel is one', async () => {
  const version = await imageVersion(kernel);

  expect(version).toMatch(/^6\.12\.117\+aemcert\d+\.\d+\.\d+\.0123456789-1$/);
  expect(await imageVersion(kernel)).toBe(version);
  expect(await imageVersion({ ...kernel, key: '1123456789abcdef' })).not.toBe(version);
});

test.each([
  ['6.12.118-aem', 'gt'],
  ['6.12.99-aem', 'lt'],
] as const)('whatever the keys, to dpkg %s is %s 6.12.117-aem', async (release, than) => {
  const [other, one] = [await imageVersion({ ...kernel, release, key: 'ffffffffffffffff' }), await imageVersion(kernel)];

  expect(await execa('dpkg', ['--compare-versions', other, than, one], { reject: false })).toMatchObject({ exitCode: 0 });
});

test('a release candidate is lower than its release, and than the next candidate', async () => {
  const ofRelease = (release: string, key: string): Promise<string> => imageVersion({ ...kernel, release, key });
  const [third, tenth, final] = await Promise.all([ofRelease('6.18.0-rc3-aem', 'ffffffffffffffff'), ofRelease('6.18.0-rc10-aem', '8888888888888888'), ofRelease('6.18.0-aem', '0000000000000000')]);

  expect(third).toMatch(/^6\.18\.0~rc3\+aemcert/);
  for (const [less, more] of [[third, tenth], [tenth, final]] as const) {
    expect(await execa('dpkg', ['--compare-versions', less, 'lt', more], { reject: false })).toMatchObject({ exitCode: 0 });
  }
  expect(await execa('dpkg', ['--validate-version', third], { reject: false })).toMatchObject({ exitCode: 0 });
});

test('it is one that dpkg takes, and later than those without a digest', async () => {
  const one = await imageVersion(kernel);

  expect(await execa('dpkg', ['--validate-version', one], { reject: false })).toMatchObject({ exitCode: 0 });
  expect(await execa('dpkg', ['--compare-versions', one, 'gt', '6.12.117-1'], { reject: false })).toMatchObject({ exitCode: 0 });
});

test('the modules are another version with other content or for another kernel', async () => {
  const versions = await Promise.all(['a', 'b'].flatMap((image) => ['c', 'd'].map((content) => aemVersion({ image, content }))));

  expect(new Set(versions).size).toBe(4);
});
