// SPDX-License-Identifier: GPL-2.0-only
/** SEC.11.1, SEC.11.2, GAP.2.0: what is told of files, and of which. */
import { expect } from 'vitest';
import { o } from '../fd/watch.ts';
import type { Context } from '../harness/verifies.ts';
import { fanotify, fileFacilities, inotify, withPid } from './files.ts';
import type { What } from './files.ts';
import { neutral } from './neutral.ts';

/** Returns its path: a folder for everybody, with two files. */
async function makeFolder({ sh, after, target }: Context): Promise<string> {
  const folder = `${target.scratch}/cgl`;
  await sh(`rm -rf ${folder}; mkdir -m 777 ${folder}; echo text > ${folder}/one; echo text > ${folder}/two`);
  after(() => sh(`umount -l ${folder}/mount 2>/dev/null; rm -rf ${folder}`));
  return folder;
}

neutral('SEC.11.1', 'each thing that is done to a file is told, with who did it', withPid, async (context, facility) => {
  const folder = await makeFolder(context);
  const watcher = await facility.open(context);
  const by = await context.probe();
  await watcher.watch(folder, ['one'], ['open', 'close', 'read', 'write', 'attribute', 'remove']);
  const told = async (what: What): Promise<void> => {
    expect(await watcher.news(), what).toEqual([{ what, pid: by.pid, name: 'one' }]);
  };

  const fd = await by.ok('file-open', { name: `${folder}/one`, how: o.rdwr });
  await told('open');
  await by.ok('file-read', { fd });
  await told('read');
  await by.ok('file-write', { fd });
  await told('write');
  await by.ok('file-close', { fd });
  await told('close');
  await by.ok('file-chmod', { name: `${folder}/one`, mode: 0o600 });
  await told('attribute');
  await by.ok('file-remove', { name: `${folder}/one` });
  const removed = await watcher.news();
  expect(removed).toContainEqual({ what: 'remove', pid: by.pid, name: 'one' });
});

neutral('SEC.11.1', 'it is told whoever does it', withPid, async (context, facility) => {
  const folder = await makeFolder(context);
  const watcher = await facility.open(context);
  const users = [await context.probe(), await context.probe({ uid: 1001, gid: 1001 }), await context.probe({ uid: 1002, gid: 1002 })];
  await watcher.watch(folder, ['one', 'two'], ['open']);

  for (const { ok, pid } of users) {
    await ok('file-open', { name: `${folder}/two`, how: o.rdonly });
    expect(await watcher.news()).toEqual([{ what: 'open', pid, name: 'two' }]);
  }
}, 'users');

neutral('SEC.11.2', 'only the kinds that were chosen are told', fileFacilities, async (context, facility) => {
  const folder = await makeFolder(context);
  const watcher = await facility.open(context);
  const by = await context.probe();
  await watcher.watch(folder, ['one'], ['write']);

  const fd = await by.ok('file-open', { name: `${folder}/one`, how: o.rdwr });
  await by.ok('file-read', { fd });
  await by.ok('file-write', { fd });
  await by.ok('file-close', { fd });

  expect((await watcher.news()).map(({ what }) => what)).toEqual(['write']);
});

neutral('SEC.11.2', 'only of what was chosen is told', fileFacilities, async (context, facility) => {
  const folder = await makeFolder(context);
  await context.sh(`mkdir ${folder}/in ${folder}/out; echo text > ${folder}/in/one; echo text > ${folder}/out/two`);
  const watcher = await facility.open(context);
  const by = await context.probe();
  await watcher.watch(`${folder}/in`, ['one'], ['open']);

  await by.ok('file-open', { name: `${folder}/out/two`, how: o.rdonly });
  await by.ok('file-open', { name: `${folder}/in/one`, how: o.rdonly });

  expect((await watcher.news()).map(({ what, name }) => ({ what, name }))).toEqual([{ what: 'open', name: 'one' }]);
});

neutral('SEC.11.2', 'of a whole tree some is left out', [fanotify], async (context, facility) => {
  const folder = await makeFolder(context);
  await context.sh(`mkdir ${folder}/mount; mount -t tmpfs none ${folder}/mount; echo text > ${folder}/mount/one; echo text > ${folder}/mount/two`);
  const { probe, news } = await facility.open(context);
  const by = await context.probe();
  await probe.ok('native-mark', { via: 'fanotify', name: `${folder}/mount`, what: 'open', how: 'filesystem' });
  await probe.ok('native-mark', { via: 'fanotify', name: `${folder}/mount/two`, what: 'open', ignore: true });

  for (const name of ['two', 'one', 'two']) await by.ok('file-open', { name: `${folder}/mount/${name}`, how: o.rdonly });
  await by.ok('file-open', { name: `${folder}/one`, how: o.rdonly });

  expect(await news()).toEqual([{ what: 'open', pid: by.pid, name: 'one' }]);
}, 'mounts');

neutral('GAP.2.0', 'who watches a filesystem is told that it was unmounted by force', [inotify], async (context, facility) => {
  const folder = await makeFolder(context);
  await context.sh(`mkdir ${folder}/mount; mount -t tmpfs none ${folder}/mount; echo text > ${folder}/mount/one`);
  const { probe, news } = await facility.open(context);
  // It is always told; but a watch is for something.
  await probe.ok('native-mark', { via: 'inotify', name: `${folder}/mount/one`, what: 'write' });
  expect(await news()).toEqual([]);

  await context.sh(`umount -f ${folder}/mount`);

  expect((await news()).map(({ what }) => what)).toEqual(['unmount']);
}, 'mounts');
