// SPDX-License-Identifier: GPL-2.0-only
/** Modules that come and go while the system runs. */
import { expect } from 'vitest';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';

const drain = '/sys/class/misc/aem-example/drain';

/** As every test has to leave it: the module is there and takes registrations. */
const loaded = `${ensureLoaded('example')}; echo 0 > ${drain}`;

verifies('AEM-CORE-080', 'a module with live events cannot be unloaded, and they go on', async ({
  probe,
  run,
  sh,
  after,
}) => {
  const p = await probe();
  const eid = await p.ok('register');
  await p.ok('start', { eid });
  after(() => sh(loaded));

  const refused = await run(['rmmod', 'aem_example']);

  expect(refused.status).not.toBe(0);
  expect(await sh('grep -c "^aem_example " /proc/modules')).toBe('1');
  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
});

verifies('AEM-CORE-082', 'a module is unloaded and loaded again while others go on', async ({ probe, sh, spawn, after }) => {
  const [p, watcher] = [await probe(), await probe()];
  const sleeper = await spawn(['sleep', '1000']);
  const watch = await watcher.ok('register', { module: 'pexit', pid: sleeper.pid });
  await watcher.ok('start', { eid: watch });
  const old = await p.ok('register');
  await p.ok('shutdown', { eid: old });

  after(() => sh(loaded));
  await sh('rmmod aem_example');
  expect(await p.send('init', { module: 'example' })).toMatchObject({ ret: -1 });
  await sh(insmod('example'));

  const eid = await p.ok('register');
  await p.ok('start', { eid });
  await p.ok('fire', { eid });
  expect(await p.settle()).toMatchObject([{ eid }]);
  await sleeper.kill(9);
  await sleeper.exited;
  expect(await watcher.settle()).toMatchObject([{ eid: watch, pid: sleeper.pid }]);
});

verifies('AEM-CORE-083', 'a drain ends all events: no handler starts after it', async ({ probe, sh, spawn, after, until }) => {
  const [p, other] = [await probe(), await probe()];
  const [held, waiting, theirs] = [await p.ok('register'), await p.ok('register'), await other.ok('register')];
  for (const eid of [held, waiting]) await p.ok('start', { eid });
  await other.ok('start', { eid: theirs });
  await p.ok('on', { eid: held, do: 'hold,return' });
  await p.on('io', 'fire', { eid: held });
  await p.notice('holding');
  await p.on('io', 'fire', { eid: waiting });
  after(() => sh(`echo 0 > ${drain}`));

  // It waits for the handler that runs, and lets the one that waits not begin.
  const draining = await spawn(['sh', '-c', `echo 1 > ${drain}`]);
  await until(`! grep -q '^State:.R' /proc/${draining.pid}/status`);
  await p.on('io', 'release', { eid: held });

  expect(await draining.exited).toEqual({ status: 0 });
  expect(p.returns()).toMatchObject([{ eid: held }]);
  expect(await p.settle()).toMatchObject([{ eid: held }]);
  for (const [owner, eid] of [[p, waiting], [other, theirs]] as const) {
    expect(await owner.send('fire', { eid })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-084', 'a drained kind takes no registrations until it is opened again', async ({ probe, sh, after }) => {
  const p = await probe();
  await p.ok('register');
  after(() => sh(`echo 0 > ${drain}`));

  await sh(`echo 1 > ${drain}`);

  expect(await p.send('register')).toMatchObject({ ret: -1, errno: 'ESHUTDOWN' });
  await sh(`echo 0 > ${drain}`);
  expect((await p.send('register')).ret).toBeGreaterThan(0);
});

verifies('AEM-CORE-085', 'a drained module is unloaded while its events’ processes live on', async ({ probe, sh, after }) => {
  const p = await probe();
  const eid = await p.ok('register');
  await p.ok('start', { eid });
  after(() => sh(loaded));

  await sh(`echo 1 > ${drain}`);
  await sh('rmmod aem_example');

  expect((await p.send('calls')).ret).toBe(0);
  await sh(insmod('example'));
  const next = await p.ok('register');
  await p.ok('start', { eid: next });
  await p.ok('fire', { eid: next });
  expect(await p.settle()).toMatchObject([{ eid: next }]);
});
