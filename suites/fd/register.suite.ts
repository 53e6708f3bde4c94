// SPDX-License-Identifier: GPL-2.0-only
/** Registering: which events come of it, and what is refused. */
import { expect } from 'vitest';
import { evf } from '../harness/aem.ts';
import { armFaults, eachFault, footprint, injecting, leaks, refusals } from '../harness/faults.ts';
import { ensureLoaded } from '../harness/modules.ts';
import { maxUserEvents, set } from '../harness/setting.ts';
import { verifies } from '../harness/verifies.ts';
import { bands, interest, makeFolder, nofollow, open, register, told, watch, watcher } from './watch.ts';

const alice = { uid: 1001, gid: 1001 };
const untouched = -77;

verifies('AEM-FD-028', 'each band that is asked for has an event of its own, and no other slot is touched', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);

  const some = await p.send('fd-register', { name: folder, flags: interest('out', 'lock', 'rename') });
  const all = await p.send('fd-register', { name: folder, flags: interest(...bands) });

  expect(some).toMatchObject({ ret: 0, in: untouched, hup: untouched, open: untouched, owner: untouched, mode: untouched, create: untouched, remove: untouched });
  const ids = [some['out'], some['lock'], some['rename'], ...bands.map((band) => all[band])];
  expect(new Set(ids).size).toBe(13);
  for (const id of ids) expect(id).toBeGreaterThan(0);
});

verifies('AEM-FD-029', 'a cleared set has -1 in each slot', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);

  const answer = await p.send('fd-register', { name: folder, flags: interest('in'), clear: 1 });

  for (const band of bands.slice(1)) expect(answer).toMatchObject({ [band]: -1 });
  expect(answer['in']).toBeGreaterThan(0);
  expect(await p.send('fd-clear')).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-FD-030', 'when not all events can be registered none is', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe, alice);
  await set(context, maxUserEvents, 3);

  const refused = await p.send('fd-register', { name: folder, flags: interest('in', 'out', 'hup', 'open') });

  expect(refused).toMatchObject({ ret: -1, errno: 'EAGAIN', in: untouched, out: untouched, hup: untouched, open: untouched });
  expect(await register(p, folder, ['in', 'out', 'hup'])).toHaveLength(3);
});

verifies('AEM-FD-030', 'events of a file, whatever is refused', async (context) => {
  const { probe, sh } = context;
  await armFaults(context);
  const folder = await makeFolder(context);
  const [p, by] = [await watcher(probe), await probe()];
  await sh(`echo data > ${folder}/file; echo data > ${folder}/other`);
  // What a process has of the module from its first event on.
  await watch(p, `${folder}/other`, ['in']);
  const before = await footprint(sh);

  const failed = await eachFault({
    errors: refusals,
    attempt: (fail) => p.send('fd-register', { name: `${folder}/file`, flags: interest('out', 'open'), fail }),
    async then({ answer }) {
      if (answer.ret >= 0) for (const band of ['out', 'open'] as const) await p.ok('shutdown', { eid: Number(answer[band]) });
      expect(await footprint(sh)).toBe(before);
    },
  });

  expect(failed).toBeGreaterThan(5);
  await watch(p, `${folder}/file`, ['open']);
  await open(by, `${folder}/file`);
  expect(await told(p)).toMatchObject([{ band: 'open', pid: by.pid }]);
  expect(await leaks(sh)).toBe('');
}, injecting);

verifies('AEM-FD-031', 'events are registered disabled, and keep what happens until they are started', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const [eid] = await register(p, file, ['open']);

  await open(by, file);
  expect(await told(p)).toEqual([]);
  await p.ok('start', { eid });

  expect(await told(p)).toEqual([{ band: 'open', name: file, pid: by.pid }]);
});

verifies('AEM-FD-032', 'what does not exist is refused with ENOENT', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  await context.sh(`ln -s nowhere ${folder}/dangling; echo > ${folder}/file`);

  for (const [name, errno] of [['no', 'ENOENT'], ['dangling', 'ENOENT'], ['no/file', 'ENOENT'], ['file/no', 'ENOTDIR']] as const) {
    expect(await p.send('fd-register', { name: `${folder}/${name}`, flags: interest('in') })).toMatchObject({ ret: -1, errno });
  }
  expect(await register(p, `${folder}/dangling`, ['in'], { flags: nofollow })).toHaveLength(1);
});

verifies('AEM-FD-033', 'who may not read a file, or reach it, gets no news of it', async (context) => {
  const folder = await makeFolder(context);
  await context.sh(`cd ${folder}; echo > private; chmod 600 private; echo > public; mkdir -m 711 dir; mkdir -m 700 closed; echo > closed/file`);
  const p = await watcher(context.probe, alice);
  const register = (name: string): Promise<unknown> => p.send('fd-register', { name: `${folder}/${name}`, flags: interest('out', 'create') });

  for (const name of ['private', 'dir', 'closed/file']) {
    expect(await register(name), name).toMatchObject({ ret: -1, errno: 'EACCES' });
  }
  expect(await register('public')).toMatchObject({ ret: 0 });
});

