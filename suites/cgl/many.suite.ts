// SPDX-License-Identifier: GPL-2.0-only
/** PRF.5.0-e: many channels at once. What they cost, -d and -f, is a benchmark's to measure. */
import { expect } from 'vitest';
import { once } from './channels.ts';
import { neutral } from './neutral.ts';

neutral('PRF.5.0-e', 'of many that happen before anybody looks each is told once', once, async (context, facility) => {
  const count = context.limit('channels');
  const program = await facility.open(context, count);

  await program.fireAll();

  expect(await program.take()).toMatchObject({ total: count, distinct: count, most: 1 });
  expect(await program.take()).toMatchObject({ total: 0 });
});

neutral('PRF.5.0-e', 'of many that happen while it is waited for each is told once', once, async (context, facility) => {
  const count = context.limit('channels');
  const program = await facility.open(context, count);

  const waiting = program.wait(count);
  await program.asleep();
  await Promise.all([program.fireAll('io', 0), program.fireAll('other', 1)]);

  expect(await waiting).toMatchObject({ total: count, distinct: count, most: 1 });
  expect(await program.take()).toMatchObject({ total: 0 });
});
