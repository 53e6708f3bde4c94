// SPDX-License-Identifier: GPL-2.0-only
/** Very much data over many connections. */
import { expect } from 'vitest';
import type { Answer, Arguments, Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import { listen, owner } from './sockets.ts';

verifies('AEM-IP-026', 'each byte of many connections arrives once and in order, whatever stops and starts', async ({ probe, limit }) => {
  const [p, by] = [await owner(probe), await probe()];
  const [count, bytes] = [limit('connections'), limit('bytes')];
  const { fd, port } = await listen(p);
  await p.ok('thread', { name: 'worrier' });
  await p.ok('flood-catch', { fd });

  const worried = p.on('worrier', 'flood-worry', { count, seed: 7 });
  const sent = by.send('flood', { port, count, bytes, seed: 11 });
  const caught = await p.send('flood-caught', { count });

  // First of all: what is missing keeps the others from their end.
  expect(caught).toMatchObject({ ret: count, received: count * bytes, wrong: 0 });
  expect(await sent).toMatchObject({ ret: 0 });
  expect((await worried).ret).toBeGreaterThan(count);
});

/** Looks until so much has been caught, or something wrong; gives up when nothing comes any more. */
async function caught(p: Probe, want: Arguments): Promise<Answer> {
  const looks = 60;
  let [before, idle] = ['', 0];
  for (;;) {
    const seen = await p.on('looker', 'flood-look', want);
    const now = [seen['accepted'], seen['messages'], seen['ended']].join();
    idle = now === before ? idle + 1 : 0;
    if (seen.ret !== 0 || idle === looks) return seen;
    before = now;
  }
}

verifies(
  'AEM-IP-061',
  'a million messages over thousands of connections: each comes once, whole and in order, whatever stops and starts',
  async ({ probe, limit }) => {
    const [p, by] = [await owner(probe), await probe()];
    const [connections, messages] = [limit('connections'), limit('messages')];
    // No more are under way at once than a guest has memory for.
    const rounds = 5;
    const { fd, port } = await listen(p, { listen: connections });
    for (const name of ['worrier', 'looker']) await p.ok('thread', { name });
    await p.ok('flood-catch', { fd, mail: true });

    // What takes long is not waited for but looked at.
    void p.on('worrier', 'flood-worry', { count: connections, seed: 7, pace: true });
    void by.send('mail-open', { port, count: connections });
    expect(await caught(p, { accepted: connections })).toMatchObject({ accepted: connections, wrong: 0 });

    let stops = 0;
    for (let sent = messages / rounds; sent <= messages; sent += messages / rounds) {
      void by.send('mail-send', { each: messages / rounds / connections });
      const seen = await caught(p, { messages: sent });
      expect(seen).toMatchObject({ messages: sent, ended: 0, wrong: 0 });
      expect(seen['stops']).toBeGreaterThan(stops);
      stops = Number(seen['stops']);
    }

    void by.send('mail-close');
    expect(await caught(p, { ended: connections })).toMatchObject({ messages, ended: connections, wrong: 0 });
    expect(await by.ok('mail-done')).toBe(0);
  },
  // Where the kernel checks itself each message takes many times as long.
  { bodyLimit: 1_200_000 },
);
