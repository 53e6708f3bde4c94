// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { buildIdIn } from './facts.ts';

/** An ELF note: sizes, type, name and description, each padded to four bytes. */
function note(name: string, type: number, description: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(description.length, 4);
  head.writeUInt32LE(type, 8);
  const pad = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
  return Buffer.concat([head, pad(Buffer.from(`${name}\0`)), pad(description)]);
}

test('a kernel tells its build id among other notes', () => {
  const id = Buffer.from('85c7e4e2ed76f4417e8aaad7c6b040d2bb897a26', 'hex');

  expect(buildIdIn(Buffer.concat([note('Linux', 257, Buffer.from('\0')), note('Xen', 6, Buffer.alloc(7)), note('GNU', 3, id)]))).toBe(id.toString('hex'));
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['another note', note('Linux', 3, Buffer.alloc(20))],
  ['half a note', note('GNU', 3, Buffer.alloc(20)).subarray(0, 10)],
])('%s has none', (_what, notes) => {
  expect(buildIdIn(notes)).toBeUndefined();
});
