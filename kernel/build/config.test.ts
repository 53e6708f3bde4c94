// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { InputError } from '../../lib/errors.ts';
import { applyOptions, checkSurvived, isSeriesOption, mergeFragments, parseFragment } from './config.ts';

const base = {
  name: 'base.config',
  text: '# why\nCONFIG_A=y\nCONFIG_S="text"\n\n# CONFIG_TINY is not set\n',
};
const debug = { name: 'debug.config', text: 'CONFIG_A=n\nCONFIG_N=8\n' };

describe('fragments', () => {
  test('options, unset options and comments', () => {
    expect(parseFragment(base)).toEqual([
      { name: 'CONFIG_A', value: 'y', where: 'base.config:2' },
      { name: 'CONFIG_S', value: '"text"', where: 'base.config:3' },
      { name: 'CONFIG_TINY', value: 'n', where: 'base.config:5' },
    ]);
  });

  test.each(['CONFIG_A', 'CONFIG_A=', 'A=y'])('%j is no option', (line) => {
    expect(() => parseFragment({ name: 'f', text: `\n${line}\n` })).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ where: 'f:2', seen: line }) }),
    );
  });

  test('a later fragment wins', () => {
    const merged = mergeFragments([base, debug]);

    expect(merged.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'CONFIG_A=n',
      'CONFIG_S="text"',
      'CONFIG_TINY=n',
      'CONFIG_N=8',
    ]);
    expect(merged[0]?.where).toBe('debug.config:1');
  });

  test('without the series its options are left out, and no others', () => {
    const text = 'CONFIG_AEM=y\n# CONFIG_AEM_DEBUG is not set\nCONFIG_AEMULATION=y\n';

    expect(mergeFragments([{ name: 'f', text }], isSeriesOption).map(({ name }) => name)).toEqual([
      'CONFIG_AEMULATION',
    ]);
  });
});

describe('the final configuration', () => {
  const tiny = '#\n# A comment\n#\nCONFIG_A=m\n# CONFIG_B is not set\nCONFIG_TINY=y\n';

  test('the options replace those of tinyconfig', () => {
    const text = applyOptions(tiny, mergeFragments([base]));

    expect(text).toContain('CONFIG_A=y\n');
    expect(text).toContain('# CONFIG_TINY is not set\n');
    expect(text).toContain('# CONFIG_B is not set\n');
    expect(text).not.toContain('CONFIG_A=m');
    expect(text).not.toContain('CONFIG_TINY=y');
  });

  test('what survived is accepted; an option that is gone is as good as one that is off', () => {
    checkSurvived('CONFIG_A=y\nCONFIG_S="text"\n', mergeFragments([base]), 'linux');
  });

  test('all that is lost is told at once, with where it was asked for', () => {
    const check = (): void => {
      checkSurvived('CONFIG_A=m\nCONFIG_TINY=y\n', mergeFragments([base]), 'linux');
    };

    expect(check).toThrow(InputError);
    expect(check).toThrow('3 options did not survive olddefconfig');
    expect(check).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({
          where: 'linux',
          seen: [
            'CONFIG_A: asked y, got m (base.config:2)',
            'CONFIG_S: asked "text", got nothing (base.config:3)',
            'CONFIG_TINY: asked n, got y (base.config:5)',
          ].join('\n            '),
        }),
      }),
    );
  });
});
