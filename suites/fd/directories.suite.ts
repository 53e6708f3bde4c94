// SPDX-License-Identifier: GPL-2.0-only
/** Directories: their entries come, go and are renamed. */
import { expect } from 'vitest';
import { verifies } from '../harness/verifies.ts';
import { makeFolder, open, o, told, watch, watcher } from './watch.ts';

verifies('AEM-FD-012', 'each entry that is made in a directory is told, of whatever kind', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: '/tmp/fd/there' });
  await watch(p, folder, ['create']);

  for (const kind of ['file', 'dir', 'fifo', 'symlink', 'link']) {
    const name = `${folder}/${kind}`;
    await by.ok('file-make', { kind, name, to: `${folder}/there` });
    expect(await told(p)).toEqual([{ band: 'create', name, pid: by.pid }]);
  }
  // As the shell makes one.
  await context.sh(`echo > ${folder}/opened`);
  expect(await told(p)).toMatchObject([{ band: 'create', name: `${folder}/opened` }]);
});

verifies('AEM-FD-013', 'each entry that is removed from a directory is told', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const names = ['file', 'dir', 'fifo'].map((kind) => `${folder}/${kind}`);
  for (const name of names) await by.ok('file-make', { kind: name.split('/')[3] ?? '', name });
  await watch(p, folder, ['remove']);

  for (const name of names) {
    await by.ok('file-remove', { name });
    expect(await told(p)).toEqual([{ band: 'remove', name, pid: by.pid }]);
  }
});

verifies('AEM-FD-014', 'an entry that is renamed is told by its old name, then by its new one', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: `${folder}/old` });
  await watch(p, folder, ['rename']);

  await by.ok('file-rename', { name: `${folder}/old`, to: `${folder}/new` });

  expect(await told(p)).toEqual([
    { band: 'rename', name: `${folder}/old`, pid: by.pid },
    { band: 'rename', name: `${folder}/new`, pid: by.pid },
  ]);
});

verifies('AEM-FD-014', 'of one that goes to another directory each is told its own name', async (context) => {
  const folder = await makeFolder(context);
  const [from, to] = [`${folder}/from`, `${folder}/to`];
  const p = await watcher(context.probe);
  const by = await context.probe();
  for (const name of [from, to]) await by.ok('file-make', { kind: 'dir', name });
  await by.ok('file-make', { name: `${from}/old` });
  await watch(p, from, ['rename']);
  await watch(p, to, ['rename']);

  await by.ok('file-rename', { name: `${from}/old`, to: `${to}/new` });

  expect(await told(p)).toEqual([
    { band: 'rename', name: `${from}/old`, pid: by.pid },
    { band: 'rename', name: `${to}/new`, pid: by.pid },
  ]);
});

verifies('AEM-FD-015', 'what happens to the files in a directory is not told of the directory', async (context) => {
  const folder = await makeFolder(context);
  const file = `${folder}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await watch(p, folder, ['in', 'out', 'hup', 'open', 'owner', 'mode', 'lock']);

  const fd = await open(by, file);
  await by.ok('file-write', { fd });
  await by.ok('file-read', { fd });
  await by.ok('file-lock', { fd, kind: 'flock', type: 'exclusive' });
  await by.ok('file-close', { fd });
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  await by.ok('file-chown', { name: file, uid: 1001 });

  expect(await told(p)).toEqual([]);
});

verifies('AEM-FD-016', 'a directory that is listed is opened, read and closed', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await watch(p, folder, ['open', 'in', 'hup']);

  const fd = await open(by, folder, o.directory);
  expect(await told(p)).toEqual([{ band: 'open', name: folder, pid: by.pid }]);
  await by.ok('file-close', { fd });
  expect(await told(p)).toEqual([{ band: 'hup', name: folder, pid: by.pid }]);
  await by.ok('file-list', { name: folder });
  // It is read until there is no more: twice.
  expect([...new Set((await told(p)).map(({ band }) => band))]).toEqual(['open', 'in', 'hup']);
});

verifies('AEM-FD-017', 'the name that it was registered by may end with a slash', async (context) => {
  const folder = await makeFolder(context);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await watch(p, `${folder}/`, ['create']);

  await by.ok('file-make', { name: `${folder}/one` });

  expect(await told(p)).toMatchObject([{ name: `${folder}/one` }]);
});
