// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../../lib/testing/temporary-folder.ts';
import { recorder } from './recorder.ts';

async function logFile(): Promise<string> {
  const path = join(await temporaryFolder(), 'agent-1.log');
  await writeFile(path, 'of the boot before\n');
  return path;
}

test('a line a message, after those of the boot before', async () => {
  const path = await logFile();
  const { take, close } = recorder(path);

  take('>', { op: 'mark', text: 'begin it #1', id: 1 });
  take('<', { id: 1 });
  close();
  take('<', { id: 2 });

  expect((await readFile(path, 'utf8')).replaceAll(/^\d.*?Z /gm, '')).toBe('of the boot before\n> {"op":"mark","text":"begin it #1","id":1}\n< {"id":1}\n');
});

test('a file in which a message is lost is emptied: nobody takes it for whole', async () => {
  const path = await logFile();
  const limit = (bytes: string): unknown => execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:`]);
  onTestFinished(() => void limit('unlimited'));
  const { take, close } = recorder(path);
  onTestFinished(close);

  limit('60');
  take('>', { op: 'mark', text: 'begin it #1', id: 1 });
  limit('unlimited');
  take('<', { id: 1 });

  expect(await readFile(path, 'utf8')).toBe('');
});
