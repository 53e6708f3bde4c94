// SPDX-License-Identifier: GPL-2.0-only
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { Answer, Event, Request } from './protocol.ts';

/** Of what files hold: they are no evidence. */
const shown = 200;

/** Takes down what host (`>`) and agent (`<`) say to each other. */
export interface Recorder {
  take(from: '>' | '<', message: Message): void;
  close(): void;
}

type Message = (Request & { readonly id: number }) | Answer | Event;

/**
 * Appends a line a message to a file: the time, who says it, and the message, with its bytes as text. A file that
 * cannot be kept whole, since the disk is full, is emptied, so that nobody takes it for whole; what the tests need
 * they have. `write`: another in tests.
 */
export function recorder(path: string, write: typeof writeSync = writeSync): Recorder {
  let fd: number | undefined = openSync(path, 'a');
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    take(from, message) {
      if (fd === undefined) return;
      const line = Buffer.from(`${new Date().toISOString()} ${from} ${JSON.stringify(readable(message))}\n`);
      try {
        for (let done = 0; done < line.length; ) done += write(fd, line, done);
      } catch {
        ftruncateSync(fd);
        close();
      }
    },
    close,
  };
}

function readable(message: Message): object {
  if (!('data' in message)) return message;
  const text = Buffer.from(message.data, 'base64').toString('utf8');
  const whole = 'event' in message || ('op' in message && message.op === 'stdin') || text.length <= shown;
  return { ...message, data: whole ? text : `${text.slice(0, shown)} … ${text.length} characters` };
}
