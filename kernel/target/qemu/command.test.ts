// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { qemuArguments } from './command.ts';
import type { Machine } from './command.ts';

const machine: Machine = { image: 'bzImage', initramfs: 'initramfs', accelerator: 'tcg', cpus: 2, memoryMiB: 512, clock: 'host' };

/** The value of QEMU's `-accel`. */
function accel(given: Partial<Machine>): string | undefined {
  const args = qemuArguments({ ...machine, ...given });
  return args[args.indexOf('-accel') + 1];
}

test('the CPUs of a guest run in parallel, unless they are to take turns or their instructions are counted', () => {
  expect(accel({})).toBe('tcg,thread=multi');
  expect(accel({ turns: false })).toBe('tcg,thread=multi');
  expect(accel({ turns: true })).toBe('tcg,thread=single');
  expect(accel({ clock: 'icount' })).toBe('tcg,thread=single');
  expect(accel({ accelerator: 'kvm', turns: true })).toBe('kvm');
});
