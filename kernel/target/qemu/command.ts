// SPDX-License-Identifier: GPL-2.0-only

import type { MachineKind } from '../../build/artifacts.ts';

export interface Machine {
  readonly image: string;
  /** microvm when absent. */
  readonly kind?: MachineKind | undefined;
  readonly initramfs: string;
  readonly accelerator: 'tcg' | 'kvm';
  readonly cpus: number;
  readonly memoryMiB: number;
  /** `icount`: an instruction takes one virtual nanosecond, or a power of two of them, whatever the host does. */
  readonly clock: 'host' | 'icount';
  /** Its CPUs take turns in one thread of the host, as with `icount`; in parallel when absent, and with KVM. */
  readonly turns?: boolean | undefined;
  /** The binary logarithm of an instruction's nanoseconds; 0 when absent. */
  readonly instructionShift?: number | undefined;
  /** Of the time-stamp counter, where the guest has to be told. */
  readonly counterKHz?: number | undefined;
  /** Unix socket on which the host waits for the agent; absent for a shell. */
  readonly agentSocket?: string;
  /** Unix socket that QEMU makes: who connects to it speaks to the port `aemcert.other` of the guest. */
  readonly otherSocket?: string | undefined;
  /** The size of the terminal that a shell gets, where it is known. */
  readonly terminal?: { readonly rows: number; readonly columns: number };
}

/**
 * A machine of few parts, which boots fast: no firmware tables, no PCI. Kernels
 * that were built for PCs get one with PCI and ACPI. A panic ends it (panic=-1
 * and -no-reboot). Without KVM the CPU is one without large vector state, whose
 * saving is slow under emulation.
 */
export function qemuArguments(machine: Machine): readonly string[] {
  const kvm = machine.accelerator === 'kvm';
  const { rows, columns } = machine.terminal ?? { rows: 24, columns: 80 };
  const pc = machine.kind === 'q35';
  const threads = machine.clock === 'icount' || machine.turns === true ? 'single' : 'multi';
  const kernel = [
    'console=ttyS0',
    // What it complains of while it boots is evidence; a shell's user has no use for it.
    machine.agentSocket === undefined ? 'quiet' : 'loglevel=5',
    // So that also what unpacks the kernel can complain.
    ...(pc ? ['earlyprintk=serial,ttyS0,115200'] : []),
    'panic=-1',
    'oops=panic',
    'reboot=t',
    'printk.devkmsg=on',
    'hung_task_panic=1',
    'softlockup_panic=0',
    'random.trust_cpu=on',
    // Against jiffies on a busy host any clock looks skewed, and without one there are no high-resolution timers.
    'tsc=reliable',
    // Nor has the boot to panic because a timer interrupt came late on such a host.
    'no_timer_check',
    ...(machine.counterKHz === undefined ? [] : [`tsc_early_khz=${machine.counterKHz}`]),
    ...(machine.agentSocket === undefined ? [`AEMCERT_SHELL=${rows}x${columns}`] : []),
  ];
  return [
    '-M', pc ? 'q35' : 'microvm,acpi=off,rtc=on',
    '-cpu', kvm ? 'host' : 'Nehalem,+rdrand',
    '-accel', kvm ? 'kvm' : `tcg,thread=${threads}`,
    ...(machine.clock === 'icount' ? ['-icount', `shift=${machine.instructionShift ?? 0},sleep=off`] : []),
    '-smp', String(machine.cpus),
    '-m', String(machine.memoryMiB),
    '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none',
    // For a shell with QEMU's own keys (Ctrl-A X); Ctrl-C goes to the guest.
    '-serial', machine.agentSocket === undefined ? 'mon:stdio' : 'stdio',
    ...(machine.agentSocket === undefined
      ? []
      : [
          '-chardev', `socket,id=agent,path=${machine.agentSocket}`,
          '-device', pc ? 'virtio-serial-pci' : 'virtio-serial-device',
          '-device', 'virtserialport,chardev=agent,name=aemcert.agent',
        ]),
    ...(machine.otherSocket === undefined
      ? []
      : [
          '-chardev', `socket,id=other,path=${machine.otherSocket},server=on,wait=off`,
          '-device', 'virtserialport,chardev=other,name=aemcert.other',
        ]),
    '-kernel', machine.image,
    '-initrd', machine.initramfs,
    '-append', kernel.join(' '),
  ];
}
