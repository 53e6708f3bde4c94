// SPDX-License-Identifier: GPL-2.0-only
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import { operations } from '../../reporters/bench/fd.ts';
import type { FileMeasurement, FileResults, Operation } from '../../reporters/bench/fd.ts';
import { measureBuilt, onGuest, runStream } from './measure.ts';
import type { BuildAsked, MeasureOptions } from './measure.ts';
import type { Fields } from './stream.ts';

export interface MeasureFilesOptions extends BuildAsked, Pick<MeasureOptions, 'memoryMiB'> {
  /** Of fifty operations of each kind. */
  readonly batches: number;
  onBoot(): void;
  onBegin(how: string): void;
}

/** Measures what can be done to files, on the kernel without AEM and on that with it, in instructions. */
export async function measureFiles(options: MeasureFilesOptions): Promise<FileResults> {
  const measured = await measureBuilt(options, async (patched, guest) => {
    const plain = await ensureKernel({ version: options.kernelVersion, signal: options.signal, onProgress: options.onBuild, unpatched: true });
    const without = await measureOn(plain, { ...guest, modules: [] }, ['-u'], options);
    const { target, measurements } = await measureOn(patched, guest, [], options);
    return { target, measurements: [...without.measurements, ...measurements] };
  });
  return { schema: 'aemcert-bench-fd/1', ...measured };
}

function measureOn(
  kernel: KernelBuild,
  guest: GuestBuild,
  argv: readonly string[],
  { memoryMiB, batches, signal, onBoot, onBegin }: MeasureFilesOptions,
): Promise<Pick<FileResults, 'target' | 'measurements'>> {
  onBoot();
  return onGuest({ kernel, guest, memoryMiB, cpus: 1, clock: 'icount', boot: 1, signal }, async (target) => ({
    target: target.info,
    measurements: await runStream(target, ['bench-fd', '-b', String(batches), ...argv], fileMeasurementOf, (fields) =>
      onBegin(fields.text('how')),
    ),
  }));
}

/** One line of what bench-fd measured. */
export function fileMeasurementOf(fields: Fields): FileMeasurement {
  const found: Partial<Record<Operation, number>> = {};
  for (const operation of operations) {
    if (fields.has(operation)) found[operation] = fields.number(operation);
  }
  return { how: fields.text('how'), ...found };
}
