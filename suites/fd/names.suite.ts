// SPDX-License-Identifier: GPL-2.0-only
/** Names and files: links, renames, removals, mounts, and the end of a file. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { makeFolder, news, nofollow, o, open, told, watch, watcher } from './watch.ts';

verifies('AEM-FD-018', 'a file that is removed while it is open is told, and goes on to be', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const fd = await open(by, file);
  await watch(p, file, ['remove', 'out']);

  await by.ok('file-remove', { name: file });
  expect(await told(p)).toEqual([{ band: 'remove', name: file, pid: by.pid }]);
  await by.ok('file-write', { fd });
  expect(await told(p)).toEqual([{ band: 'out', name: file, pid: by.pid }]);
});

verifies('AEM-FD-018', 'a file with several names is told of each that is removed', async (context) => {
  const folder = await makeFolder(context);
  const file = `${folder}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await by.ok('file-make', { kind: 'link', name: `${folder}/two`, to: file });
  await watch(p, file, ['remove']);

  // One more name is none less, and neither is another mode.
  await by.ok('file-make', { kind: 'link', name: `${folder}/three`, to: file });
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  expect(await told(p)).toEqual([]);
  for (const name of ['three', 'two']) {
    await by.ok('file-remove', { name: `${folder}/${name}` });
    expect(await told(p)).toEqual([{ band: 'remove', name: file, pid: by.pid }]);
  }
});

verifies('AEM-FD-018', 'a file that another is renamed over is told to be removed', async (context) => {
  const folder = await makeFolder(context);
  const file = `${folder}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  for (const name of [file, `${folder}/new`]) await by.ok('file-make', { name });
  await open(by, file);
  await watch(p, file, ['remove', 'rename']);

  await by.ok('file-rename', { name: `${folder}/new`, to: file });

  expect(await told(p)).toEqual([{ band: 'remove', name: file, pid: by.pid }]);
});

verifies('AEM-FD-018', 'a directory that is removed while a process is in it is told', async (context) => {
  const folder = `${await makeFolder(context)}/dir`;
  const p = await watcher(context.probe);
  const [by, within] = [await context.probe(), await context.probe()];
  await by.ok('file-make', { kind: 'dir', name: folder });
  await within.ok('file-chdir', { name: folder });
  await watch(p, folder, ['remove', 'rename']);

  await by.ok('file-remove', { name: folder });

  expect(await told(p)).toEqual([{ band: 'remove', name: folder, pid: by.pid }]);
});

verifies('AEM-FD-019', 'a file that is renamed is told, and stays the one that is watched', async (context) => {
  const folder = await makeFolder(context);
  const file = `${folder}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await watch(p, file, ['rename', 'open']);

  await by.ok('file-rename', { name: file, to: `${folder}/new` });
  await by.ok('file-make', { name: file });
  expect(await told(p)).toEqual([{ band: 'rename', name: file, pid: by.pid }]);
  await open(by, file);
  expect(await told(p)).toEqual([]);
  await open(by, `${folder}/new`);
  expect(await told(p)).toEqual([{ band: 'open', name: file, pid: by.pid }]);
});

verifies('AEM-FD-020', 'when a file is gone for good each event has a last call, without a name, and is gone', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const [out, remove] = await watch(p, file, ['out', 'remove']);

  await by.ok('file-remove', { name: file });

  const calls = await p.settle();
  expect(calls.filter(({ eid }) => eid === remove).map(news)).toEqual([
    { band: 'remove', name: file, pid: by.pid },
    { band: 'remove', name: '', pid: by.pid },
  ]);
  expect(calls.filter(({ eid }) => eid === out)).toMatchObject([{ name: '', len: 0, pid: by.pid }]);
  for (const eid of [out, remove]) expect(await p.send('stop', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-FD-020', 'a file that was removed is gone when its last user has closed it', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const [first, last] = [await context.probe(), await context.probe()];
  await first.ok('file-make', { name: file });
  const [one, two] = [await open(first, file), await open(last, file)];
  await watch(p, file, ['mode']);

  await first.ok('file-remove', { name: file });
  await first.ok('file-close', { fd: one });
  expect(await told(p)).toEqual([]);
  await last.ok('file-close', { fd: two });

  expect(await told(p)).toEqual([{ band: 'mode', name: '', pid: last.pid }]);
});

verifies('AEM-FD-020', 'a directory that is removed is gone', async (context) => {
  const folder = `${await makeFolder(context)}/dir`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { kind: 'dir', name: folder });
  const [eid] = await watch(p, folder, ['create']);

  await by.ok('file-remove', { name: folder });

  expect(await told(p)).toEqual([{ band: 'create', name: '', pid: by.pid }]);
  expect(await p.send('stop', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-FD-021', 'when a filesystem is unmounted the events of its files have their last call', async (context) => {
  const mount = `${await makeFolder(context)}/mount`;
  await context.sh(`mkdir ${mount}; mount -t tmpfs tmpfs ${mount}; echo > ${mount}/file; mkdir ${mount}/dir`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const file = await watch(p, `${mount}/file`, ['out', 'hup']);
  const dir = await watch(p, `${mount}/dir`, ['create']);

  await by.ok('file-umount', { name: mount });

  const calls = [await p.nextCall(), await p.nextCall(), await p.nextCall()];
  expect(new Set(calls.map(({ eid }) => eid))).toEqual(new Set([...file, ...dir]));
  for (const { name, len } of calls) expect({ name, len }).toEqual({ name: '', len: 0 });
});

verifies('AEM-FD-021', 'of a forced unmount of what is in use it is told when it is used no more', async (context) => {
  const mount = `${await makeFolder(context)}/mount`;
  await context.sh(`mkdir ${mount}; mount -t tmpfs tmpfs ${mount}; echo > ${mount}/file`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const fd = await open(by, `${mount}/file`);
  await watch(p, `${mount}/file`, ['out', 'hup']);

  // MNT_DETACH: a busy filesystem leaves the tree at once.
  await by.ok('file-umount', { name: mount, flags: 2 });
  await by.ok('file-write', { fd });
  expect(await told(p)).toEqual([{ band: 'out', name: `${mount}/file`, pid: by.pid }]);
  await by.ok('file-close', { fd });

  const calls = [await p.nextCall(), await p.nextCall(), await p.nextCall()].map(news);
  expect(calls[0]).toEqual({ band: 'hup', name: `${mount}/file`, pid: by.pid });
  expect(calls.slice(1).map(({ name }) => name)).toEqual(['', '']);
});

verifies('AEM-FD-022', 'a symbolic link is followed', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: `${folder}/file` });
  await by.ok('file-make', { kind: 'symlink', name: `${folder}/link`, to: 'file' });
  await watch(p, `${folder}/link`, ['open', 'owner']);

  await open(by, `${folder}/file`);
  expect(await told(p)).toEqual([{ band: 'open', name: `${folder}/link`, pid: by.pid }]);
  await by.ok('file-chown', { name: `${folder}/link`, uid: 1001, nofollow: 1 });
  expect(await told(p)).toEqual([]);
});

verifies('AEM-FD-023', 'with F_BNOFOLLOW the link itself is watched', async (context) => {
  const folder = await makeFolder(context);
  const link = `${folder}/link`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: `${folder}/file` });
  await by.ok('file-make', { kind: 'symlink', name: link, to: 'file' });
  await watch(p, link, ['open', 'owner', 'rename'], { flags: nofollow });

  await open(by, link);
  expect(await told(p)).toEqual([]);
  await by.ok('file-chown', { name: link, uid: 1001, nofollow: 1 });
  expect(await told(p)).toEqual([{ band: 'owner', name: link, pid: by.pid }]);
  await by.ok('file-rename', { name: link, to: `${folder}/other` });
  expect(await told(p)).toEqual([{ band: 'rename', name: link, pid: by.pid }]);
});

verifies('AEM-FD-024', 'what is done by another name of the file, or another mount, is told by the name that was registered', async (context) => {
  const folder = await makeFolder(context);
  const file = `${folder}/dir/file`;
  await context.sh(`cd ${folder}; mkdir dir mount; echo > dir/file; ln dir/file hard; mount -o bind dir mount`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await watch(p, file, ['open']);
  await watch(p, `${folder}/dir`, ['create']);

  for (const name of ['hard', 'mount/file']) {
    await open(by, `${folder}/${name}`);
    expect(await told(p)).toEqual([{ band: 'open', name: file, pid: by.pid }]);
  }
  await by.ok('file-make', { name: `${folder}/mount/new` });
  expect(await told(p)).toEqual([{ band: 'create', name: `${folder}/dir/new`, pid: by.pid }]);
});

verifies('AEM-FD-025', 'a FIFO is read and written', async (context) => {
  const fifo = `${await makeFolder(context)}/fifo`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { kind: 'fifo', name: fifo });
  await watch(p, fifo, ['open', 'in', 'out', 'hup']);

  const fd = await open(by, fifo, o.rdwr | o.nonblock);
  await by.ok('file-write', { fd });
  await by.ok('file-get', { fd });
  await by.ok('file-close', { fd });

  const seen = await told(p);
  expect(seen.map(({ band }) => band)).toEqual(['open', 'out', 'in', 'hup']);
  for (const { name, pid } of seen) expect({ name, pid }).toEqual({ name: fifo, pid: by.pid });
});

verifies('AEM-FD-027', 'a file of an overlay is watched there, also when it is copied up', async (context) => {
  const folder = await makeFolder(context);
  const file = `${folder}/mount/file`;
  await context.sh(
    `cd ${folder}; mkdir other mount; mount -t tmpfs tmpfs other; mkdir other/lower other/upper other/work; echo abc > other/lower/file; ` +
      `mount -t overlay overlay -o lowerdir=other/lower,upperdir=other/upper,workdir=other/work mount`,
  );
  const p = await watcher(context.probe);
  const by = await context.probe();
  await watch(p, file, ['open', 'out', 'mode', 'lock', 'remove']);

  const fd = await open(by, file);
  await by.ok('file-write', { fd });
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  await by.ok('file-lock', { fd, kind: 'flock', type: 'exclusive' });
  await by.ok('file-remove', { name: file });

  const seen = await told(p);
  expect(seen.map(({ band }) => band)).toEqual(['open', 'out', 'mode', 'lock', 'remove']);
  for (const { name, pid } of seen) expect({ name, pid }).toEqual({ name: file, pid: by.pid });
});
