// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { ranStaleCode } from './stale-code.ts';

/** As a 6.12 kernel printed it under QEMU 7.2, shortened. */
const recorded = `[    0.908168] Oops: int3: 0000 [#1] SMP
[    0.908657] CPU: 1 UID: 0 PID: 12 Comm: kworker/u8:0 Not tainted 6.12.117-aem #1
[    0.909422] RIP: 0010:hrtimer_start_range_ns+0x163/0x2c2
[    0.909422] Code: 48 89 4d b8 e9 a5 00 00 00 66 <90> 4c 89 e8 f6 45 cc 02 75 d8
[    0.909422] Call Trace:
[    0.909422] RIP: 0010:trace_event_update_all+0x1fa/0x274
[    0.909422] Code: cc cc cc cc <48> ff c1
[    0.909422] Kernel panic - not syncing: Fatal exception in interrupt`;

test('a trap where there is no int3 is the emulator’s', () => {
  expect(ranStaleCode(recorded.split('\n'))).toBe(true);
  expect(ranStaleCode(['a line before', ...recorded.split('\n')])).toBe(true);
});

test.each([
  ['an int3 that is there', recorded.replace('66 <90>', 'cc <90>')],
  ['another oops', recorded.replace('int3: 0000', 'general protection fault: 0000')],
  ['another oops before it', `[ 0.1] Oops: 0002 [#1] SMP\n[ 0.1] Code: 00 <90>\n${recorded}`],
  ['no dump of the code', recorded.replaceAll('Code:', 'code')],
  ['a place that cannot be read', recorded.replace(/Code: .*/, 'Code: Unable to access opcode bytes at 0x12.')],
])('%s is the kernel’s', (_what, console) => {
  expect(ranStaleCode(console.split('\n'))).toBe(false);
});
