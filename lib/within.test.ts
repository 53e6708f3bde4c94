// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { within } from './within.ts';

const late = (): Error => new Error('late');

test('gives what comes in time, and what goes wrong in time', async () => {
  await expect(within(60_000, Promise.resolve(1), late)).resolves.toBe(1);
  await expect(within(60_000, Promise.reject(new Error('wrong')), late)).rejects.toThrow('wrong');
});

test('gives up on what does not come', async () => {
  await expect(within(1, new Promise(() => undefined), late)).rejects.toThrow('late');
});
