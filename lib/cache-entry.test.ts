// SPDX-License-Identifier: GPL-2.0-only
import { access, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureEntry, isComplete, removeEntry, removeStalePartials } from './cache-entry.ts';
import { InfrastructureError } from './errors.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const write =
  (text: string) =>
  ({ folder }: { folder: string }): Promise<void> =>
    writeFile(join(folder, 'content'), text);

test('an entry is made once', async () => {
  const entry = join(await temporaryFolder(), 'key');

  expect(await ensureEntry(entry, { make: write('first') })).toBe(true);
  expect(await ensureEntry(entry, { make: write('second') })).toBe(false);

  expect(await readFile(join(entry, 'content'), 'utf8')).toBe('first');
});

test('one that is damaged is made anew', async () => {
  const entry = join(await temporaryFolder(), 'key');
  const intact = async (folder: string): Promise<boolean> => (await readFile(join(folder, 'content'), 'utf8')) === 'whole';
  await ensureEntry(entry, { make: write('whole'), intact });
  expect(await ensureEntry(entry, { make: write('whole'), intact })).toBe(false);
  await writeFile(join(entry, 'content'), 'who');

  expect(await ensureEntry(entry, { make: write('whole'), intact })).toBe(true);

  expect(await intact(entry)).toBe(true);
});

test('of two who want it at once, one makes it and the other waits and uses it', async () => {
  const entry = join(await temporaryFolder(), 'key');
  const made: string[] = [];
  let waits: () => void = () => undefined;
  const otherWaits = new Promise<void>((resolve) => (waits = resolve));
  const make = (name: string) => async (): Promise<void> => {
    made.push(name);
    await otherWaits;
  };

  const both = await Promise.all([
    ensureEntry(entry, { make: make('a'), onWait: () => waits() }),
    ensureEntry(entry, { make: make('b'), onWait: () => waits() }),
  ]);

  expect(made).toHaveLength(1);
  expect(both.filter(Boolean)).toHaveLength(1);
});

test('what fails leaves nothing that looks whole, and the next run begins anew', async () => {
  const entry = join(await temporaryFolder(), 'key');
  const failing = ensureEntry(entry, {
    make: async (partial) => {
      await write('half')(partial);
      throw new Error('interrupted');
    },
  });
  await expect(failing).rejects.toThrow('interrupted');
  expect(await isComplete(entry)).toBe(false);

  await ensureEntry(entry, {
    make: async ({ folder }) => {
      expect(await readdir(folder)).toEqual([]);
    },
  });

  expect(await isComplete(entry)).toBe(true);
});

test('with resume the next run finds what the last one left', async () => {
  const entry = join(await temporaryFolder(), 'key');
  const unfinished = await ensureEntry(entry, {
    resume: true,
    make: async (partial) => {
      await write('half')(partial);
      return false;
    },
  });
  expect(unfinished).toBe(false);
  expect(await isComplete(entry)).toBe(false);

  await ensureEntry(entry, { resume: true, make: () => Promise.resolve() });

  expect(await readFile(join(entry, 'content'), 'utf8')).toBe('half');
});

test('a folder without its marker is not taken for an entry', async () => {
  const entry = join(await temporaryFolder(), 'key');
  await mkdir(entry);
  await writeFile(join(entry, 'content'), 'from outside');

  await ensureEntry(entry, { make: write('made') });

  expect(await readFile(join(entry, 'content'), 'utf8')).toBe('made');
});

test('a full disk is an InfrastructureError', async () => {
  const entry = join(await temporaryFolder(), 'key');
  const failing = ensureEntry(entry, {
    make: () => Promise.reject(Object.assign(new Error('write'), { code: 'ENOSPC' })),
  });

  await expect(failing).rejects.toThrow(InfrastructureError);
  await expect(failing).rejects.toThrow('the disk is full');
});

test('what interrupted runs left is removed, except what is being made and what may be resumed', async () => {
  const parent = await temporaryFolder();
  await mkdir(join(parent, 'stale.partial'));
  await mkdir(join(parent, 'mine.partial'));

  await ensureEntry(join(parent, 'busy'), {
    make: async ({ folder }) => {
      await removeStalePartials(join(parent, 'mine'));
      await access(folder);
      expect(await removeEntry(join(parent, 'busy'))).toBe(false);
    },
  });

  const left = await readdir(parent);
  expect(left).toContain('mine.partial');
  expect(left).not.toContain('stale.partial');
  expect(left).toContain('busy');
});

test('an entry is removed with all that belongs to it', async () => {
  const parent = await temporaryFolder();
  await ensureEntry(join(parent, 'key'), { make: write('x') });

  expect(await removeEntry(join(parent, 'key'))).toBe(true);

  expect(await readdir(parent)).toEqual([]);
});
