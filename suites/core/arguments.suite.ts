// SPDX-License-Identifier: GPL-2.0-only
/** What aem_entry() refuses, and how. */
import { expect } from 'vitest';
import { each, evf } from '../harness/aem.ts';
import { ensureLoaded, insmod } from '../harness/modules.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-CORE-003', 'init fails while the kind’s module is not loaded', async ({ probe, sh, after }) => {
  const p = await probe();
  after(() => sh(['example', 'pexit'].map(ensureLoaded).join('; ')));

  await sh('rmmod aem_example');

  expect((await p.send('init', { module: 'example' })).ret).toBeLessThan(0);
  expect(await p.send('init', { module: 'pexit' })).toMatchObject({ ret: 0 });
  await sh(`${insmod('example')} && rmmod aem_pexit`);
  expect(await p.send('init', { module: 'example' })).toMatchObject({ ret: 0 });
  expect((await p.send('init', { module: 'pexit' })).ret).toBeLessThan(0);
});

verifies('AEM-CORE-006', 'arguments of the wrong size are refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const size of [0, 8, 16, 23, 25, 32, 4096, 0xffffffff]) {
    expect(await p.send('entry', { size })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
  expect((await p.send('entry')).ret).toBeGreaterThan(0);
});

verifies('AEM-CORE-007', 'a handler that is not code is refused with EFAULT', async ({ probe }) => {
  const p = await probe();

  for (const handler of ['null', 'data', 'unmapped', 'kernel']) {
    expect(await p.send('entry', { handler })).toMatchObject({ ret: -1, errno: 'EFAULT' });
  }
});

verifies('AEM-CORE-008', 'EVF_EXCL and EVF_CLONE are refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const flags of [evf.excl, evf.clone, evf.excl | evf.oneshot]) {
    expect(await p.send('entry', { flags })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-009', 'flags that nobody knows are refused with EINVAL', async ({ probe }) => {
  const p = await probe();

  for (const bit of [1, 5, 16, 24, 30, 31]) {
    expect(await p.send('entry', { flags: 2 ** bit })).toMatchObject({ ret: -1, errno: 'EINVAL' });
  }
});

verifies('AEM-CORE-009', 'a flag of another kind is refused with EINVAL', async ({ probe, spawn }) => {
  const p = await probe();
  const sleeper = await spawn(['sleep', '1000']);

  const answer = await p.send('register', { module: 'pexit', pid: sleeper.pid, flags: each });

  expect(answer).toMatchObject({ ret: -1, errno: 'EINVAL' });
});
