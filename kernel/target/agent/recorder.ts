// SPDX-License-Identifier: GPL-2.0-only
import { appendFileSync } from 'node:fs';
import type { Answer, Event, Request } from './protocol.ts';

/** Of what files hold: they are no evidence. */
const shown = 200;

/** Takes down what host (`>`) and agent (`<`) say to each other. */
export type Recorder = (from: '>' | '<', message: (Request & { readonly id: number }) | Answer | Event) => void;

/** Appends a line a message to a file: the time, who says it, and the message, with its bytes as text. */
export function recorder(path: string | undefined): Recorder | undefined {
  if (path === undefined) return undefined;
  return (from, message) => {
    try {
      appendFileSync(path, `${new Date().toISOString()} ${from} ${JSON.stringify(readable(message))}\n`);
    } catch {
      // A full disk: what the tests need they have.
    }
  };
}

function readable(message: Parameters<Recorder>[1]): object {
  if (!('data' in message)) return message;
  const text = Buffer.from(message.data, 'base64').toString('utf8');
  const whole = 'event' in message || ('op' in message && message.op === 'stdin') || text.length <= shown;
  return { ...message, data: whole ? text : `${text.slice(0, shown)} … ${text.length} characters` };
}
