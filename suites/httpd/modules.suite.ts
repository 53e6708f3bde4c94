// SPDX-License-Identifier: GPL-2.0-only
/** AEM's modules come and go while AEMhttpd serves. */
import { expect } from 'vitest';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';
import { folder, get, loaded, serve, startLoad, talkTo } from './server.ts';

const hello = 'printf hello > hello';
const drain = (name: string): string => `echo 1 > /sys/class/misc/aem-${name}/drain`;

verifies('AEM-HTTPD-040', 'other modules are unloaded and loaded while requests have come in part', async (context) => {
  const names = ['pexit', 'fd', 'sched', 'example'];
  context.after(() => context.sh(names.map(ensureLoaded).join(' && ')));
  const path = await folder(context, names.map((_, i) => `echo out ${i} > out${i}; echo in ${i} > in${i}`).join('; '));
  const server = await serve(context, 'aem', { folder: path, args: ['-t', 'head=600000'] });
  const talk = await talkTo(context, server);

  // Two of each module: one that is whole while it is out, one when it is in again.
  const files = names.flatMap((_, i) => [`out${i}`, `in${i}`]);
  for (const i of files.keys()) await talk('open', '', i);
  for (const [i, file] of files.entries()) await talk('send', get(`/${file}`).slice(0, 9), i);
  const complete = async (file: string, body: string): Promise<void> => {
    const i = files.indexOf(file);
    await talk('send', get(`/${file}`).slice(9), i);
    expect(await talk('answer', '', i)).toMatchObject({ status: 200, body });
  };

  // The last that has begun is the first that is answered.
  for (const [i, name] of [...names.entries()].reverse()) {
    await context.sh(`rmmod aem_${name}`);
    await complete(`out${i}`, `out ${i}\n`);
    await context.sh(insmod(name));
    await complete(`in${i}`, `in ${i}\n`);
  }

  // All are there still.
  for (const [i, file] of files.entries()) {
    await talk('send', get(`/${file}`), i);
    expect(await talk('answer', '', i)).toMatchObject({ status: 200, body: `${file.replace(/\d/, ' $&')}\n` });
  }
});

verifies('AEM-HTTPD-040', 'other modules are unloaded and loaded under load', async (context) => {
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
