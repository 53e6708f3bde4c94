// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { overwritten } from '../../kernel/target/console/patterns.ts';
import type { Incident } from '../../reporters/results.ts';
import { leftBehind, silentTaint, unreadLog } from './run.ts';

const test1 = { id: 'a/b/c', verdict: 'PASS', durationMs: 1, assertions: 1, boot: 3 } as const;

test('a fault after the last test that the taint alone tells of is one of the kernel', () => {
  expect(silentTaint({ tests: [{ ...test1, taint: { before: 4096, after: 4096 } }] }, 4096 | 512)).toMatchObject([
    { kind: 'other', blame: 'kernel', boot: 3, excerpt: 'taint 512 gained after the last test, and no word of it in the log' },
  ]);
});

test('what a test has told of, or what was there before the run, is not told again', () => {
  expect(silentTaint({ tests: [{ ...test1, taint: { before: 128, after: 128 | 512 } }] }, 128 | 512)).toEqual([]);
  expect(silentTaint({ tests: [test1] }, 512)).toEqual([]);
});

const incident = (kind: Incident['kind'], blame: Incident['blame'], excerpt: string): Incident => ({ kind, blame, at: '2026-01-01T00:00:00Z', boot: 3, excerpt });

test('what the machine has a fault of hides no fault of the kernel, and what the kernel has told is told once', () => {
  const tests = [{ ...test1, taint: { before: 4096, after: 4096 } }];
  const [lost, memory] = [incident('other', 'infrastructure', overwritten), incident('out-of-memory', 'infrastructure', 'Out of memory: Killed process 3 (hog)')];

  expect(silentTaint({ tests }, 4096 | 512, [lost, memory])).toMatchObject([{ kind: 'other', blame: 'kernel' }]);
  expect(silentTaint({ tests }, 4096 | 512, [lost, incident('warning', 'kernel', 'WARNING: x')])).toEqual([]);
});

test('a log that was overwritten while no test ran leaves the run in doubt, also where it cuts into something else', () => {
  const memory = 'hog invoked oom-killer: order=0';

  expect(unreadLog([incident('other', 'infrastructure', overwritten)])).toMatch(/^while no test ran a part of the kernel’s log was overwritten/);
  expect(unreadLog([incident('out-of-memory', 'infrastructure', `${memory}\n${overwritten}`)])).toMatch(/overwritten/);
  expect(unreadLog([incident('out-of-memory', 'infrastructure', memory)])).toBeUndefined();
  expect(unreadLog([])).toBeUndefined();
});

test('what was left behind is in the results: a module or a process is the kernel’s fault, and the rest is told', () => {
  const left = [
    'left behind: the module aem_core (Resource temporarily unavailable)',
    'left behind: processes that do not end, children of the agent (Connection timed out)',
    'left behind: a changed setting: /proc/sys/kernel/pid_max (Permission denied)',
    'left behind: the folder /tmp/aemcert.x (Directory not empty)',
  ];

  const incidents = leftBehind({ tests: [test1] }, left, ['the connection was lost (ssh was killed by SIGKILL)']);

  expect(incidents.map(({ kind, blame, boot, excerpt }) => [kind, blame, boot, excerpt])).toEqual([
    ['other', 'kernel', 3, left[0]],
    ['other', 'kernel', 3, left[1]],
    ['other', 'infrastructure', 3, left[2]],
    ['other', 'infrastructure', 3, left[3]],
    ['exit', 'infrastructure', 3, 'the connection was lost (ssh was killed by SIGKILL)'],
  ]);
  expect(leftBehind({ tests: [] }, [], [])).toEqual([]);
});
