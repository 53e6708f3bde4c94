// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';

/** Has events wait together, in this order, behind a handler that is held, then lets them go: they are one batch. */
export async function together(p: Probe, eids: readonly number[]): Promise<void> {
  const gate = await startedEvent(p, 0, 'hold,quiet');
  await p.on('io', 'fire', { eid: gate });
  expect(await p.notice('holding')).toMatchObject({ holding: gate });
  for (const eid of eids) expect(await p.on('io', 'fire', { eid })).toMatchObject({ ret: 0 });
  await p.on('io', 'release', { eid: gate });
}
