// SPDX-License-Identifier: GPL-2.0-only
/** What happens faster than handlers run: what is merged, what is kept, and what is said of the rest. */
import { expect } from 'vitest';
import { startedEvent } from '../harness/handler-process.ts';
import type { Probe } from '../harness/probe.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import { interest, makeFolder, news, open, register, told, watch, watcher } from './watch.ts';

const maxRecords = '/sys/module/aem_fd/parameters/max_records';

/** An event's books, as numbers. */
async function books(p: Probe, eid: number): Promise<Record<'raised' | 'delivered' | 'coalesced' | 'pending', number>> {
  const { raised, delivered, coalesced, pending } = await p.send('books', { eid });
  return { raised: Number(raised), delivered: Number(delivered), coalesced: Number(coalesced), pending: Number(pending) };
}

verifies('AEM-FD-041', 'what one process does again and again is one call, and the books say how often', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const fd = await open(by, file);
  const [eid = 0] = await register(p, file, ['out']);

  await by.ok('file-write', { fd, count: 50 });
  expect(await books(p, eid)).toEqual({ raised: 50, delivered: 0, coalesced: 49, pending: 1 });
  await p.ok('start', { eid });

  expect(await told(p)).toEqual([{ band: 'out', name: file, pid: by.pid }]);
  expect(await books(p, eid)).toEqual({ raised: 50, delivered: 1, coalesced: 49, pending: 0 });
});

verifies('AEM-FD-041', 'what happens while its handler runs is one call more', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const fd = await open(by, file);
  const [eid = 0] = await watch(p, file, ['out']);
  await p.ok('on', { eid, do: 'hold' });

  await by.ok('file-write', { fd });
  await p.notice('holding');
  await p.on('io', 'on', { eid });
  await by.ok('file-write', { fd, count: 5 });
  await p.on('io', 'release', { eid });

  expect((await p.settle()).map(news)).toEqual([
    { band: 'out', name: file, pid: by.pid },
    { band: 'out', name: file, pid: by.pid },
  ]);
  expect(await books(p, eid)).toEqual({ raised: 6, delivered: 2, coalesced: 4, pending: 0 });
});

verifies('AEM-FD-042', 'each process that did something is told, in the order in which they began', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const several = [await context.probe(), await context.probe(), await context.probe()];
  await several[0]?.ok('file-make', { name: file });
  const [writes] = await register(p, file, ['out']);
  const fds: number[] = [];
  for (const by of several) fds.push(await open(by, file));

  for (const turn of [0, 1, 2, 1, 0]) await several[turn]?.ok('file-write', { fd: fds[turn] ?? -1 });
  await p.ok('start', { eid: writes });

  expect((await told(p)).map(({ pid }) => pid)).toEqual(several.map(({ pid }) => pid));
});

verifies('AEM-FD-043', 'each entry of a directory is told, in order', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const [eid] = await register(p, folder, ['create']);

  await by.ok('file-make-many', { name: `${folder}/f`, count: 50 });
  await p.ok('start', { eid });

  const expected = Array.from({ length: 50 }, (_, i) => `${folder}/f${String(i).padStart(3, '0')}`);
  expect((await told(p)).map(({ name }) => name)).toEqual(expected);
});

verifies('AEM-FD-044', 'what there is no room for is told by one call with the name that was registered and no pid', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await set(context, maxRecords, 4);
  const [eid = 0] = await register(p, folder, ['create']);

  await by.ok('file-make-many', { name: `${folder}/f`, count: 10 });
  expect(await books(p, eid)).toEqual({ raised: 10, delivered: 0, coalesced: 5, pending: 5 });
  await p.ok('start', { eid });

  expect(await told(p)).toEqual([
    ...['f000', 'f001', 'f002', 'f003'].map((name) => ({ band: 'create', name: `${folder}/${name}`, pid: by.pid })),
    { band: 'create', name: folder, pid: 0 },
  ]);
  // There is room again.
  await by.ok('file-make', { name: `${folder}/more` });
  expect(await told(p)).toEqual([{ band: 'create', name: `${folder}/more`, pid: by.pid }]);
});

