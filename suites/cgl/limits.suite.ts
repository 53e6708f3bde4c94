// SPDX-License-Identifier: GPL-2.0-only
/** R1-2.4-a and the quotas of SEC.7: at a limit comes an error, and what was there before goes on. */
import { expect } from 'vitest';
import { set } from '../harness/setting.ts';
import type { Context } from '../harness/verifies.ts';
import { available } from './available.ts';
import { native, neutral } from './neutral.ts';

const alice = { uid: 1001, gid: 1001 } as const;
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

neutral('R1-2.4-a', 'a full queue says so, and keeps what it has in order', [native('sigqueue')], async (context) => {
  const { send, ok } = await context.probe(alice);
  const room = context.limit('room');
  await ok('native-limit', { resource: 'signals', max: room });

  expect(await send('native-queue', { count: room + 8 })).toMatchObject({ ret: room, stopped: 'EAGAIN' });

  expect(await send('native-queued')).toMatchObject({ told: numbers(room).join(';') });
}, 'users');

neutral('R1-2.4-a', 'without room for completions none is lost', [native('io_uring')], async (context) => {
  const { send, ok } = await context.probe();
  const [count, room] = [32, 4];
  available(context, await send('uring-reads', { count, room }), 'io_uring (CONFIG_IO_URING)');
  for (const number of numbers(count)) await ok('uring-give', { number, text: `of${number}` });

  // All of them are over, and there is room for four.
  const { told } = await send('uring-done', { least: count });

  const completions = numbers(count).map((number) => `${number}:${`of${number}`.length}:of${number}`);
  expect(String(told).split(';').sort()).toEqual([...completions].sort());
});

for (const [via, limit] of [['inotify', 'inotify/max_queued_events'], ['fanotify', 'fanotify/max_queued_events']] as const) {
  neutral('R1-2.4-a', 'a queue that overflows says so', [native(via, ...(via === 'fanotify' ? ['fanotify' as const] : []))], async (context) => {
    const { sh, after, target } = context;
    const folder = `${target.scratch}/cgl`;
    const room = context.limit('room');
    await sh(`rm -rf ${folder}; mkdir -p ${folder}`);
    after(() => sh(`rm -rf ${folder}`));
    // Before anything is set that is there with the facility alone.
    available(context, await (await context.probe()).send('native-files', { via }), via);
    await set(context, `/proc/sys/fs/${limit}`, room);
    const { send, ok } = await context.probe();
    await ok('native-files', { via });
    await ok('native-mark', { via, name: folder, what: 'create' });

    await ok('file-make-many', { name: `${folder}/f`, count: room + 8 });

    const told = String((await send('native-files-take', { via }))['told']).split(';');
    expect(told).toHaveLength(room + 1);
    expect(told.map((one) => one.split(':')[0])).toEqual([...numbers(room).map(() => 'create'), 'overflow']);
    expect(told.slice(0, room).map((one) => one.split(':')[2])).toEqual(
      numbers(room).map((number) => `f${String(number).padStart(3, '0')}`),
    );
  }, 'settings');
}

/** As many channels as the user may have; and what is asked for beyond them. */
neutral('SEC.7.3-a', 'a user’s watches have a quota', [native('epoll')], async (context) => {
  const room = context.limit('room');
  const [one, other] = [await context.probe(alice), await context.probe(alice)];
  const open = { facility: 'epoll', edge: true, channels: room };
  available(context, await one.send('native-open', open), 'epoll (CONFIG_EPOLL)');
  await set(context, '/proc/sys/fs/epoll/max_user_watches', room);
  // Opened anew, under the quota.
  await one.ok('native-open', open);

  expect(await other.send('native-open', { ...open, channels: 1 })).toMatchObject({ ret: -1, errno: 'ENOSPC' });

  // Those that are there go on.
  await one.ok('native-fire-all');
  expect(await one.send('native-take')).toMatchObject({ ret: room, distinct: room });
}, 'settings', 'users', 'destructive');

