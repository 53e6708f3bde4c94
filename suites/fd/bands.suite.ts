// SPDX-License-Identifier: GPL-2.0-only
/** What happens to a file, band by band, and who did it. */
import { expect } from 'vitest';
import type { Probe } from '../harness/probe.ts';
import { verifies } from '../harness/verifies.ts';
import { bands, makeFolder, o, open, told, watch, watcher } from './watch.ts';

verifies('AEM-FD-001', 'a handler gets the id, the name, its length, who did it and the band', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  const [eid] = await watch(p, file, ['open']);

  await open(by, file);

  expect(await p.settle()).toMatchObject([
    { eid, name: file, got: file.length, len: file.length, pid: by.pid, band: bands.indexOf('open') },
  ]);
});

verifies('AEM-FD-002', 'it is told when a file is read, by whatever call', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  await context.sh(`echo abc > ${file}`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const fd = await open(by, file);
  await watch(p, file, ['in']);

  await by.ok('file-read', { fd });
  expect(await told(p)).toEqual([{ band: 'in', name: file, pid: by.pid }]);
  await by.ok('file-get', { fd });
  expect(await told(p)).toEqual([{ band: 'in', name: file, pid: by.pid }]);
  await by.ok('file-write', { fd });
  expect(await told(p)).toEqual([]);
});

verifies('AEM-FD-003', 'it is told when a file is written or cut', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  await context.sh(`echo abc > ${file}`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const fd = await open(by, file);
  await watch(p, file, ['out']);

  await by.ok('file-write', { fd });
  expect(await told(p)).toEqual([{ band: 'out', name: file, pid: by.pid }]);
  await by.ok('file-read', { fd });
  expect(await told(p)).toEqual([]);
  await by.ok('file-truncate', { name: file, size: 0 });
  expect(await told(p)).toEqual([{ band: 'out', name: file, pid: by.pid }]);
});

verifies('AEM-FD-004', 'it is told when the last descriptor of an open file is closed', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  await context.sh(`echo abc > ${file}`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  const [reads, writes] = [await open(by, file, o.rdonly), await open(by, file)];
  const copy = await by.ok('file-dup', { fd: reads });
  await watch(p, file, ['hup']);

  await by.ok('file-close', { fd: reads });
  expect(await told(p)).toEqual([]);
  await by.ok('file-close', { fd: copy });
  expect(await told(p)).toEqual([{ band: 'hup', name: file, pid: by.pid }]);
  await by.ok('file-close', { fd: writes });
  expect(await told(p)).toEqual([{ band: 'hup', name: file, pid: by.pid }]);
});

verifies('AEM-FD-004', 'a process that ends closes its files', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await open(by, file, o.rdonly);
  await watch(p, file, ['hup']);

  await by.process.kill(9);
  await by.exited;

  expect(await told(p)).toEqual([{ band: 'hup', name: file, pid: by.pid }]);
});

verifies('AEM-FD-005', 'it is told when a file is opened, and not when its name is looked up', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  await context.sh(`echo abc > ${file}`);
  const p = await watcher(context.probe);
  const by = await context.probe();
  await watch(p, file, ['open']);

  await context.sh(`stat ${file}; ls -l ${file}; test -r ${file}`);
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  expect(await told(p)).toEqual([]);
  for (const how of [o.rdonly, o.wronly, o.rdwr]) {
    await open(by, file, how);
    expect(await told(p)).toEqual([{ band: 'open', name: file, pid: by.pid }]);
  }
});

verifies('AEM-FD-006', 'it is told when the user or the group of a file changes', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await watch(p, file, ['owner']);

  for (const change of [{ uid: 1001 }, { gid: 1001 }, { uid: 0, gid: 0 }]) {
    await by.ok('file-chown', { name: file, ...change });
    expect(await told(p)).toEqual([{ band: 'owner', name: file, pid: by.pid }]);
    await by.ok('file-chown', { name: file, ...change });
    expect(await told(p)).toEqual([]);
  }
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  await context.sh(`touch ${file}`);
  expect(await told(p)).toEqual([]);
});

verifies('AEM-FD-007', 'it is told when the mode of a file changes', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await watch(p, file, ['mode']);

  await by.ok('file-chmod', { name: file, mode: 0o600 });
  expect(await told(p)).toEqual([{ band: 'mode', name: file, pid: by.pid }]);
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  await by.ok('file-chown', { name: file, uid: 1001 });
  await context.sh(`touch ${file}`);
  expect(await told(p)).toEqual([]);
});

verifies('AEM-FD-007', 'a change of owner that takes a set-user-ID bit is one of the mode too', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await by.ok('file-chmod', { name: file, mode: 0o4755 });
  await watch(p, file, ['mode', 'owner']);

  await by.ok('file-chown', { name: file, uid: 1001 });

  const seen = await told(p);
  expect(seen.map(({ band }) => band).sort()).toEqual(['mode', 'owner']);
});

