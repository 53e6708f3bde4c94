// SPDX-License-Identifier: GPL-2.0-only
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { AgentError, createAgentClient } from './client.ts';
import type { AgentClient, AgentClientOptions } from './client.ts';
import { protocolVersion } from './protocol.ts';

interface Peer {
  readonly client: AgentClient;
  /** What the client has sent, parsed. */
  readonly sent: readonly Record<string, unknown>[];
  /** What the agent sends, as it would come off the wire. */
  send(message: object | string): void;
  hangUp(): void;
}

function peer(options: AgentClientOptions = {}): Peer {
  const sent: Record<string, unknown>[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write(data: Buffer, _encoding, done) {
      sent.push(JSON.parse(data.toString()) as Record<string, unknown>);
      done();
    },
  });
  return {
    client: createAgentClient(stream, options),
    sent,
    send: (message) => void stream.push(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`),
    hangUp: () => stream.destroy(new Error('gone')),
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('answers find their requests, in whatever order they come', async () => {
  const { client, sent, send } = peer();
  const first = client.request({ op: 'taint' });
  const second = client.request({ op: 'ping' });

  send({ id: 2 });
  send({ id: 1, taint: 4096 });

  expect(await first).toEqual({ id: 1, taint: 4096 });
  expect(await second).toEqual({ id: 2 });
  expect(sent).toEqual([{ id: 1, op: 'taint' }, { id: 2, op: 'ping' }]);
});

test('a request that failed rejects with the errno’s name', async () => {
  const { client, send } = peer();
  const reading = client.readFile('/nowhere');

  send({ id: 1, error: 'ENOENT', message: 'No such file or directory', what: '/nowhere' });

  await expect(reading).rejects.toMatchObject({ name: 'AgentError', code: 'ENOENT' });
  await expect(reading).rejects.toBeInstanceOf(AgentError);
});

test('output and exit that come before the answer to spawn are not lost', async () => {
  const { client, sent, send } = peer();
  const running = client.exec(['echo']);

  send({ event: 'output', pid: 71, fd: 1, data: base64('one\ntw') });
  send({ event: 'output', pid: 71, fd: 1, data: base64('o\nrest') });
  send({ event: 'output', pid: 71, fd: 2, data: base64('oh') });
  send({ event: 'exit', pid: 71, status: 3 });
  send({ id: 1, pid: 71 });
  await expect.poll(() => sent.length).toBe(2);
  send({ id: 2 });

  expect(await running).toEqual({ status: 3, stdout: 'one\ntwo\nrest\n', stderr: 'oh' });
});

test('a character cut in two by the transport is whole again', async () => {
  const { client, send } = peer();
  const running = client.spawn(['cat']);
  send({ id: 1, pid: 9 });
  const { lines } = await running;
  const bytes = Buffer.from('é\n');

  send({ event: 'output', pid: 9, fd: 1, data: bytes.subarray(0, 1).toString('base64') });
  send({ event: 'output', pid: 9, fd: 1, data: bytes.subarray(1).toString('base64') });

  expect(await lines.next()).toEqual({ value: 'é', done: false });
});

test('what is no JSON fails everything under way and what comes after', async () => {
  const { client, send } = peer();
  const asked = client.request({ op: 'ping' });

  send('%%%\n');

  await expect(asked).rejects.toThrow('not JSON');
  await expect(client.request({ op: 'ping' })).rejects.toThrow('not JSON');
});

test('an agent of another protocol is not talked to', async () => {
  const { client, send } = peer();

  send({ event: 'hello', protocol: protocolVersion + 1 });

  await expect(client.hello).rejects.toThrow(`not ${protocolVersion}`);
});

test('a stream that breaks fails the processes too', async () => {
  const { client, send, hangUp } = peer();
  const running = client.spawn(['sleep', '9']);
  send({ id: 1, pid: 9 });
  const { exited, lines } = await running;

  hangUp();

  await expect(exited).rejects.toThrow('stream broke');
  await expect(lines.next()).rejects.toThrow('stream broke');
});

test('files travel in pieces, which do not wait for each other once the file is there', async () => {
  const { client, sent, send } = peer();
  const writing = client.writeFile('/f', 'x'.repeat(80_000), 0o600);
  await expect.poll(() => sent.length).toBe(1);
  send({ id: 1 });
  await expect.poll(() => sent.length).toBe(3);
  send({ id: 2 });
  send({ id: 3 });
  await writing;

  expect(sent).toMatchObject([
    { op: 'write', path: '/f', append: false, mode: 0o600 },
    { op: 'write', path: '/f', append: true },
    { op: 'write', path: '/f', append: true },
  ]);
  expect(sent.map(({ data }) => Buffer.from(String(data), 'base64').length)).toEqual([32768, 32768, 80_000 - 2 * 32768]);
});

test('of a file of which a piece cannot be written no more is sent, and it is told', async () => {
  const { client, sent, send } = peer();
  const writing = client.writeFile('/f', 'x'.repeat(20 * 32_768));
  send({ id: 1 });
  await expect.poll(() => sent.length).toBe(9);
  send({ id: 2 });
  await expect.poll(() => sent.length).toBe(10);
  send({ id: 3, error: 'ENOSPC', message: 'No space left on device' });
  for (let id = 4; id <= 10; id++) send({ id });

  await expect(writing).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(sent).toHaveLength(10);
});

test('what a login shell says before the agent is no word of the agent', async () => {
  const noise: string[] = [];
  const { client, send } = peer({ onNoise: (line) => void noise.push(line) });

  send('Welcome to the machine\n');
  send({ event: 'hello', protocol: protocolVersion, release: '6.1.0', cpus: 1, memoryMiB: 1, coarseTimers: false, problems: [] });

  expect(await client.hello).toMatchObject({ release: '6.1.0' });
  expect(noise).toEqual(['Welcome to the machine']);
  send('and after that it is\n');
  await expect(client.request({ op: 'ping' })).rejects.toThrow('not JSON');
});

test('the kernel’s log, and that the way is lost, are told to who asked', async () => {
  const told: string[] = [];
  const { send } = peer({ onLog: (text) => void told.push(text), onLost: (why) => void told.push(`lost: ${why}`) });

  send({ event: 'log', data: base64('[ 1.0] a\n[ 1.1] b\n') });
  send({ event: 'lost', why: 'Connection reset' });

  await expect.poll(() => told).toEqual(['[ 1.0] a\n[ 1.1] b\n', 'lost: Connection reset']);
});

test('programs have the environment that the machine has', async () => {
  const { client, sent, send } = peer({ env: { PATH: '/there' } });
  const started = client.spawn(['true'], { env: { A: 'b' } });
  send({ id: 1, pid: 5 });
  await started;

  expect(sent).toMatchObject([{ op: 'spawn', env: ['PATH=/there', 'A=b'] }]);
});