verifies('AEM-FD-034', 'without a zone there is nowhere to put a name: ENXIO', async (context) => {
  const folder = await makeFolder(context);
  const p = await context.probe();

  expect(await p.send('fd-register', { name: folder, flags: interest('in') })).toMatchObject({ ret: -1, errno: 'ENXIO' });
  await p.ok('vmtable', { zone: 1 });
  expect(await register(p, folder, ['in'])).toHaveLength(1);
});

verifies('AEM-FD-035', 'bad arguments are refused', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const cases = [
    [{ name: folder, flags: 0 }, 'EINVAL'],
    [{ name: folder, flags: interest('in') | (1 << 10) }, 'EINVAL'],
    [{ name: folder, flags: interest('in') | evf.excl }, 'EINVAL'],
    [{ name: folder, flags: interest('in'), null: 'idset' }, 'EINVAL'],
    [{ name: folder, flags: interest('in'), handler: 'data' }, 'EFAULT'],
    [{ bad: 1, flags: interest('in') }, 'EFAULT'],
    [{ null: 'name', flags: interest('in') }, 'EFAULT'],
    [{ name: `${folder}/`, length: 4100, flags: interest('in') }, 'ENAMETOOLONG'],
  ] as const;

  for (const [args, errno] of cases) {
    expect(await p.send('fd-register', args), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
});

verifies('AEM-FD-036', 'the kernel refuses by itself what the library would not say', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const fd = await open(p, folder, 0o200000);
  const cases = [
    [{ fd: -1, name: folder }, 'EBADF'],
    [{ fd: 9999, name: folder }, 'EBADF'],
    [{ fd, name: folder, band: 10 }, 'EINVAL'],
    [{ fd, name: folder, band: -1 }, 'EINVAL'],
    [{ fd, name: folder, flags: 1 }, 'EINVAL'],
    [{ fd, bad: 1 }, 'EFAULT'],
    [{ fd, name: `${folder}/`, length: 4100 }, 'ENAMETOOLONG'],
  ] as const;

  for (const [args, errno] of cases) {
    expect(await p.send('fd-entry', args), JSON.stringify(args)).toMatchObject({ ret: -1, errno });
  }
  expect((await p.send('fd-entry', { fd, name: folder })).ret).toBeGreaterThan(0);
});

verifies('AEM-FD-037', 'a user has no more events on a file than the limit', async (context) => {
  await set(context, '/sys/module/aem_fd/parameters/max_watches', 3);
  const folder = await makeFolder(context);
  await context.sh(`mkdir ${folder}/other`);
  const [one, two, bob] = [await watcher(context.probe, alice), await watcher(context.probe, alice), await watcher(context.probe, { uid: 1002 })];

  const [eid] = await register(one, folder, ['in', 'out']);
  await register(two, folder, ['in']);
  expect(await two.send('fd-register', { name: folder, flags: interest('out') })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
  // It is a limit of each user and each file, and what is gone counts no more.
  await register(bob, folder, ['in', 'out', 'hup']);
  await register(two, `${folder}/other`, ['in', 'out', 'hup']);
  await one.ok('shutdown', { eid });
  await register(two, folder, ['out']);
});

verifies('AEM-FD-038', 'an event that is shut down is told of nothing more, and the others are', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const [first] = await watch(p, file, ['open', 'hup']);
  const [other] = await watch(p, file, ['open']);

  await p.ok('shutdown', { eid: first });
  const fd = await open(by, file);
  expect(await p.settle()).toMatchObject([{ eid: other }]);
  await by.ok('file-close', { fd });
  expect(await told(p)).toEqual([{ band: 'hup', name: file, pid: by.pid }]);
});

verifies('AEM-FD-039', 'aemFD_init() tells whether the module is there', async ({ probe, sh, after }) => {
  const p = await probe();
  expect(await p.ok('fd-init')).toBe(0);
  after(() => sh(ensureLoaded('fd')));

  await sh('rmmod aem_fd');

  expect(await p.send('fd-init')).toMatchObject({ ret: -1, errno: 'ENOENT' });
});

verifies('AEM-FD-040', 'the module is not unloaded while a file is watched, and can be afterwards', async (context) => {
  const { sh, run } = context;
  const folder = await makeFolder(context);
  context.after(() => sh(ensureLoaded('fd')));
  const p = await watcher(context.probe);
  const [eid] = await watch(p, folder, ['create']);

  expect((await run(['rmmod', 'aem_fd'])).status).not.toBe(0);
  await p.ok('shutdown', { eid });
  await sh('rmmod aem_fd');

  // Nothing of it is left behind where it was told.
  await sh(`cd ${folder}; echo abc > file; cat file; chmod 600 file; mv file new`);
  const fd = await open(p, `${folder}/new`);
  await p.ok('file-lock', { fd, kind: 'flock', type: 'exclusive' });
  await sh(`rm ${folder}/new`);
});
