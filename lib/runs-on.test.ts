// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { runsOn } from './runs-on.ts';

test('a test runs on the flavours that it names, and on all when it names none', () => {
  const on = (flavours?: readonly string[]): readonly boolean[] =>
    ['base', 'debug'].map((flavour) => runsOn({ flavours }, flavour));

  expect(on()).toEqual([true, true]);
  expect(on(['debug', 'coverage'])).toEqual([false, true]);
  expect(on([])).toEqual([false, false]);
});
