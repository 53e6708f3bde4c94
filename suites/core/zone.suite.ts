// SPDX-License-Identifier: GPL-2.0-only
/** The vmtable zone and the data that handlers find in it. */
import { expect } from 'vitest';
import { each, ev, zone } from '../harness/aem.ts';
import { verifies } from '../harness/verifies.ts';

verifies('AEM-CORE-046', 'a handler finds the data that was prepared for this run', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });
  const eid = await p.ok('register', { flags: each });
  await p.ok('start', { eid });

  await p.ok('fire', { eid, data: '0102' });
  await p.ok('fire', { eid, data: 'a0b0c0' });

  expect(await p.settle()).toMatchObject([
    { eid, len: 2, data: '0102' },
    { eid, len: 3, data: 'a0b0c0' },
  ]);
});

verifies('AEM-CORE-047', 'the destructor finds what the handler left, before the next handler', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });
  const eid = await p.ok('register', { flags: each });
  await p.ok('start', { eid });
  await p.ok('on', { eid, do: 'fill:9' });

  await p.ok('fire', { eid, data: '010203' });

  expect(await p.settle()).toHaveLength(1);
  expect(await p.send('left', { eid })).toMatchObject({ ret: 3, data: '090909' });
});

verifies('AEM-CORE-048', 'data lies wholly inside the zone', async ({ probe }) => {
  const p = await probe();
  const { addr } = await p.send('vmtable', { zone: zone.v, size: 65536 });
  const start = addr as number;
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  for (const len of [1, 63, 64, 65, 4096, 16384]) {
    await p.ok('fire', { eid, len });
    const [call] = await p.settle();
    expect(call?.addr).toBeGreaterThanOrEqual(start);
    expect((call?.addr ?? Infinity) + len).toBeLessThanOrEqual(start + 65536);
  }
});

verifies('AEM-CORE-049', 'data stays while handlers of higher priority run with theirs', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });
  const [low, high] = [await p.ok('register'), await p.ok('register')];
  await p.ok('priority', { eid: high, priority: 8 });
  for (const eid of [low, high]) await p.ok('start', { eid });
  await p.ok('on', { eid: low, do: 'hold,return' });
  await p.ok('on', { eid: high, do: 'fill:255' });
  await p.on('io', 'fire', { eid: low, data: '11223344' });
  await p.notice('holding');

  await p.on('io', 'fire', { eid: high, data: '55667788' });
  await p.nextCall();
  await p.nextCall();
  await p.on('io', 'release', { eid: low });
  await p.settle();

  expect(p.returns()).toMatchObject([{ eid: low, data: '11223344' }]);
});

verifies('AEM-CORE-050', 'TBL_VZONE makes a zone of its own outside the brk area', async ({ probe }) => {
  const p = await probe();

  const made = await p.send('vmtable', { zone: zone.v, size: 20000 });

  expect(made.ret).toBe(0);
  expect(made['after']).toBe(made['before']);
  const addr = made['addr'] as number;
  // The brk area grows from where it is now; a mapping of its own is far from there.
  expect(Math.abs(addr - (made['before'] as number))).toBeGreaterThan(2 ** 30);
  await p.ok('touch', { addr, size: 20000 });
});

verifies('AEM-CORE-051', 'TBL_UZONE makes the zone between the old and the new break', async ({ probe }) => {
  const p = await probe();

  const made = await p.send('vmtable', { zone: zone.u, size: 65536 });

  expect(made.ret).toBe(0);
  const [addr, before, after] = [made['addr'], made['before'], made['after']] as [number, number, number];
  expect(addr).toBeGreaterThanOrEqual(before);
  expect(addr + 65536).toBeLessThanOrEqual(after);
  await p.ok('touch', { addr, size: 65536 });
});

verifies('AEM-CORE-052', 'sbrk() and malloc() go on behind the zone', async ({ probe }) => {
  const p = await probe();
  const made = await p.send('vmtable', { zone: zone.u, size: 65536 });
  const [start, end] = [made['addr'] as number, (made['addr'] as number) + 65536];
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  const heap = await p.send('heap', { size: 65536 });
  await p.ok('fire', { eid, data: '4242' });

  expect(heap.ret).toBe(0);
  for (const at of [heap['grown'], heap['block']] as [number, number]) {
    expect(at >= end || at + 65536 <= start).toBe(true);
  }
  expect(await p.settle()).toMatchObject([{ eid, data: '4242' }]);
});

verifies('AEM-CORE-053', 'a second zone is refused with EEXIST', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v });

  expect(await p.send('vmtable', { zone: zone.v })).toMatchObject({ ret: -1, errno: 'EEXIST' });
  expect(await p.send('vmtable', { zone: zone.u })).toMatchObject({ ret: -1, errno: 'EEXIST' });
  expect(await p.send('evctl', { opt: ev.tblinit, arg: zone.v })).toMatchObject({ ret: -1, errno: 'EEXIST' });
});

verifies('AEM-CORE-054', 'data for a process without a zone is refused with ENXIO', async ({ probe }) => {
  const p = await probe();
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  expect(await p.send('fire', { eid, data: '01' })).toMatchObject({ ret: -1, errno: 'ENXIO' });
  expect(await p.settle()).toEqual([]);
});

verifies('AEM-CORE-055', 'data that can never fit is refused with EMSGSIZE', async ({ probe }) => {
  const p = await probe();
  await p.ok('vmtable', { zone: zone.v, size: 4096 });
  const eid = await p.ok('register');
  await p.ok('start', { eid });

  expect(await p.send('fire', { eid, len: 4097 })).toMatchObject({ ret: -1, errno: 'EMSGSIZE' });
  expect(await p.settle()).toEqual([]);
  await p.ok('fire', { eid, len: 4096 });
  expect(await p.settle()).toMatchObject([{ eid, len: 4096 }]);
});

verifies('AEM-CORE-056', 'a process that overwrites its zone harms no other, nor the kernel', async ({ probe }) => {
  const [p, other] = [await probe(), await probe()];
  const events = [];
  for (const one of [p, other]) {
    await one.ok('vmtable', { zone: zone.v });
    const eid = await one.ok('register', { flags: each });
    await one.ok('start', { eid });
    events.push(eid);
  }
  const [eid, theirs] = events as [number, number];
  await p.ok('on', { eid, do: 'scribble:255' });

  for (let i = 0; i < 5; i++) {
    await p.ok('fire', { eid, data: '0102' });
    await other.ok('fire', { eid: theirs, data: '0304' });
  }

  expect(await p.settle()).toHaveLength(5);
  expect((await other.settle()).map(({ data }) => data)).toEqual(Array.from({ length: 5 }, () => '0304'));
});