verifies('AEM-FD-049', 'what is kept for an event counts in its user’s quota until it is told', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe, { uid: 1001 });
  const by = await context.probe();
  await set(context, maxUserEvents, 4);
  const [eid = 0] = await register(p, folder, ['create']);

  await by.ok('file-make-many', { name: `${folder}/f`, count: 6 });
  expect(await books(p, eid)).toEqual({ raised: 6, delivered: 0, coalesced: 2, pending: 4 });
  expect(await p.send('fd-register', { name: folder, flags: interest('in') })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  await p.ok('start', { eid });

  expect((await told(p)).map(({ name, pid }) => [name, pid])).toEqual([
    ...['f000', 'f001', 'f002'].map((name) => [`${folder}/${name}`, by.pid]),
    [folder, 0],
  ]);
  expect(await register(p, folder, ['in', 'out'])).toHaveLength(2);
});

verifies('AEM-FD-045', 'the last call comes behind all that was kept', async (context) => {
  await set(context, maxRecords, 2);
  const mount = `${await makeFolder(context)}/mount`;
  await context.sh(`mkdir ${mount}; mount -t tmpfs tmpfs ${mount}`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const [eid] = await register(p, mount, ['create']);

  await by.ok('file-make-many', { name: `${mount}/f`, count: 5 });
  await by.ok('file-umount', { name: mount });
  await p.ok('start', { eid });

  const calls = [await p.nextCall(), await p.nextCall(), await p.nextCall(), await p.nextCall()];
  expect(calls.map(({ name }) => name)).toEqual([`${mount}/f000`, `${mount}/f001`, mount, '']);
  expect(await p.send('stop', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-FD-046', 'a name that is longer than the zone is cut, and its length told', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe, {}, 4096);
  const by = await context.probe();
  const [eid] = await watch(p, `${folder}/`, ['create'], { length: 4090 });

  await by.ok('file-make', { name: `${folder}/abcdefghijklmnop` });

  const [call, ...more] = await p.settle();
  expect(more).toEqual([]);
  // The name that was registered ends in "/", so that none is added.
  const registered = `${folder}/`.length + 2 * Math.floor((4090 - `${folder}/`.length) / 2);
  expect(call).toMatchObject({ eid, len: registered + 16, got: 4095 });
});

verifies('AEM-FD-047', 'what an event that is stopped before its handler was called would have told is told first later', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const [mode] = await watch(p, folder, ['mode']);
  const [create] = await watch(p, folder, ['create']);
  const gate = await startedEvent(p, 0, 'hold,quiet');
  await p.on('io', 'fire', { eid: gate });
  await p.notice('holding');

  // One batch: the second call is prepared while the first one's handler is held.
  await p.on('io', 'on', { eid: mode, do: 'hold' });
  await by.ok('file-chmod', { name: folder, mode: 0o700 });
  await by.ok('file-make-many', { name: `${folder}/f`, count: 2 });
  await p.on('io', 'release', { eid: gate });
  expect(await p.notice('holding')).toMatchObject({ holding: mode });
  await p.on('io', 'stop', { eid: create });
  await by.ok('file-make', { name: `${folder}/later` });
  await p.on('io', 'release', { eid: mode });
  expect((await told(p)).map(({ band }) => band)).toEqual(['mode']);
  await p.ok('start', { eid: create });

  expect((await told(p)).map(({ name }) => name)).toEqual(['f000', 'f001', 'later'].map((name) => `${folder}/${name}`));
});

verifies('AEM-FD-048', 'of a process that the watcher’s pid namespace does not have the pid is 0', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  await context.sh(`echo > ${file}; chmod 666 ${file}`);
  const p = await watcher(context.probe, { argv: ['probe', 'inside', '1001', '0:1001:1,1:1002:1', '0', 'pid'] });
  const outside = await context.probe();
  await watch(p, file, ['open']);

  await open(outside, file);
  expect(await told(p)).toEqual([{ band: 'open', name: file, pid: 0 }]);
  await open(p, file);
  expect(await told(p)).toEqual([{ band: 'open', name: file, pid: 1 }]);
});
