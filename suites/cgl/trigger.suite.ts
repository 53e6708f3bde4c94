// SPDX-License-Identifier: GPL-2.0-only
/** PRF.5.0-b and -c: what level and edge trigger promise. */
import { expect } from 'vitest';
import { byEdge, byLevel } from './channels.ts';
import { neutral } from './neutral.ts';

neutral('PRF.5.0-b', 'it is told again for as long as there is something', byLevel, async (context, facility) => {
  const program = await facility.open(context, 3);
  await program.fire(1);

  for (let look = 1; look <= 5; look++) expect((await program.take()).told, `look ${look}`).toEqual([1]);

  await program.drain(1);
  expect((await program.take()).told).toEqual([]);
});

neutral('PRF.5.0-b', 'what is left of it is told', byLevel, async (context, facility) => {
  const program = await facility.open(context, 3);
  await program.fire(2);
  await program.fire(2);
  expect((await program.take()).told).toEqual([2]);

  await program.drain(2, 1);
  expect((await program.take()).told).toEqual([2]);
  await program.drain(2, 1);
  expect((await program.take()).told).toEqual([]);
});

neutral('PRF.5.0-c', 'a transition is told once, and the next one again', byEdge, async (context, facility) => {
  const program = await facility.open(context, 3);

  for (let turn = 1; turn <= 3; turn++) {
    await program.fire(1);
    expect((await program.take()).told, `turn ${turn}`).toEqual([1]);
    // There is something still, but it is no news.
    expect((await program.take()).told, `turn ${turn}`).toEqual([]);
    await program.drain(1);
  }
});

neutral('PRF.5.0-c', 'of many transitions none is lost', byEdge, async (context, facility) => {
  const program = await facility.open(context, 3);

  for (let turn = 0; turn < context.limit('transitions'); turn++) {
    await program.fire(turn % 3);
    expect((await program.take()).told, `turn ${turn}`).toEqual([turn % 3]);
    await program.drain(turn % 3);
  }
});

neutral('PRF.5.0-c', 'transitions while nobody looks are told at the next look', byEdge, async (context, facility) => {
  const program = await facility.open(context, 4);
  for (const channel of [3, 0, 1]) await program.fire(channel);

  const { told } = await program.take();

  expect([...told].sort()).toEqual([0, 1, 3]);
  expect((await program.take()).told).toEqual([]);
});
