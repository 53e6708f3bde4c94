// SPDX-License-Identifier: GPL-2.0-only
/** What is refused when an event of TIPC is registered. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import { armFaults, eachRegistration, footprint, injecting, leaks, refusals } from '../harness/faults.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import { accepted, alice, bind, connect, connection, listen, make, operations, owner, peer, register, send, service, started, subscribed, text } from './sockets.ts';

const maxEvents = '/sys/module/aem_tipc/parameters/max_events';

verifies('AEM-TIPC-046', 'what is not a socket of such a kind', async (context) => {
  const p = await owner(context);
  const file = await p.ok('file-open', { name: '/dev/null' });
  const udp = await p.ok('sock-make', { kind: 'udp' });
  const { fd: messages } = await make(p);

  for (const op of operations) {
    const cases = [
      [-1, 'EBADF'],
      [9999, 'EBADF'],
      [file, 'ENOTSOCK'],
      [udp, 'EAFNOSUPPORT'],
      ...(op === 'accept' || op === 'error' ? ([[messages, 'EOPNOTSUPP']] as const) : []),
    ] as const;
    for (const [fd, errno] of cases) {
      expect(await p.send('tipc-register', { op, fd }), `${op} ${fd}`).toMatchObject({ ret: -1, errno });
    }
  }
});

verifies('AEM-TIPC-047', 'a socket that does not listen, or is not connected', async (context) => {
  const [p, by] = [await owner(context), await peer(context)];
  const { fd: connected } = await connection(p, by);
  const [server, fresh] = [await listen(p, 2), await make(p, { kind: 'seqpacket' })];

  for (const fd of [fresh.fd, connected]) {
    expect(await p.send('tipc-register', { op: 'accept', fd })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  for (const op of operations.slice(1)) {
    for (const fd of [fresh.fd, server.fd]) {
      expect(await p.send('tipc-register', { op, fd }), op).toMatchObject({ ret: -1, errno: 'ENOTCONN' });
    }
    await register(p, op, connected);
  }
});

verifies('AEM-TIPC-048', 'data needs a zone, and nothing else does', async (context) => {
  const [p, by] = [await peer(context), await peer(context)];
  const { fd } = await connection(p, by);
  const messages = await make(p);

  for (const each of [fd, messages.fd]) {
    expect(await p.send('tipc-register', { op: 'receive', fd: each })).toMatchObject({ ret: -1, errno: 'ENXIO' });
  }
  await register(p, 'accept', (await listen(p, 2)).fd);
  for (const op of ['error', 'continue'] as const) await register(p, op, fd);
  await subscribed(p);
  await p.ok('vmtable', { zone: 1 });
  await register(p, 'receive', fd);
});

verifies('AEM-TIPC-049', 'bad arguments', async (context) => {
  const p = await owner(context);
  const { fd: listening } = await listen(p, 1);
  const { fd } = await bind(p, 2);
  const sockets = [
    [{ op: 'accept', fd: listening, flags: evf.excl }, 'EINVAL'],
    [{ op: 'accept', fd: listening, flags: 4 }, 'EINVAL'],
    [{ op: 'accept', fd: listening, handler: 'data' }, 'EFAULT'],
    [{ op: 'receive', fd, flags: accepted.cloexec }, 'EINVAL'],
    [{ op: 'continue', fd, flags: accepted.nonblock }, 'EINVAL'],
    [{ op: 'receive', fd, handler: 'null' }, 'EFAULT'],
  ] as const;
  const subscriptions = [
    [{ nothing: 1 }, 'EINVAL'],
    [{ lower: 2, upper: 1 }, 'EINVAL'],
    [{ filter: 0 }, 'EINVAL'],
    [{ filter: 3 }, 'EINVAL'],
    [{ filter: 5 }, 'EINVAL'],
    [{ flags: accepted.cloexec }, 'EINVAL'],
    [{ handler: 'null' }, 'EFAULT'],
  ] as const;
  const kernel = [
    [{ fd, op: 5 }, 'EINVAL'],
    [{ fd, op: 3, pad: 1 }, 'EINVAL'],
    [{ fd, op: 3, type: 1 }, 'EINVAL'],
    [{ fd, op: 3, filter: 1 }, 'EINVAL'],
    [{ fd, op: 4, type: service, filter: 1 }, 'EINVAL'],
  ] as const;

  for (const [args, errno] of sockets) {
    expect(await p.send('tipc-register', args), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
  for (const [args, errno] of subscriptions) {
    expect(await p.send('tipc-subscribe', { type: service, ...args }), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
  for (const [args, errno] of kernel) {
    expect(await p.send('tipc-entry', args), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
});

verifies('AEM-TIPC-050', 'an event counts as two in its user’s quota, a subscription as eighteen', async (context) => {
  const p = await owner(context, alice);
  const { fd } = await make(p);
  await set(context, maxUserEvents, 21);

  const subscription = await subscribed(p);
  const first = await register(p, 'receive', fd);
  expect(await p.send('tipc-register', { op: 'continue', fd })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await p.ok('shutdown', { eid: first });
  await register(p, 'continue', fd);
  expect(await p.send('tipc-subscribe', { type: service })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await p.ok('shutdown', { eid: subscription });

  await subscribed(p);
});

verifies('AEM-TIPC-051', 'what is refused holds neither the socket nor the module', async (context) => {
  const [p, by] = [await owner(context, alice), await peer(context)];
  const server = await listen(p, 1);
  await connect(by, 1);
  const fd = await p.ok('sock-accept', { fd: server.fd });
  const uses = (): Promise<string> => context.sh('cat /sys/module/aem_tipc/refcnt');
  await subscribed(by);
  const before = await uses();
  await set(context, maxUserEvents, 1);
  expect(await by.nextCall()).toMatchObject({ what: 'published', lower: 1 });

  for (const op of operations) {
    for (const each of [fd, server.fd]) {
      await p.send('tipc-register', { op, fd: each });
      await p.send('tipc-register', { op, fd: each, handler: 'null' });
    }
  }
  await p.send('tipc-subscribe', { type: service });
  expect(await uses()).toBe(before);
  await p.ok('file-close', { fd: server.fd });

  expect(await by.nextCall()).toMatchObject({ what: 'withdrawn', lower: 1 });
});

verifies('AEM-TIPC-051', 'an event of a socket, and a subscription, whatever is refused', async (context) => {
  const { sh } = context;
  await armFaults(context);
  const [p, by] = [await owner(context), await peer(context)];
  const { fd, other } = await connection(p, by);
  await register(p, 'continue', fd);
  const before = await footprint(sh);

  for (const [verb, args] of [
    ['tipc-register', { op: 'receive', fd }],
    ['tipc-register', { op: 'error', fd }],
    ['tipc-subscribe', { type: service }],
  ] as const) {
    // A socket for which there is no inode is one too many.
    const failed = await eachRegistration(p, sh, { verb, args, before, errors: [...refusals, 'ENFILE'] });
    expect(failed, verb).toBeGreaterThan(2);
  }

  const eid = await started(p, 'receive', fd);
  await send(by, other.fd, 'all');
  const call = await p.nextCall();
  expect(call).toMatchObject({ eid, len: 3 });
  expect(text(call)).toBe('all');
  await subscribed(p);
  await bind(by, 7);
  expect(await p.nextCall()).toMatchObject({ what: 'published', lower: 7 });
  expect(await leaks(sh)).toBe('');
}, injecting);

verifies('AEM-TIPC-052', 'one event too many on a socket', async (context) => {
  const [p, other] = [await owner(context), await owner(context, alice)];
  const { fd } = await make(p);
  const mine = await make(other);
  await set(context, maxEvents, 2);

  const first = await register(p, 'receive', fd);
  await register(p, 'continue', fd);
  expect(await p.send('tipc-register', { op: 'receive', fd })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await register(other, 'receive', mine.fd);
  await p.ok('shutdown', { eid: first });

  await register(p, 'receive', fd);
});
