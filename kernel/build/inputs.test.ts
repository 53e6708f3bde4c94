// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { kernelKey, type InputRecord } from './inputs.ts';

const record: InputRecord = {
  recipe: 1,
  arch: 'x86_64',
  version: '6.12',
  flavour: 'base',
  source: { name: 'linux-source-6.12 6.12.1', identity: 'debian linux-source-6.12 6.12.1' },
  patches: [
    { name: '0001-a.patch', sha256: 'aa', strip: 1 },
    { name: '0002-b.patch', sha256: 'bb', strip: 1 },
  ],
  fragments: [{ name: 'base.config', sha256: 'cc' }],
  compiler: 'gcc 12',
  linker: 'ld 2.40',
};

test('equal inputs have the same key, and it can name a folder', () => {
  expect(kernelKey({ ...record })).toBe(kernelKey(record));
  expect(kernelKey(record)).toMatch(/^[0-9a-f]{16}$/);
});

test('the names of sources and patches do not matter', () => {
  const renamed = {
    ...record,
    source: { ...record.source, name: 'another name' },
    patches: record.patches.map((patch) => ({ ...patch, name: `x${patch.name}` })),
  };

  expect(kernelKey(renamed)).toBe(kernelKey(record));
});

const changes: readonly Partial<InputRecord>[] = [
  { recipe: 2 },
  { version: '6.1' },
  { flavour: 'debug' },
  { source: { ...record.source, identity: 'debian linux-source-6.12 6.12.2' } },
  { patches: record.patches.slice(0, 1) },
  { patches: [...record.patches].reverse() },
  { patches: [] },
  { fragments: [{ name: 'base.config', sha256: 'dd' }] },
  { compiler: 'gcc 13' },
  { linker: 'ld 2.41' },
];

test.each(changes)('another key for %j', (change) => {
  expect(kernelKey({ ...record, ...change })).not.toBe(kernelKey(record));
});