verifies('AEM-FD-051', 'an access control list that makes the mode another is told', async (context) => {
  const file = `${await makeFolder(context)}/file`;
  const p = await watcher(context.probe);
  const by = await context.probe();
  await by.ok('file-make', { name: file });
  await by.ok('file-chmod', { name: file, mode: 0o600 });
  await watch(p, file, ['mode']);

  for (const { mask, mode } of [{ mask: 4, mode: '640' }, { mask: 6, mode: '660' }]) {
    await by.ok('file-acl', { name: file, mask });
    expect(await told(p)).toEqual([{ band: 'mode', name: file, pid: by.pid }]);
    expect(await context.sh(`stat -c %a ${file}`)).toBe(mode);
    await by.ok('file-acl', { name: file, mask });
    expect(await told(p)).toEqual([]);
  }
  await by.ok('file-acl', { name: file });
  expect(await told(p)).toEqual([]);
});

const inOrder = (pids: readonly (number | undefined)[]): readonly (number | undefined)[] => [...pids].sort((a = 0, b = 0) => a - b);
const pidsOf = (...of: readonly Probe[]): readonly (number | undefined)[] => inOrder(of.map(({ pid }) => pid));
/** Who it was; each tells by itself when it has, and on another CPU the second may be the sooner. */
const whoTold = async (p: Probe): Promise<readonly (number | undefined)[]> => inOrder((await told(p)).map(({ pid }) => pid));

for (const kind of ['flock', 'posix', 'ofd'] as const) {
  verifies('AEM-FD-008', `it is told when a lock is set (${kind})`, async (context) => {
    const file = `${await makeFolder(context)}/file`;
    await context.sh(`echo abc > ${file}`);
    const p = await watcher(context.probe);
    const by = await context.probe();
    const fd = await open(by, file);
    await watch(p, file, ['lock']);

    for (const type of ['shared', 'exclusive']) {
      await by.ok('file-lock', { fd, kind, type });
      expect(await told(p)).toEqual([{ band: 'lock', name: file, pid: by.pid }]);
    }
  });

  verifies('AEM-FD-009', `it is told when a process waits for a lock, and when it gets it (${kind})`, async (context) => {
    const file = `${await makeFolder(context)}/file`;
    await context.sh(`echo abc > ${file}`);
    const p = await watcher(context.probe);
    const [has, wants] = [await context.probe(), await context.probe()];
    const [fd, other] = [await open(has, file), await open(wants, file)];
    await has.ok('file-lock', { fd, kind, type: 'exclusive' });
    await watch(p, file, ['lock']);

    const locked = wants.ok('file-lock', { fd: other, kind, type: 'exclusive', wait: 1 });
    expect(await p.nextCall()).toMatchObject({ pid: wants.pid });
    await has.ok('file-lock', { fd, kind, type: 'none' });
    await locked;

    expect(await whoTold(p)).toEqual(pidsOf(has, wants));
  });

  verifies('AEM-FD-050', `who watches a lock and waits for it comes to rest (${kind})`, async (context) => {
    const file = `${await makeFolder(context)}/file`;
    await context.sh(`echo abc > ${file}`);
    const [p, other] = [await watcher(context.probe), await watcher(context.probe)];
    const has = await context.probe();
    const [fd, mine] = [await open(has, file), await open(p, file)];
    await has.ok('file-lock', { fd, kind, type: 'exclusive' });
    for (const one of [p, other]) await watch(one, file, ['lock']);

    const locked = p.ok('file-lock', { fd: mine, kind, type: 'exclusive', wait: 1 });
    // It sleeps before the command has come, too.
    await context.until(`grep -q -- "-> .*:$(stat -c %i ${file}) " /proc/locks`);
    await context.inState(p.pid, 'S');
    expect(await told(other)).toEqual([]);
    await has.ok('file-lock', { fd, kind, type: 'none' });
    await locked;

    for (const one of [p, other]) expect(await whoTold(one)).toEqual(pidsOf(has, p));
  });

  verifies('AEM-FD-010', `it is told when a lock is released, also by closing (${kind})`, async (context) => {
    const file = `${await makeFolder(context)}/file`;
    await context.sh(`echo abc > ${file}`);
    const p = await watcher(context.probe);
    const by = await context.probe();
    const fd = await open(by, file);
    await by.ok('file-lock', { fd, kind, type: 'exclusive' });
    await watch(p, file, ['lock']);

    await by.ok('file-lock', { fd, kind, type: 'none' });
    expect(await told(p)).toEqual([{ band: 'lock', name: file, pid: by.pid }]);
    await by.ok('file-lock', { fd, kind, type: 'exclusive' });
    expect(await told(p)).toHaveLength(1);
    await by.ok('file-close', { fd });
    expect(await told(p)).toEqual([{ band: 'lock', name: file, pid: by.pid }]);
  });

  verifies('AEM-FD-011', `a lock that is refused, and the release of none, is not told (${kind})`, async (context) => {
    const file = `${await makeFolder(context)}/file`;
    await context.sh(`echo abc > ${file}`);
    const p = await watcher(context.probe);
    const [has, wants] = [await context.probe(), await context.probe()];
    const fd = await open(has, file);
    await has.ok('file-lock', { fd, kind, type: 'exclusive' });
    await watch(p, file, ['lock']);

    const other = await open(wants, file);
    expect(await wants.send('file-lock', { fd: other, kind, type: 'exclusive' })).toMatchObject({ ret: -1, errno: 'EAGAIN' });
    await wants.ok('file-lock', { fd: other, kind, type: 'none' });
    await wants.ok('file-close', { fd: other });

    expect(await told(p)).toEqual([]);
  });
}
