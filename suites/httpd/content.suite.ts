// SPDX-License-Identifier: GPL-2.0-only
/** What is answered to a request. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { askOnce, folder, get, load, onEach, talkTo } from './server.ts';

const hello = 'printf hello > hello';

verifies('AEM-HTTPD-001', 'curl gets the bytes of each file', async (context) => {
  const large = '/tmp/large-file';
  context.after(() => context.sh(`rm -f ${large}`));
  await context.sh(`head -c 700000 /usr/aem/bin/probe > ${large}`);
  const path = await folder(context, `mkdir sub; : > empty; printf hello > 'with blank'; cp ${large} large; echo index > sub/index.html`);
  const got = await folder(context, ':');

  await onEach(context, { folder: path }, async ({ url }) => {
    await context.sh(`cd ${got} && rm -f * && curl -sSf -o empty ${url}/empty -o blank '${url}/with%20blank?query' -o large ${url}/large -o index ${url}/sub/`);
    const sums = await context.sh(`cd ${got} && md5sum < empty; cd ${got} && md5sum < blank; md5sum < ${got}/large; cat ${got}/index`);

    expect(sums.split('\n').slice(0, 2)).toEqual(['d41d8cd98f00b204e9800998ecf8427e  -', '5d41402abc4b2a76b9719d911017c592  -']);
    expect(sums.split('\n').slice(2)).toEqual([await context.sh(`md5sum < ${large}`), 'index']);
  });
});

verifies('AEM-HTTPD-002', 'answers come in the order of requests that were sent ahead', async (context) => {
  await onEach(context, {}, async (server) => {
    expect(await load(context, server, { connections: 2, requests: 60, depth: 8 })).toMatchObject({ answers: 60, wrong: 0, lost: 0 });
  });
});

verifies('AEM-HTTPD-003', 'a connection is kept, or closed where one of both wants it', async (context) => {
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);

    await talk('open');
    for (const fields of ['', 'Connection: close\r\n']) {
      await talk('send', get('/hello', fields));
      const answer = await talk('answer');
      expect(answer).toMatchObject({ status: 200, body: 'hello' });
      expect(answer.fields?.['connection']).toBe(fields === '' ? undefined : 'close');
    }
    expect(await talk('end')).toMatchObject({ end: 'eof', rest: 0 });

    await talk('drop');
    await talk('open');
    await talk('send', 'GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect((await talk('answer')).fields).toMatchObject({ connection: 'keep-alive' });
    await talk('send', 'GET /hello HTTP/1.0\r\n\r\n');
    expect((await talk('answer')).fields).toMatchObject({ connection: 'close' });
    expect(await talk('end')).toMatchObject({ end: 'eof', rest: 0 });
  });
});

verifies('AEM-HTTPD-004', 'HEAD has the fields of GET, and no body', async (context) => {
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);

    await talk('open');
    await talk('send', get('/hello').replace('GET', 'HEAD') + get('/none').replace('GET', 'HEAD') + get('/hello'));
    const head = await talk('head');
    expect(head).toMatchObject({ status: 200, fields: { 'content-length': '5', 'accept-ranges': 'bytes' } });
    expect(await talk('head')).toMatchObject({ status: 404 });

    expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello', fields: { ...head.fields, date: expect.any(String) as string } });
  });
});

verifies('AEM-HTTPD-005', 'a range is answered, one that lies behind the end is refused, another is passed by', async (context) => {
  await onEach(context, { folder: await folder(context, 'printf 0123456789 > digits') }, async (server) => {
    const talk = await talkTo(context, server);
    await talk('open');

    for (const [range, status, body, told] of [
      ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
      ['bytes=7-', 206, '789', 'bytes 7-9/10'],
      ['bytes=-2', 206, '89', 'bytes 8-9/10'],
      ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
      ['bytes=10-', 416, '416 Range Not Satisfiable\n', 'bytes */10'],
      ['bytes=0-1,3-4', 200, '0123456789', undefined],
      ['bytes=5-2', 200, '0123456789', undefined],
    ] as const) {
      await talk('send', get('/digits', `Range: ${range}\r\n`));
      const answer = await talk('answer');
      expect(answer, range).toMatchObject({ status, body });
      expect(answer.fields?.['content-range'], range).toBe(told);
    }
  });
});

