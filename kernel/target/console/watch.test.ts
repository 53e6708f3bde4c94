// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { stripPrefix } from '../../../lib/printk.ts';
import { createConsoleWatch } from './watch.ts';

/** Each as a 6.12 kernel prints it, shortened in the middle. */
const recorded = {
  panic: `[    3.101] sysrq: Trigger a crash
[    3.102] Kernel panic - not syncing: sysrq triggered crash
[    3.103] CPU: 1 UID: 0 PID: 60 Comm: sh Tainted: G           O       6.12.117-aem #1
[    3.104] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---
`,
  oops: `[    4.200] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    4.201] #PF: supervisor read access in kernel mode
[    4.202] Oops: Oops: 0000 [#1] SMP NOPTI
[    4.203] RIP: 0010:aem_event_fire+0x10/0x40 [aem_core]
[    4.204] ---[ end trace 0000000000000000 ]---
`,
  kasan: `[    5.300] ==================================================================
[    5.301] BUG: KASAN: slab-use-after-free in aem_event_put+0x1c/0x60 [aem_core]
[    5.302] Read of size 8 at addr ffff88800447d300 by task probe/71
[    5.303] ==================================================================
`,
  lockdep: `[    6.400] WARNING: possible circular locking dependency detected
[    6.401] 6.12.117-aem #1 Tainted: G           O
`,
  warning: `[    7.500] WARNING: CPU: 0 PID: 88 at modules/aem-core/event.c:120 aem_event_raise+0x88/0x90 [aem_core]
[    7.501] ---[ end trace 0000000000000000 ]---
`,
  'hung-task': `[  140.000] INFO: task probe:99 blocked for more than 120 seconds.
`,
  'rcu-stall': `[   30.000] rcu: INFO: rcu_sched self-detected stall on CPU
`,
  'out-of-memory': `[    8.600] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
[    8.601] Memory cgroup out of memory: Killed process 120 (hog) total-vm:9000kB
`,
  'soft-lockup': `[   44.000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [probe:70]
`,
  'lockdep ': `[    6.500] WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected
[    6.501] 6.12.117-aem-debug #1 Tainted: G           O
`,
  'lockdep  ': `[    6.600] WARNING: lock held when returning to user space!
`,
  'warning ': `[    6.700] WARNING: something that no pattern of its own knows
`,
  'bug ': `[    9.600] BUG kmalloc-64 (Tainted: G    B      O      ): Poison overwritten
`,
  bug: `[    9.700] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585
`,
} as const;

describe('what a kernel says when something is wrong', () => {
  test.each(Object.entries(recorded))('%s', (kind, text) => {
    const watch = createConsoleWatch();

    watch.push(text);

    const { sightings } = watch.take();
    expect(sightings.map((seen) => seen.kind)).toEqual([kind.trim()]);
    expect(sightings[0]?.fatal).toBe(kind === 'panic');
  });

  test('an excerpt ends with its last line, and what follows is not part of it', () => {
    const watch = createConsoleWatch();

    watch.push(`${recorded.oops}[    4.300] unrelated\n`);

    const [oops] = watch.take().sightings;
    expect(oops?.excerpt.at(-1)).toContain('end trace');
    expect(oops?.excerpt).toHaveLength(5);
  });

  test('the words of a warning stand before the line that tells it, and belong to it', () => {
    const watch = createConsoleWatch();

    watch.push('[ 0.9] before\n[ 1.0] ------------[ cut here ]------------\n[ 1.0] its words\n');
    watch.push('[ 1.1] WARNING: CPU: 0 PID: 1 at a.c:2 f+0x1/0x2\n[ 1.2] ---[ end trace 0 ]---\n');
    watch.push('[ 2.0] WARNING: another\n');

    const [first, second] = watch.take().sightings;
    expect(first?.excerpt.map((line) => line.slice(7))).toEqual([
      'its words',
      'WARNING: CPU: 0 PID: 1 at a.c:2 f+0x1/0x2',
      '---[ end trace 0 ]---',
    ]);
    expect(second?.excerpt).toEqual(['[ 2.0] WARNING: another']);
  });

  test('an oops that turns into a panic is both', () => {
    const watch = createConsoleWatch();

    watch.push('[ 1.0] BUG: unable to handle page fault for address: 0000\n[ 1.1] Kernel panic - not syncing: Fatal\n');

    expect(watch.take().sightings.map(({ kind }) => kind)).toEqual(['oops', 'panic']);
    expect(watch.panic()?.excerpt).toEqual(['[ 1.1] Kernel panic - not syncing: Fatal']);
  });

  test('a program that faults is no trouble of the kernel', () => {
    const watch = createConsoleWatch();

    watch.push('[ 1.0] traps: probe[60] general protection fault ip:401f9e sp:7ffd error:0 in probe[401000+aa000]\n');
    watch.push('[ 1.1] probe[61]: segfault at 0 ip 0000000000405f55 sp 00007ffe error 6 in probe[5f55,401000+aa000]\n');

    expect(watch.take().sightings).toEqual([]);
  });

  test('an ordinary boot shows nothing', () => {
    const watch = createConsoleWatch();

    watch.push('[    0.9] Run /init as init process\n[    1.0] aem_core: loading out-of-tree module taints kernel.\n');

    expect(watch.take()).toMatchObject({ sightings: [], lines: { length: 2 } });
  });
});

describe('lines', () => {
  test('are complete ones, however the text is cut', async () => {
    const watch = createConsoleWatch();
    const through = watch.marker('one #1');

    for (const piece of ['[  1.0] aem', 'cert: on', 'e #1\r', '\n[  1.1] Kernel pa']) watch.push(piece);

    await through;
    expect(watch.take()).toEqual({ lines: [], sightings: [] });
    watch.push('nic - not syncing: x\n');
    expect(watch.take().sightings.map(({ kind }) => kind)).toEqual(['panic']);
  });

  test('are handed out once', () => {
    const watch = createConsoleWatch();
    watch.push(recorded.warning);

    expect(watch.take().sightings).toHaveLength(1);
    expect(watch.take()).toEqual({ lines: [], sightings: [] });
    expect(watch.tail(1)[0]).toContain('end trace');
  });

  test.each([
    ['[    1.234567] text', 'text'],
    ['<6>[    1.234567] text', 'text'],
    ['[    1.234567][   T71] text', 'text'],
    ['text [1.0]', 'text [1.0]'],
  ])('lose what printk puts before them: %s', (line, message) => {
    expect(stripPrefix(line)).toBe(message);
  });
});
