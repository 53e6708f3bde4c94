// SPDX-License-Identifier: GPL-2.0-only
/** How long a peer has for what it does, and that it has as long. */
import { expect } from 'vitest';
import { set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import type { Context } from '../harness/verifies.ts';
import { between, folder, get, load, onAll, onEach, serve, talkTo, timesOut, tries } from './server.ts';
import type { Talk } from './server.ts';

const ms = 1e6;
const hello = 'printf hello > hello';

verifies('AEM-HTTPD-020', 'a head that is not whole in time is refused: not before, and not long after', async (context) => {
  await onAll(context, { args: ['-t', 'head=400'] }, async (server) => {
    const talk = await talkTo(context, server);
    const most = 400 * ms * context.limit('times');

    await timesOut(400 * ms, most, async () => {
      const opened = await talk('open');
      await talk('send', 'GET / HTTP/1.1\r\n');
      const answer = await talk('answer');
      expect(answer).toMatchObject({ status: 408, fields: { connection: 'close' } });
      expect(await talk('end')).toMatchObject({ end: 'eof', rest: 0 });
      await talk('drop');
      return between(opened, answer);
    });

    await timesOut(400 * ms, most, async () => {
      const silent = await talk('open');
      const end = await talk('end');
      expect(end).toMatchObject({ end: 'eof', rest: 0 });
      await talk('drop');
      return between(silent, end);
    });
  });
});

/** Sends a byte now and then until an error says that the connection is over. `longest` is the longest time between two, in milliseconds. */
async function dribble(context: Context, talk: Talk, most: number): Promise<{ readonly error: string; readonly longest: number }> {
  const opened = await talk('open');
  let said = await talk('send', 'GET / HTTP/1.1\r\nA: ');
  let [last, longest] = [performance.now(), 0];
  while (said.error === undefined && between(opened, said) < most) {
    // Else so many are sent that the head is too large.
    await context.run(['sleep', '0.02']);
    said = await talk('send', 'a');
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  await talk('drop');
  return { error: said.error ?? 'it goes on', longest };
}

verifies('AEM-HTTPD-021', 'who sends a byte now and then has no more time', async (context) => {
  await onAll(context, { args: ['-t', 'head=1000,linger=100'] }, async (server) => {
    const talk = await talkTo(context, server);

    let longest = Infinity;
    // Where the host stands still two bytes are so far apart that the time of the second would be over, too: that says nothing.
    for (let count = 0; count < tries && longest >= 500; count++) {
      const { error, longest: apart } = await dribble(context, talk, 10_000 * ms);
      expect(error).toMatch(/Broken pipe|reset/);
      longest = apart;
    }
    expect(longest, 'the longest time between two bytes').toBeLessThan(500);
  });
});

verifies('AEM-HTTPD-022', 'a connection without a request is closed in time: not before, and not long after', async (context) => {
  await onAll(context, { folder: await folder(context, hello), args: ['-t', 'request=400'] }, async (server) => {
    const talk = await talkTo(context, server);

    await timesOut(400 * ms, 400 * ms * context.limit('times'), async () => {
      await talk('open');
      const asked = await talk('send', get('/hello'));
      expect(await talk('answer')).toMatchObject({ status: 200 });
      const end = await talk('end');
      expect(end).toMatchObject({ end: 'eof', rest: 0 });
      await talk('drop');
      return between(asked, end);
    });
  });
});

verifies('AEM-HTTPD-023', 'a body that is not whole in time is refused: not before, and not long after', async (context) => {
  await onAll(context, { folder: await folder(context, hello), args: ['-t', 'body=400'] }, async (server) => {
    const talk = await talkTo(context, server);

    await timesOut(400 * ms, 400 * ms * context.limit('times'), async () => {
      await talk('open');
      const asked = await talk('send', `${get('/hello', 'Content-Length: 9\r\n')}half`);
      const answer = await talk('answer');
      expect(answer).toMatchObject({ status: 408 });
      expect(await talk('end')).toMatchObject({ end: 'eof', rest: 0 });
      await talk('drop');
      return between(asked, answer);
    });
  });
});

verifies('AEM-HTTPD-024', 'who takes nothing of an answer is cut off in time: not before, and not long after', async (context) => {
  const path = await folder(context, 'truncate -s 64M huge');
  // Little goes out before it stops: until then time does not count, and there are kernels that take a second for megabytes.
  await set(context, '/proc/sys/net/ipv4/tcp_wmem', '4096 16384 65536');
  await onAll(context, { folder: path, args: ['-t', 'send=400'] }, async (server) => {
    const talk = await talkTo(context, server);
    await talk('slow');

    await timesOut(400 * ms, 400 * ms * context.limit('times'), async () => {
      await talk('open');
      const asked = await talk('send', get('/huge'));
      const cut = await talk('cut');
      expect(cut).toMatchObject({ end: 'reset' });
      expect((await talk('end')).rest).toBeLessThan(64 * 1024 * 1024);
      await talk('drop');
      // Of the connection and its file nothing is left.
      await context.until(`! ls -l /proc/${server.pid}/fd | grep -q huge`);
      return between(asked, cut);
    });
  });
});

verifies('AEM-HTTPD-025', 'who is slow harms nobody else', async (context) => {
  await onEach(context, {}, async (server) => {
    const held = await context.spawn(['http-load', 'hold', String(server.port), '100']);
    expect(await context.line(held)).toBe('{"held":100}');
    const talk = await talkTo(context, server);
    for (let i = 0; i < 5; i++) {
      await talk('open', '', i);
      await talk('send', 'GET / HTTP/1.1\r\nA: ', i);
    }

    expect(await load(context, server, { connections: 10, requests: 40 })).toMatchObject({ answers: 40, wrong: 0, lost: 0 });
  });
});

verifies('AEM-HTTPD-026', 'a time-out of another connection does not end this one', async (context) => {
  const path = await folder(context, hello);
  const server = await serve(context, 'aem', { folder: path, args: ['-t', 'head=300,request=60000'] });
  const talk = await talkTo(context, server);

  await talk('open');
  await talk('send', get('/hello'));
  expect(await talk('answer')).toMatchObject({ status: 200 });
  await talk('open', '', 1);
  expect(await talk('end', '', 1)).toMatchObject({ end: 'eof' });

  await talk('send', get('/hello'));
  expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello' });
});
