// SPDX-License-Identifier: GPL-2.0-only
/** AEM's modules come and go while AEMhttpd serves. */
import { expect } from 'vitest';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';
import { folder, get, loaded, serve, startLoad, talkTo } from './server.ts';

const hello = 'printf hello > hello';
const drain = (name: string): string => `echo 1 > /sys/class/misc/aem-${name}/drain`;

verifies('AEM-HTTPD-040', 'other modules are unloaded and loaded while it serves', async (context) => {
  const names = ['pexit', 'fd', 'sched', 'example'];
  context.after(() => context.sh(names.map(ensureLoaded).join(' && ')));
  const server = await serve(context, 'aem');

  const running = await startLoad(context, server, { connections: 10, requests: 300 });
  for (const name of names) await context.sh(`rmmod aem_${name} && ${insmod(name)}`);

  expect(await loaded(context, running)).toMatchObject({ answers: 300, wrong: 0, lost: 0 });
});

verifies('AEM-HTTPD-041', 'what it stands on is not unloaded beneath it', async (context) => {
  context.after(() => context.sh(`${ensureLoaded('ip')} && ${ensureLoaded('timer')}`));
  const server = await serve(context, 'aem', { folder: await folder(context, hello) });

  for (const name of ['aem_ip', 'aem_timer', 'aem_core']) {
    expect(await context.run(['rmmod', name]), name).toMatchObject({ status: 1 });
  }

  const talk = await talkTo(context, server);
  await talk('open');
  await talk('send', get('/hello'));
  expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello' });
});

verifies('AEM-HTTPD-042', 'aem-ip and aem-timer are swapped beneath it, and no connection ends', async (context) => {
  context.after(() => context.sh(`${ensureLoaded('ip')} && ${ensureLoaded('timer')}`));
  const server = await serve(context, 'aem', { folder: await folder(context, hello), args: ['-t', 'head=300'] });
  const talk = await talkTo(context, server);
  const answered = async (connection: number): Promise<void> => {
    await talk('send', get('/hello'), connection);
    expect(await talk('answer', '', connection)).toMatchObject({ status: 200, body: 'hello' });
  };
  await talk('open');
  await answered(0);

  for (const name of ['ip', 'timer'] as const) {
    await context.sh(`${drain(name)} && rmmod aem_${name}`);
    expect(await context.line(server.process)).toBe('by epoll');
    await answered(0);
    await talk('open', '', 1);
    await answered(1);
    // Its time-outs are there, too.
    await talk('open', '', 2);
    expect(await talk('end', '', 2)).toMatchObject({ end: 'eof' });

    await context.sh(insmod(name));
    expect(await context.line(server.process)).toBe('by aem');
    await answered(0);
    await answered(1);
    await talk('open', '', 2);
    expect(await talk('end', '', 2)).toMatchObject({ end: 'eof' });
  }
});
