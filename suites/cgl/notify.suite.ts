// SPDX-License-Identifier: GPL-2.0-only
/** PRF.5.0-a: notifications of readiness and of completion reach who asked for them. */
import { expect } from 'vitest';
import { all } from './channels.ts';
import { available } from './available.ts';
import { native, neutral } from './neutral.ts';

neutral('PRF.5.0-a', 'what has happened is told, and nothing else', all, async (context, facility) => {
  const program = await facility.open(context, 3);
  expect((await program.take()).told).toEqual([]);

  await program.fire(1);

  expect((await program.take()).told).toEqual([1]);
});

neutral('PRF.5.0-a', 'who waits for it is woken up', all, async (context, facility) => {
  const program = await facility.open(context, 3);

  const waiting = program.wait(1);
  await program.asleep();
  await program.fire(2);

  expect((await waiting).told).toEqual([2]);
});

neutral('PRF.5.0-a', 'another program is not told', all, async (context, facility) => {
  const [program, other] = [await facility.open(context, 2), await facility.open(context, 2)];

  await other.fire(0);
  expect((await program.take()).told).toEqual([]);
  await program.fire(0);

  expect((await program.take()).told).toEqual([0]);
  expect((await other.take()).told).toEqual([0]);
});

neutral('PRF.5.0-a', 'a completion says of what, and what came of it', [native('io_uring')], async (context) => {
  const { send, ok } = await context.probe();
  available(context, await send('uring-reads', { count: 3 }), 'io_uring (CONFIG_IO_URING)');
  expect(await send('uring-done')).toMatchObject({ ret: 0 });

  await ok('uring-give', { number: 2, text: 'two' });
  expect(await send('uring-done', { least: 1 })).toMatchObject({ ret: 1, told: '2:3:two' });
  await ok('uring-give', { number: 0, text: 'none' });
  expect(await send('uring-done', { least: 1 })).toMatchObject({ ret: 1, told: '0:4:none' });
});
