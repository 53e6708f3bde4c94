// SPDX-License-Identifier: GPL-2.0-only
import type { MachineKind } from '../build/artifacts.ts';

/** How options are set: `y`, `m`, or a value; what is not set is not there. */
export type KernelConfig = ReadonlyMap<string, string>;

/** Parses the text of a .config. */
export function parseConfig(text: string): KernelConfig {
  return new Map(
    text.split('\n').flatMap((line): readonly (readonly [string, string])[] => {
      const [, name, value] = /^(CONFIG_\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Without any of these nothing runs; each with what it is there for. */
const needed: readonly (readonly [option: string, what: string])[] = [
  ['CONFIG_X86_64', 'x86_64'],
  ['CONFIG_BLK_DEV_INITRD', 'an initramfs'],
  ['CONFIG_BINFMT_ELF', 'programs'],
  ['CONFIG_SERIAL_8250', 'a serial port'],
  ['CONFIG_SERIAL_8250_CONSOLE', 'a console on the serial port'],
  ['CONFIG_PROC_FS', '/proc'],
  ['CONFIG_SYSFS', '/sys'],
  ['CONFIG_DEVTMPFS', '/dev'],
  ['CONFIG_TMPFS', 'tmpfs'],
];

/** What a kernel lacks to run at all, in words; undefined when nothing. `modules`: are its modules at hand? */
export function lacking(config: KernelConfig, modules: boolean): string | undefined {
  const absent = needed.filter(([option]) => config.get(option) !== 'y');
  if (absent.length > 0) return absent.map(([option, what]) => `${what} (${option})`).join(', ');
  const built = (option: string): boolean => config.get(option) === 'y' || (modules && config.get(option) === 'm');
  if (!built('CONFIG_VIRTIO_CONSOLE')) return `a virtio console (CONFIG_VIRTIO_CONSOLE${hint(config, 'CONFIG_VIRTIO_CONSOLE')})`;
  const bus = built('CONFIG_VIRTIO_PCI') || machineFor(config) === 'microvm';
  return bus ? undefined : `a virtio bus (CONFIG_VIRTIO_PCI${hint(config, 'CONFIG_VIRTIO_PCI')})`;
}

function hint(config: KernelConfig, option: string): string {
  return config.get(option) === 'm' ? ' is a module: --modules DIR' : '';
}

/** The machine that a kernel is built for: a PC, unless it finds the devices of a microvm. */
export function machineFor(config: KernelConfig | undefined): MachineKind {
  const own = ['CONFIG_VIRTIO_MMIO', 'CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES', 'CONFIG_X86_MPPARSE'];
  return config !== undefined && own.every((option) => config.get(option) === 'y') ? 'microvm' : 'q35';
}
