// SPDX-License-Identifier: GPL-2.0-only
import { acquireLock } from '../lock.ts';

// A process that takes the lock of its argument, says so, and keeps it until its stdin ends.
const [, , path = ''] = process.argv;
const lock = await acquireLock(path, {
  onWait: (pid) => void process.stdout.write(`waits for ${pid ?? '?'}\n`),
});
process.stdout.write('locked\n');
process.stdin.resume().on('end', () => void lock.release());
