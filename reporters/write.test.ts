// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InfrastructureError } from '../lib/errors.ts';
import { sampleResults } from './testing/sample.ts';
import { writeReports } from './write.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aemcert-reports-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('writes every report into a folder that it makes, and leaves nothing else', async () => {
  const out = join(folder, 'a', 'b');
  const paths = await writeReports(sampleResults(), out);
  expect(paths).toEqual({
    junit: join(out, 'junit.xml'),
    html: join(out, 'coverage.html'),
    json: join(out, 'coverage.json'),
    md: join(out, 'coverage.md'),
  });
  expect((await readdir(out)).sort()).toEqual(['coverage.html', 'coverage.json', 'coverage.md', 'junit.xml']);
});

test('writes only what was asked for, over what was there', async () => {
  await writeFile(join(folder, 'coverage.md'), 'old');
  await writeReports(sampleResults(), folder, ['md']);
  expect(await readdir(folder)).toEqual(['coverage.md']);
  expect(await readFile(join(folder, 'coverage.md'), 'utf8')).toContain('Not conformant');
});

test('the same results make the same reports', async () => {
  const read = async (name: string): Promise<string> => {
    const { html = '' } = await writeReports(sampleResults(), join(folder, name));
    return readFile(html, 'utf8');
  };
  expect(await read('a')).toBe(await read('b'));
});

test.each([
  ['below a file', (): string => join(folder, 'file', 'x')],
  ['a file', (): string => join(folder, 'file')],
  ['in a file system that makes none', (): string => '/proc/aemcert/x'],
])('a folder that cannot be, %s, is told with what to do', async (_what, out) => {
  await writeFile(join(folder, 'file'), '');
  const error: unknown = await writeReports(sampleResults(), out()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InfrastructureError);
  expect(error).toMatchObject({ exitStatus: 3, details: { hint: expect.stringContaining('--out DIR') } });
});