verifies('AEM-HTTPD-006', 'what is unchanged since a time is not sent again', async (context) => {
  const path = await folder(context, `${hello}; touch -d '2026-01-01 00:00:00' hello`);
  await onEach(context, { folder: path }, async (server) => {
    const talk = await talkTo(context, server);
    await talk('open');

    for (const [time, status] of [['Wed, 31 Dec 2025 23:59:59', 200], ['Thu, 01 Jan 2026 00:00:00', 304], ['Thu, 01 Jan 2026 00:00:01', 304]] as const) {
      await talk('send', get('/hello', `If-Modified-Since: ${time} GMT\r\n`));
      const answer = await talk(status === 200 ? 'answer' : 'head');
      expect(answer).toMatchObject({ status, fields: { 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' } });
    }
    await talk('send', get('/hello'));
    expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello' });
  });
});

verifies('AEM-HTTPD-007', 'no path leads out of the folder', async (context) => {
  const path = await folder(context, `${hello}; mkdir sub; ln -s /etc/passwd link; ln -s ../../etc sub/etc; ln -s hello inside; mkfifo fifo`);
  await onEach(context, { folder: path }, async (server) => {
    const talk = await talkTo(context, server);
    await talk('open');

    for (const [name, status] of [['/../etc/passwd', 404], ['/sub/%2e%2e/../../etc/passwd', 404], ['/link', 404], ['/sub/etc/passwd', 404], ['//etc/passwd', 404], ['/fifo', 404], ['/sub', 404], ['/sub/../hello', 200], ['/inside', 200]] as const) {
      await talk('send', get(name));
      expect(await talk('answer'), name).toMatchObject({ status });
    }
  });
});

verifies('AEM-HTTPD-008', 'the body of a request is passed over, and the next one is found behind it', async (context) => {
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);
    await talk('open');

    for (const [fields, body] of [['Content-Length: 9\r\n', 'GET / HTT'], ['Transfer-Encoding: chunked\r\n', '4\r\nGET \r\n0\r\nA: b\r\n\r\n']] as const) {
      await talk('send', get('/hello', fields) + body + get('/none'));
      expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello' });
      expect(await talk('answer')).toMatchObject({ status: 404 });
    }
    await talk('send', get('/hello', 'Content-Length: 2\r\nExpect: 100-continue\r\n'));
    expect(await talk('head')).toMatchObject({ status: 100 });
    await talk('each', `ab${get('/none')}`);
    expect(await talk('answer')).toMatchObject({ status: 200, body: 'hello' });
    expect(await talk('answer')).toMatchObject({ status: 404 });
  });
});

verifies('AEM-HTTPD-009', 'who sends no more is still answered', async (context) => {
  await onEach(context, { folder: await folder(context, `truncate -s 2M large; ${hello}`) }, async (server) => {
    const talk = await talkTo(context, server);

    // There is no room for the whole answer before some of it is taken.
    await talk('open');
    await talk('send', get('/large'));
    await talk('shut');
    expect(await talk('answer')).toMatchObject({ status: 200, size: 2 * 1024 * 1024 });
    expect(await talk('end')).toMatchObject({ end: 'eof', rest: 0 });

    await talk('open', '', 1);
    await talk('send', get('/hello') + get('/none'), 1);
    await talk('shut', '', 1);
    expect(await talk('answer', '', 1)).toMatchObject({ status: 200, body: 'hello' });
    expect(await talk('answer', '', 1)).toMatchObject({ status: 404 });
    expect(await talk('end', '', 1)).toMatchObject({ end: 'eof', rest: 0 });
  });
});

verifies('AEM-HTTPD-010', 'what is not HTTP is refused, and the connection ends', async (context) => {
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);

    for (const text of [
      'GET /hello\r\n\r\n',
      'GET /hello HTTP/1.1\r\n\r\n',
      get('/hello', 'Host: other\r\n'),
      get('/hello', ' folded\r\n'),
      get('/hello', 'A : b\r\n'),
      get('/hello', 'A: \0\r\n'),
      get('/hello%00'),
      'GET /hello HTTP/1.1\nHost: h\n\n',
      get('/hello', 'Content-Length: 0\r\nContent-Length: 0\r\n'),
      get('/hello', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'),
    ]) {
      // What stands behind it is no request any more.
      expect(await askOnce(talk, text + get('/hello')), text).toMatchObject({ status: 400, fields: { connection: 'close' }, ending: 'eof', behind: 0 });
    }
  });
});

verifies('AEM-HTTPD-011', 'what is longer than its limit is refused', async (context) => {
  const [line, head, fields, body] = ['line', 'head', 'fields', 'body'].map(context.limit) as [number, number, number, number];
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);

    for (const [text, status] of [
      [get(`/${'a'.repeat(line)}`), 414],
      [get('/hello', `A: ${'a'.repeat(head)}\r\n`), 431],
      [get('/hello', 'A: b\r\n'.repeat(fields)), 431],
      [get('/hello', `Content-Length: ${body + 1}\r\n`), 413],
    ] as const) {
      expect(await askOnce(talk, text)).toMatchObject({ status, ending: 'eof' });
    }
    await talk('open');
    await talk('send', get('/hello', 'A: b\r\n'.repeat(fields - 1)));
    expect(await talk('answer')).toMatchObject({ status: 200 });
  });
});

verifies('AEM-HTTPD-012', 'what it does not do it says', async (context) => {
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);

    for (const [text, status] of [
      [get('/hello').replace('GET', 'BREW'), 501],
      [get('/hello', 'Transfer-Encoding: gzip, chunked\r\n'), 501],
      [get('/hello').replace('1.1', '2.0'), 505],
      [get('/hello', 'Expect: more\r\n'), 417],
    ] as const) {
      expect(await askOnce(talk, text)).toMatchObject({ status, ending: 'eof' });
    }
    await talk('open');
    await talk('send', get('/hello', 'Content-Length: 2\r\n').replace('GET', 'POST') + 'ab' + get('/hello'));
    expect(await talk('answer')).toMatchObject({ status: 405, fields: { allow: 'GET, HEAD' } });
    expect(await talk('answer')).toMatchObject({ status: 200 });
  });
});

verifies('AEM-HTTPD-013', 'who is refused while still sending gets the answer, and a clean end', async (context) => {
  await onEach(context, { folder: await folder(context, hello) }, async (server) => {
    const talk = await talkTo(context, server);

    expect(await askOnce(talk, `GET /${'a'.repeat(60_000)}`)).toMatchObject({ status: 414, ending: 'eof' });
  });
});
