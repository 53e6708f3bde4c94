// SPDX-License-Identifier: GPL-2.0-only
import { writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
  let room = 30;
  const { take } = recorder(path, (fd: number, line: NodeJS.ArrayBufferView | string) => {
    if (room === 0) throw new Error('ENOSPC');
    const written = writeSync(fd, line as Buffer, 0, room);
    room = 0;
    return written;
  });

  take('>', { op: 'mark', text: 'begin it #1', id: 1 });
  room = 1000;
  take('<', { id: 1 });

  expect(await readFile(path, 'utf8')).toBe('');
});
