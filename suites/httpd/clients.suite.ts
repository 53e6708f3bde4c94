// SPDX-License-Identifier: GPL-2.0-only
/** Load by clients that others have made. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { onEach } from './server.ts';

verifies('AEM-HTTPD-050', 'ab: every request is answered, and well', async (context) => {
  await onEach(context, {}, async ({ url }) => {
    const said = await context.sh(`ab -q -k -c 20 -n 100 ${url}/7 2>&1; ab -q -c 20 -n 100 ${url}/7 2>&1`);
    expect(said.match(/Complete requests: +100\n/g)).toHaveLength(2);
    expect(said.match(/Failed requests: +0\n/g)).toHaveLength(2);
    expect(said).not.toContain('Non-2xx');
  });
});

verifies('AEM-HTTPD-050', 'httperf: every call is answered, and well', async (context) => {
  await onEach(context, {}, async ({ port }) => {
    const said = await context.sh(`httperf --server 127.0.0.1 --port ${port} --uri /7 --num-conns 10 --num-calls 10 --rate 1000 --timeout 60 2>&1`);
    expect(said).toContain('replies 100 ');
    expect(said).toMatch(/Reply status: 1xx=0 2xx=100 3xx=0 4xx=0 5xx=0/);
    expect(said).toContain('Errors: total 0 ');
  });
});

verifies('AEM-HTTPD-050', 'wrk: no error on any connection', async (context) => {
  // Of each microsecond of its time-out it has a counter: of a longer one it would need more memory than there is.
  await onEach(context, {}, async ({ url }) => {
    const said = await context.sh(`wrk -t 1 -c 10 -d 1s --timeout 20s ${url}/7 2>&1`);
    expect(Number(/(\d+) requests in/.exec(said)?.[1])).toBeGreaterThan(0);
    expect(said).not.toMatch(/Non-2xx|Socket errors/);
  });
});
