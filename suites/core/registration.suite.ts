// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
import { each, evf } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-CORE-001', 'GET_SYSNR gives each kind a positive number of its own', async ({ probe }) => {
  const p = await probe();

  const example = await p.send('sysnr', { module: 'example' });
  const pexit = await p.send('sysnr', { module: 'pexit' });

  expect(example['first']).toBeGreaterThan(0);
  expect(pexit['first']).toBeGreaterThan(0);
  expect(pexit['first']).not.toBe(example['first']);
  // It is asked again on the same descriptor: a number does not change.
  expect(example['again']).toBe(example['first']);
  expect(pexit['again']).toBe(pexit['first']);
});

verifies('AEM-CORE-002', 'ids are positive and unique among processes and kinds', async ({ probe, spawn }) => {
  const sleeper = await spawn(['sleep', '1000']);
  const [one, other] = [await probe(), await probe()];

  const ids = [
    await one.ok('register'),
    await one.ok('register'),
    await one.ok('register', { module: 'pexit', pid: sleeper.pid }),
    await other.ok('register'),
    await other.ok('register', { module: 'pexit', pid: sleeper.pid }),
  ];

  expect(Math.min(...ids)).toBeGreaterThan(0);
  expect(new Set(ids).size).toBe(ids.length);
});

verifies('AEM-CORE-003', 'init fails while the module is not loaded', async ({ probe, sh, after }) => {
  const p = await probe();
  after(() => sh('cd /lib/aem; for m in aem-example aem-pexit; do test -e /dev/$m || insmod $m.ko; done'));

  await sh('rmmod aem_example aem_pexit');

  expect((await p.send('init', { module: 'example' })).ret).toBeLessThan(0);
  expect((await p.send('init', { module: 'pexit' })).ret).toBeLessThan(0);
  await sh('insmod /lib/aem/aem-example.ko && insmod /lib/aem/aem-pexit.ko');
  expect(await p.ok('init', { module: 'example' })).toBe(0);
  expect(await p.ok('init', { module: 'pexit' })).toBe(0);
});

verifies('AEM-CORE-004', 'a number that is no kind’s is refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const nr of [0, 1_000_000, -1]) {
    expect(await p.send('entry', { nr })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-005', 'arguments that cannot be read are refused with EFAULT', async ({ probe }) => {
  const p = await probe();

  for (const args of ['0', '0x1000', '0xffffffff81000000']) {
    expect(await p.send('entry', { args })).toMatchObject({ ret: -1, errno: 'EFAULT' });
  }
});

verifies('AEM-CORE-006', 'arguments of any other size than the kind’s are refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const size of [0, 16, 23, 25, 32, 4096, 0xffffffff]) {
    expect(await p.send('entry', { size })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect(await p.ok('entry', { size: 24 })).toBeGreaterThan(0);
});

verifies('AEM-CORE-007', 'a handler outside the executable mappings is refused with EFAULT', async ({ probe }) => {
  const p = await probe();

  for (const handler of ['null', 'unmapped', 'data', 'kernel']) {
    expect(await p.send('register', { handler })).toMatchObject({ ret: -1, errno: 'EFAULT' });
  }
});

verifies('AEM-CORE-008', 'EVF_EXCL and EVF_CLONE are refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const flags of [evf.excl, evf.clone, evf.excl | evf.oneshot]) {
    expect(await p.send('register', { flags })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-009', 'a flag that nobody knows is refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const flags of [1 << 1, 1 << 16, 1 << 24, 2 ** 31, 1 << 24 | each]) {
    expect(await p.send('register', { flags })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-009', 'a flag that only another kind knows is refused with EINVAL', async ({ probe, spawn }) => {
  const sleeper = await spawn(['sleep', '1000']);
  const p = await probe();

  const answer = await p.send('register', { module: 'pexit', pid: sleeper.pid, flags: each });

  expect(answer).toMatchObject({ ret: -1, errno: 'EINVAL' });
});

verifies('AEM-CORE-010', 'flags of handler processes are refused with EOPNOTSUPP', async ({ probe }) => {
  const p = await probe();

  for (const flags of [evf.fork, evf.capsule, evf.nocldwait, evf.fork | evf.nocldwait]) {
    expect(await p.send('register', { flags })).toMatchObject({ ret: -1, errno: 'EOPNOTSUPP' });
  }
});