neutral('SEC.7.3-a', 'a user’s watches have a quota', [native('inotify')], async (context) => {
  const { sh, after, target } = context;
  const folder = `${target.scratch}/cgl`;
  const room = context.limit('room');
  available(context, await (await context.probe()).send('native-files', { via: 'inotify' }), 'inotify (CONFIG_INOTIFY_USER)');
  await set(context, '/proc/sys/fs/inotify/max_user_watches', room);
  await sh(`rm -rf ${folder}; mkdir -p ${folder}`);
  after(() => sh(`rm -rf ${folder}`));
  const [maker, one, other] = [await context.probe(), await context.probe(alice), await context.probe(alice)];
  const name = `${folder}/f`;
  await maker.ok('file-make-many', { name, count: room + 8 });

  expect(await one.send('native-inotify', { name, count: room })).toMatchObject({ ret: room, stopped: '' });

  expect(await other.send('native-inotify', { name, count: 1 })).toMatchObject({ ret: 0, stopped: 'ENOSPC' });
}, 'settings', 'users', 'destructive');

neutral('SEC.7.3-a', 'a user’s timers have a quota', [native('timer_create')], async (context) => {
  const [one, other] = [await context.probe(alice), await context.probe(alice)];
  const room = context.limit('room');
  for (const p of [one, other]) await p.ok('native-limit', { resource: 'signals', max: room });

  const made = available(context, await one.send('native-timers', { count: room }), 'POSIX timers (CONFIG_POSIX_TIMERS)');
  expect(made).toMatchObject({ ret: room, stopped: '' });

  expect(await other.send('native-timers', { count: 1 })).toMatchObject({ ret: 0, stopped: 'EAGAIN' });
}, 'users');

neutral('SEC.7.3-b', 'a user’s processes have a quota', [native('RLIMIT_NPROC')], async (context) => {
  const [one, other] = [await context.probe(alice), await context.probe(alice)];
  // Each probe is a process of two threads, and each counts.
  await one.ok('native-limit', { resource: 'processes', max: context.limit('room') });

  const { ret, stopped } = await one.send('native-forks', { count: 32 });

  expect({ ret, stopped }).toEqual({ ret: context.limit('room') - 4, stopped: 'EAGAIN' });
  // Who has no such limit is not held to it.
  expect(await other.send('native-forks', { count: 32 })).toMatchObject({ ret: 32, stopped: '' });
}, 'users');

neutral('SEC.7.1-b', 'a process that is at its limit gets no more memory', [native('RLIMIT_AS')], async (context) => {
  const { send, ok } = await context.probe(context.ordinary);
  await ok('native-map', { mib: 64, touch: true });
  await ok('native-limit', { resource: 'address-space', max: 32 << 20 });

  expect(await send('native-map', { mib: 64, touch: true })).toMatchObject({ ret: -1, errno: 'ENOMEM' });
  await ok('native-map', { mib: 4, touch: true });
});

async function overcommit(context: Context, mode: number, mib: number): Promise<string> {
  await set(context, '/proc/sys/vm/overcommit_memory', mode);
  const p = await context.probe(alice);
  const { ret, errno } = await p.send('native-map', { mib });
  return ret === 0 ? 'given' : (errno ?? '?');
}

neutral('AVL.4.1', 'memory is committed as the mode has it', [native('vm.overcommit_memory')], async (context) => {
  const total = Number(await context.sh("awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo"));
  const commit = Number(await context.sh("awk '/^CommitLimit/ {print int($2 / 1024)}' /proc/meminfo"));
  expect(commit).toBeLessThan(total);
  const [modest, over, absurd] = [Math.floor(commit / 4), Math.floor((commit + total) / 2), 64 * total];

  // By a rule of thumb: what could be is given, what is out of all proportion is not.
  expect([await overcommit(context, 0, modest), await overcommit(context, 0, absurd)]).toEqual(['given', 'ENOMEM']);
  expect(await overcommit(context, 0, over)).toBe('given');
  // Always.
  expect(await overcommit(context, 1, absurd)).toBe('given');
  // Never more than there is.
  expect([await overcommit(context, 2, modest), await overcommit(context, 2, over)]).toEqual(['given', 'ENOMEM']);
}, 'settings', 'users', 'destructive');
