// SPDX-License-Identifier: GPL-2.0-only
/** Many connections, and more than there may be. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { set } from '../harness/setting.ts';
import { folder, get, layers, load, onEach, serve, talkTo } from './server.ts';
import type { Server } from './server.ts';

/** How many connections have not been accepted yet. */
async function waiting({ sh }: Context, { port }: Server): Promise<number> {
  const name = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const queue = await sh(`awk '$2 ~ /${name}$/ && $4 == "0A" { print $5 }' /proc/net/tcp`);
  return Number.parseInt(queue.split(':')[1] ?? '', 16);
}

verifies('AEM-HTTPD-030', '1,000 connections at once: every answer is the right one', async (context) => {
  const connections = context.limit('connections');
  // On a slow kernel the first of so many waits long.
  const times = 'head=300000,request=300000,send=300000';
  await onEach(context, { args: ['-c', String(connections), '-t', times] }, async (server) => {
    const result = await load(context, server, { connections, requests: connections });
    expect(result).toMatchObject({ answers: connections, wrong: 0, lost: 0 });
  });
});

verifies('AEM-HTTPD-031', 'more connections than there may be wait for their turn', async (context) => {
  await onEach(context, { args: ['-c', '3'], folder: await folder(context, 'printf hello > hello') }, async (server) => {
    const talk = await talkTo(context, server);
    const descriptors = (): Promise<string> => context.sh(`ls /proc/${server.pid}/fd | wc -l`);
    const before = Number(await descriptors());

    for (let i = 0; i < 6; i++) await talk('open', '', i);
    for (let i = 0; i < 6; i++) await talk('send', get('/hello'), i);
    for (let i = 0; i < 3; i++) expect(await talk('answer', '', i)).toMatchObject({ status: 200 });
    expect(Number(await descriptors())).toBe(before + 3);

    for (let i = 0; i < 3; i++) {
      await talk('drop', '', i);
      expect(await talk('answer', '', i + 3)).toMatchObject({ status: 200, body: 'hello' });
    }
  });
});

verifies('AEM-HTTPD-032', 'connections leave descriptors for the files', async (context) => {
  await onEach(context, { before: 'ulimit -n 20', args: ['-c', '1000'] }, async (server) => {
    expect(await load(context, server, { connections: 20, requests: 40 })).toMatchObject({ answers: 40, wrong: 0, lost: 0 });
  });
});

verifies('AEM-HTTPD-033', 'without files in the system connections wait until there are some', async (context) => {
  const path = await folder(context, 'printf hello > hello');
  const servers = [];
  for (const layer of layers) servers.push(await serve(context, layer, { folder: path, uid: 1001, gid: 1001 }));
  const talks = await Promise.all(servers.map((server) => talkTo(context, server)));
  for (const talk of talks) {
    await talk('open', '', 1);
    await talk('send', get('/hello'), 1);
    expect(await talk('answer', '', 1)).toMatchObject({ status: 200, body: 'hello' });
  }
  const most = await context.sh('cat /proc/sys/fs/file-max');
  await set(context, '/proc/sys/fs/file-max', 0);

  for (const talk of talks) {
    await talk('open');
    await talk('send', get('/hello'));
  }
  for (const [i, talk] of talks.entries()) {
    // The request of an older connection comes behind the new one: what it finds says why that one waits.
    await talk('send', get('/hello'), 1);
    expect(await talk('answer', '', 1)).toMatchObject({ status: 503 });
    expect(await waiting(context, servers[i] as Server)).toBe(1);
  }
  await context.sh(`echo ${most} > /proc/sys/fs/file-max`);

  for (const [i, talk] of talks.entries()) {
    expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello' });
    expect(await waiting(context, servers[i] as Server)).toBe(0);
  }
});
