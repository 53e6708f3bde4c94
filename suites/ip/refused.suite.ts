// SPDX-License-Identifier: GPL-2.0-only
/** What is refused when an event of a socket is registered. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import { armFaults, eachRegistration, footprint, injecting, leaks } from '../harness/faults.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import { accepted, alice, connection, listen, make, operations, owner, received, register, send, started, text, udp } from './sockets.ts';

const maxEvents = '/sys/module/aem_ip/parameters/max_events';

verifies('AEM-IP-046', 'what is not a socket of such a kind', async ({ probe }) => {
  const p = await owner(probe);
  const file = await p.ok('file-open', { name: '/dev/null' });
  const [local, datagrams, raw] = [await make(p, { kind: 'unix' }), await udp(p), await make(p, { kind: 'raw' })];

  for (const op of operations) {
    const cases = [
      [-1, 'EBADF'],
      [9999, 'EBADF'],
      [file, 'ENOTSOCK'],
      [local.fd, 'EAFNOSUPPORT'],
      [raw.fd, 'EOPNOTSUPP'],
      ...(op === 'read' ? [] : ([[datagrams.fd, 'EOPNOTSUPP']] as const)),
    ] as const;
    for (const [fd, errno] of cases) {
      expect(await p.send('ip-register', { op, fd }), `${op} ${fd}`).toMatchObject({ ret: -1, errno });
    }
  }
});

verifies('AEM-IP-047', 'a socket that does not listen, or is not connected', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const [server, fresh, { fd: connected }] = [await listen(p), await make(p), await connection(p, by)];

  for (const fd of [fresh.fd, connected]) {
    expect(await p.send('ip-register', { op: 'accept', fd })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  for (const op of operations.slice(1)) {
    for (const fd of [fresh.fd, server.fd]) {
      expect(await p.send('ip-register', { op, fd }), op).toMatchObject({ ret: -1, errno: 'ENOTCONN' });
    }
    await register(p, op, connected);
  }
});

verifies('AEM-IP-048', 'data needs a zone, and nothing else does', async ({ probe }) => {
  const [p, by] = [await probe(), await probe()];
  const { fd } = await connection(p, by);
  const datagrams = await udp(p);

  for (const each of [fd, datagrams.fd]) {
    expect(await p.send('ip-register', { op: 'read', fd: each })).toMatchObject({ ret: -1, errno: 'ENXIO' });
  }
  await register(p, 'accept', (await listen(p)).fd);
  for (const op of ['close', 'connect', 'write'] as const) await register(p, op, fd);
  await p.ok('vmtable', { zone: 1 });
  await register(p, 'read', fd);
});

verifies('AEM-IP-049', 'bad arguments', async ({ probe }) => {
  const [p, by] = [await owner(probe), await probe()];
  const { fd: listening } = await listen(p);
  const { fd } = await connection(p, by);
  const library = [
    [{ op: 'accept', fd: listening, addrlen: 0 }, 'EINVAL'],
    [{ op: 'accept', fd: listening, addrlen: -1 }, 'EINVAL'],
    [{ op: 'accept', fd: listening, addrlen: 16, nolen: 1 }, 'EINVAL'],
    [{ op: 'accept', fd: listening, flags: evf.excl }, 'EINVAL'],
    [{ op: 'accept', fd: listening, flags: 4 }, 'EINVAL'],
    [{ op: 'accept', fd: listening, handler: 'data' }, 'EFAULT'],
    [{ op: 'read', fd, flags: accepted.cloexec }, 'EINVAL'],
    [{ op: 'write', fd, flags: accepted.nonblock }, 'EINVAL'],
    [{ op: 'close', fd, handler: 'null' }, 'EFAULT'],
  ] as const;
  const kernel = [
    [{ fd, op: 5 }, 'EINVAL'],
    [{ fd, op: 1, pad: 1 }, 'EINVAL'],
    [{ fd, op: 1, addr: 4096, addrlen: 16 }, 'EINVAL'],
    [{ fd: listening, op: 0, addr: 4096 }, 'EINVAL'],
    [{ fd: listening, op: 0, addrlen: 16 }, 'EINVAL'],
  ] as const;

  for (const [args, errno] of library) {
    expect(await p.send('ip-register', args), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
  for (const [args, errno] of kernel) {
    expect(await p.send('ip-entry', args), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
});

verifies('AEM-IP-050', 'an event counts as two in its user’s quota', async (context) => {
  const [p, by] = [await owner(context.probe, alice), await context.probe()];
  const { fd } = await connection(p, by);
  await set(context, maxUserEvents, 5);

  const first = await register(p, 'read', fd);
  await register(p, 'close', fd);
  expect(await p.send('ip-register', { op: 'write', fd })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await p.ok('shutdown', { eid: first });

  await register(p, 'write', fd);
});

verifies('AEM-IP-051', 'what is refused holds neither the socket nor the module', async (context) => {
  const [p, by] = [await owner(context.probe, alice), await context.probe()];
  const { fd, peer } = await connection(p, by);
  const uses = (): Promise<string> => context.sh('cat /sys/module/aem_ip/refcnt');
  const before = await uses();
  await set(context, maxUserEvents, 1);

  for (const op of operations) await p.send('ip-register', { op, fd });
  for (const op of operations) await p.send('ip-register', { op, fd, handler: 'null' });
  expect(await uses()).toBe(before);
  await p.ok('file-close', { fd });

  expect(await received(by, peer, { wait: 1 })).toBe('');
});

verifies('AEM-IP-051', 'what is refused at the socket’s limit holds neither the socket nor the module', async (context) => {
  const [p, by] = [await owner(context.probe), await context.probe()];
  const { fd, peer } = await connection(p, by);
  const uses = (): Promise<string> => context.sh('cat /sys/module/aem_ip/refcnt');
  const before = await uses();
  await set(context, maxEvents, 0);

  for (const op of operations.slice(1)) {
    expect(await p.send('ip-register', { op, fd }), op).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  }
  expect(await uses()).toBe(before);
  await p.ok('file-close', { fd });

  expect(await received(by, peer, { wait: 1 })).toBe('');
});

verifies('AEM-IP-051', 'an event of a socket, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  const [p, by] = [await owner(probe), await probe()];
  const { fd, peer } = await connection(p, by);
  const server = await listen(p);
  await register(p, 'write', fd);
  const before = await footprint(sh);

  for (const [op, each] of [['read', fd], ['close', fd], ['accept', server.fd]] as const) {
    const failed = await eachRegistration(p, sh, { verb: 'ip-register', args: { op, fd: each }, before });
    expect(failed, op).toBeGreaterThan(2);
  }

  const eid = await started(p, 'read', fd);
  await send(by, peer, 'all');
  const call = await p.nextCall();
  expect(call).toMatchObject({ eid, len: 3 });
  expect(text(call)).toBe('all');
  expect(await leaks(sh)).toBe('');
}, injecting);

verifies('AEM-IP-054', 'one event too many on a socket', async (context) => {
  const [p, other, by] = [await owner(context.probe), await owner(context.probe), await context.probe()];
  const { fd } = await connection(p, by);
  const theirs = await other.ok('sock-take', { pid: p.pid, fd });
  await set(context, maxEvents, 3);

  const first = await register(p, 'read', fd);
  for (const op of ['close', 'write'] as const) await register(p, op, fd);
  for (const [owned, each] of [[p, fd], [other, theirs]] as const) {
    expect(await owned.send('ip-register', { op: 'read', fd: each })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  }
  await p.ok('shutdown', { eid: first });

  await register(other, 'read', theirs);
});

verifies('AEM-IP-060', 'what another user has on the socket takes nothing away', async (context) => {
  const [p, other, by] = [await owner(context.probe, alice), await owner(context.probe), await context.probe()];
  const { fd } = await connection(p, by);
  const theirs = await other.ok('sock-take', { pid: p.pid, fd });
  await set(context, maxEvents, 2);

  for (const op of ['read', 'close'] as const) await register(p, op, fd);
  for (const op of ['read', 'close'] as const) await register(other, op, theirs);

  for (const [owned, each] of [[p, fd], [other, theirs]] as const) {
    expect(await owned.send('ip-register', { op: 'read', fd: each })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  }
});
