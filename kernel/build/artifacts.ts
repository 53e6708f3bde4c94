/** What the build makes and the target boots. All paths are absolute. */

export type Flavour = 'base' | 'debug' | 'coverage';

/** `controls` is built from a copy of the sources into which the faults of suites/controls are seeded; never shipped. */
export type Variant = 'release' | 'controls';

/** `microvm` has neither PCI nor ACPI; `q35` is a PC. */
export type MachineKind = 'microvm' | 'q35';

/** What a machine has to know of a kernel to boot it. */
export interface BootableKernel {
  readonly image: string;
  /** microvm when absent. */
  readonly machine?: MachineKind;
}

export interface KernelBuild {
  /** Hash of all inputs; the name of its folder in the cache. */
  readonly key: string;
  /** `6.12` */
  readonly version: string;
  readonly flavour: Flavour;
  /** `make kernelrelease` */
  readonly release: string;
  /** e.g. `linux-source-6.12 6.12.117-1~deb12u1` */
  readonly source: string;
  /** Patch names in the order of the series; empty when built unpatched. */
  readonly patches: readonly string[];
  readonly image: string;
  readonly config: string;
  /** The built tree, against which modules are built. */
  readonly tree: string;
}

export interface GuestBuild {
  readonly variant: Variant;
  /** In load order. */
  readonly modules: readonly { readonly name: string; readonly path: string }[];
  /** Static programs: agent, probe, examples. */
  readonly programs: readonly { readonly name: string; readonly path: string }[];
  /** Modules that the kernel may ask for while it runs, as a folder /lib/modules; absent when there are none. */
  readonly moduleTree?: string;
  /** Programs of this machine's /usr/bin that are to be there, too, and their Debian packages; absent for none. */
  readonly hostPrograms?: Readonly<Record<string, string>>;
}
