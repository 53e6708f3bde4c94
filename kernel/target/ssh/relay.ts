// SPDX-License-Identifier: GPL-2.0-only
import { Duplex } from 'node:stream';
import type { Event } from '../agent/protocol.ts';

/**
 * An agent's stream between those who speak to it: a client in this process, and for some time one in another process. Its lines go whole, each
 * to one of them; what has to be known here in any case is looked at on its way.
 */
export interface Relay {
  /** For the client in this process. */
  readonly local: Duplex;
  /** From here on the lines go there. When it ends so does the stream to the agent, and what the agent still says is for here. */
  handTo(socket: Duplex): void;
  /** No more is said to the agent; what it says is for here. */
  end(): void;
}

export interface RelayOptions {
  /** The kernel's log, whoever is told of it; `elsewhere`: another process reads it, too. */
  onLog(text: string, elsewhere: boolean): void;
  /** The agent's guard has put all back. */
  onUndone(taint: number): void;
}

export function createRelay(stream: Duplex, { onLog, onUndone }: RelayOptions): Relay {
  let handed: Duplex | undefined;
  const local = new Duplex({
    read: () => undefined,
    write(data: Buffer, _encoding, done) {
      stream.write(data);
      done();
    },
  });
  const take = (line: string): void => {
    const event = eventOf(line);
    if (event?.event === 'log') onLog(Buffer.from(event.data, 'base64').toString('utf8'), handed !== undefined);
    if (event?.event === 'undone') onUndone(event.taint);
    else if (handed === undefined) local.push(`${line}\n`);
    else if (!handed.write(`${line}\n`)) pauseUntilDrained(handed);
  };
  const pauseUntilDrained = (socket: Duplex): void => {
    stream.pause();
    socket.once('drain', () => stream.resume());
  };
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    // One that a killed agent has cut off is ended by its guard.
    lines.filter((line) => line !== '').forEach(take);
  });
  stream.once('close', () => local.destroy());
  return {
    local,
    handTo(socket) {
      handed = socket;
      const back = (): void => {
        if (handed !== socket) return;
        // First: the agent's end is told here.
        handed = undefined;
        stream.resume();
        stream.end();
      };
      socket.on('data', (data: Buffer) => {
        if (handed === socket) stream.write(data);
      });
      socket.once('end', back).once('close', back);
    },
    end() {
      handed = undefined;
      stream.resume();
      stream.end();
    },
  };
}

/** Of those that are looked at on their way; undefined for all others. */
function eventOf(line: string): Extract<Event, { event: 'log' | 'undone' }> | undefined {
  if (!/^\{"event":"(log|undone)"/.test(line)) return undefined;
  try {
    return JSON.parse(line) as Extract<Event, { event: 'log' | 'undone' }>;
  } catch {
    // The reader's to complain of.
    return undefined;
  }
}
