// SPDX-License-Identifier: GPL-2.0-only
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { register } from './shell.ts';

const unhandled: unknown[] = [];
const keep = (reason: unknown): void => void unhandled.push(reason);

// The shell has ended and closed its stdin; the line that it printed and its end are told a little later.
async function* lines(): AsyncGenerator<string> {
  await sleep(50);
  yield 'bye';
}

vi.mock('../../kernel/build/kernel.ts', () => ({ ensureKernel: () => Promise.resolve({}) }));
vi.mock('../../kernel/build/guest.ts', () => ({ ensureGuest: () => Promise.resolve({}) }));
vi.mock('../../kernel/target/qemu/boot.ts', () => ({
  bootQemu: () =>
    Promise.resolve({
      spawn: () =>
        Promise.resolve({
          write: () => Promise.resolve(),
          closeStdin: () => Promise.reject(new Error('stdin: Broken pipe (EPIPE)')),
          lines: lines(),
          exited: Promise.resolve({ status: 3 }),
        }),
      close: () => Promise.resolve(),
    }),
}));

afterEach(() => {
  vi.restoreAllMocks();
  process.off('unhandledRejection', keep);
});

test('a script that ends before all of it is read ends the command with its status', async () => {
  process.on('unhandledRejection', keep);
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from(['exit 3\n']) as unknown as typeof process.stdin);
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const status = process.exitCode;
  const program = new Command('aemcert').exitOverride();
  register(program);

  await program.parseAsync(['node', 'aemcert', 'shell']);

  const ended = process.exitCode;
  process.exitCode = status;
  expect(ended).toBe(3);
  expect(write).toHaveBeenCalledWith('bye\n');
  expect(unhandled).toEqual([]);
});
