// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { lacking, machineFor, parseConfig } from './config.ts';

const whole = [
  'X86_64', 'BLK_DEV_INITRD', 'BINFMT_ELF', 'SERIAL_8250', 'SERIAL_8250_CONSOLE', 'PROC_FS', 'SYSFS', 'DEVTMPFS', 'TMPFS', 'VIRTIO_CONSOLE', 'VIRTIO_PCI',
];
const text = whole.map((name) => `CONFIG_${name}=y\n`).join('');

test('a kernel that has what it needs to run lacks nothing', () => {
  expect(lacking(parseConfig(text), false)).toBeUndefined();
});

test.each([
  ['SERIAL_8250_CONSOLE', 'a console on the serial port (CONFIG_SERIAL_8250_CONSOLE)'],
  ['BLK_DEV_INITRD', 'an initramfs (CONFIG_BLK_DEV_INITRD)'],
  ['X86_64', 'x86_64 (CONFIG_X86_64)'],
  ['VIRTIO_CONSOLE', 'a virtio console (CONFIG_VIRTIO_CONSOLE)'],
  ['VIRTIO_PCI', 'a virtio bus (CONFIG_VIRTIO_PCI)'],
])('without %s it is named', (option, words) => {
  expect(lacking(parseConfig(text.replace(`CONFIG_${option}=y`, `# CONFIG_${option} is not set`)), true)).toBe(words);
});

test('a console that is a module needs the modules, a serial port that is one comes too late', () => {
  const modular = (option: string): ReturnType<typeof parseConfig> => parseConfig(text.replace(`CONFIG_${option}=y`, `CONFIG_${option}=m`));

  expect(lacking(modular('VIRTIO_CONSOLE'), true)).toBeUndefined();
  expect(lacking(modular('VIRTIO_CONSOLE'), false)).toContain('is a module: --modules DIR');
  expect(lacking(modular('SERIAL_8250'), true)).toContain('a serial port');
});

test('a microvm is for kernels that find its devices; a PC for all others, and where nothing is known', () => {
  const microvm = 'CONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\nCONFIG_X86_MPPARSE=y\n';

  expect(machineFor(parseConfig(microvm))).toBe('microvm');
  expect(machineFor(parseConfig(microvm.replace('MMIO=y', 'MMIO=m')))).toBe('q35');
  expect(machineFor(undefined)).toBe('q35');
});
