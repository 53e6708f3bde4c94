// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { createUntoldLog } from './untold.ts';

const warning = '[  1.0] WARNING: CPU: 0 PID: 9 at aem.c:3 aem_init+0x1/0x2 [aem_core]\n[  1.0] ---[ end trace 0 ]---\n';
const oops = '[  9.0] BUG: kernel NULL pointer dereference, address: 0000000000000008\n[  9.1] ---[ end trace 0 ]---\n';
const look = '[  5.0] aemcert: health #4\n';

test('a complaint while modules are loaded is an incident of that connection, once, with its lines', () => {
  const log = createUntoldLog(2);

  log.push(`[  0.9] aem_core: loading out-of-tree module taints kernel.\n${warning}aemcert: ready\n`, false);

  const { incidents, text } = log.take();
  expect(incidents).toMatchObject([{ kind: 'warning', blame: 'kernel', boot: 2, excerpt: warning.trimEnd() }]);
  expect(incidents[0]).not.toHaveProperty('testId');
  expect(text).toBe(`[  0.9] aem_core: loading out-of-tree module taints kernel.\n${warning}aemcert: ready\n`);
  expect(log.take()).toEqual({ incidents: [], text: '' });
});

test('what the process of the tests has looked at is its own; what came after its last look is told here', () => {
  const log = createUntoldLog(1);

  log.push(warning, true);
  log.push(`[  4.9] aemcert: begin a-test #3\n${look}`, true);
  expect(log.take().incidents).toEqual([]);
  log.push(`${warning}[  6.0] aemcert: begin another #5\n`, true);
  log.push(oops, false);

  const { incidents, text } = log.take();
  expect(incidents.map(({ kind }) => kind)).toEqual(['warning', 'oops']);
  // The lines that the other was told are in its file.
  expect(text).toBe(oops);
});

test('the first look of the process of the tests is not at what was said before it was told anything', () => {
  const log = createUntoldLog(2);

  log.push(warning, false);
  log.push(`${oops}[  9.9] aemcert: begin a-test #1\n${look}`, true);
  log.push(`${oops}${look}`, true);

  // The oopses were before its markers.
  const { incidents, text } = log.take();
  expect(incidents).toMatchObject([{ kind: 'warning', blame: 'kernel', boot: 2, excerpt: warning.trimEnd() }]);
  expect(text).toBe(warning);
  expect(log.take()).toEqual({ incidents: [], text: '' });
});

test('that memory ran out there, or the log was overwritten, is not the kernel’s fault', () => {
  const log = createUntoldLog(1);

  log.push("a part of the kernel's log was overwritten unread\n[  8.0] hog invoked oom-killer: order=0\n[  8.1] Out of memory: Killed process 3 (hog)\n", false);
  log.push(oops, false);

  expect(log.take().incidents.map(({ kind, blame }) => [kind, blame])).toEqual([
    ['other', 'infrastructure'],
    ['out-of-memory', 'infrastructure'],
    ['oops', 'kernel'],
  ]);
});
