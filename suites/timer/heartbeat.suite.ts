// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-TIMER-041', 'heartbeat reports each that is missed, and no other', async ({ spawn, line }) => {
  const example = await spawn(['heartbeat']);
  await example.write('register calm 3600000\nregister quick 50\nregister brisk 70\nbeat calm\n');

  // Each counts by itself.
  const counts = new Map([['quick', 0], ['brisk', 0]]);
  while ([...counts.values()].some((count) => count < 3)) {
    const [, name = '', count = '0'] = /^(\w+) missed (\d+)$/.exec(await line(example)) ?? [];
    expect([...counts.keys()]).toContain(name);
    expect(Number(count)).toBeGreaterThan(counts.get(name) ?? 0);
    counts.set(name, Number(count));
  }
  await example.write('beat quick\n');
  for (let said = ''; said !== 'quick beats again'; ) {
    said = await line(example);
    expect(said).toMatch(/^(quick|brisk) missed \d+$|^quick beats again$/);
  }

  await example.write('unregister quick\nunregister brisk\nbeat quick\n');
  await example.closeStdin();
  expect(await example.exited).toEqual({ status: 1 });
  expect(example.stderr()).toBe('heartbeat: not understood: beat quick\n');
});
