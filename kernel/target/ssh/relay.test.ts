// SPDX-License-Identifier: GPL-2.0-only
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createRelay } from './relay.ts';

/** A stream whose other end is here. */
function pair() {
  const said: string[] = [];
  let ended = false;
  const stream = new Duplex({
    read: () => undefined,
    write(data: Buffer, _encoding, done) {
      said.push(data.toString());
      done();
    },
    final(done) {
      ended = true;
      done();
    },
  });
  return { stream, said, ended: (): boolean => ended };
}

function relayed() {
  const agent = pair();
  const logs: string[] = [];
  const taints: number[] = [];
  const relay = createRelay(agent.stream, { onLog: (text, elsewhere) => void logs.push(`${elsewhere ? 'elsewhere' : 'here'}: ${text}`), onUndone: (taint) => void taints.push(taint) });
  const here: string[] = [];
  relay.local.setEncoding('utf8').on('data', (text: string) => void here.push(text));
  return { agent, relay, here, logs, taints };
}

/** Until all that was pushed has been handed on. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const log = (text: string): string => `${JSON.stringify({ event: 'log', data: Buffer.from(text).toString('base64') })}\n`;

describe('lines of an agent', () => {
  test('come whole to the client here, then to who has the connection, and none to both', async () => {
    const { agent, relay, here } = relayed();
    const other = pair();

    agent.stream.push('{"id":1}\n{"id"');
    await settled();
    relay.handTo(other.stream);
    agent.stream.push(':2}\n{"id":3}\n');
    await settled();

    expect(here).toEqual(['{"id":1}\n']);
    expect(other.said).toEqual(['{"id":2}\n', '{"id":3}\n']);
  });

  test('what the kernel says is seen here, whoever is told of it', async () => {
    const { agent, relay, here, logs } = relayed();
    const other = pair();

    agent.stream.push(log('one\n'));
    await settled();
    relay.handTo(other.stream);
    agent.stream.push(log('two\n'));
    await settled();

    expect(logs).toEqual(['here: one\n', 'elsewhere: two\n']);
    expect(here).toEqual([log('one\n')]);
    expect(other.said).toEqual([log('two\n')]);
  });

  test('when the other one has gone the agent is to end, and its guard’s words are for here', async () => {
    const { agent, relay, logs, taints } = relayed();
    const other = pair();
    relay.handTo(other.stream);

    other.stream.push('{"op":"ping"}\n');
    await settled();
    other.stream.push(null);
    await settled();
    agent.stream.push(`torn{"eve\n\n${log('gone\n')}{"event":"undone","taint":512}\n`);
    await settled();

    expect(agent.said).toEqual(['{"op":"ping"}\n']);
    expect(agent.ended()).toBe(true);
    expect(other.said).toEqual([]);
    expect(logs).toEqual(['here: gone\n']);
    expect(taints).toEqual([512]);
  });
});
