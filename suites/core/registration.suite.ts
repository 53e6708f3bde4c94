// SPDX-License-Identifier: GPL-2.0-only
import { expect } from 'vitest';
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

verifies('AEM-CORE-002', 'ids are positive and unique in all kinds', async ({ probe, spawn }) => {
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
