// SPDX-License-Identifier: GPL-2.0-only
/** What is told of files, by AEM or by the kernel's own facilities. */
import type { Need } from '../harness/needs.ts';
import { worked } from '../harness/probe.ts';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { news as told, watch } from '../fd/watch.ts';
import type { Band } from '../fd/watch.ts';
import { available, parts } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';

export const whats = ['open', 'close', 'read', 'write', 'attribute', 'create', 'remove'] as const;
export type What = (typeof whats)[number];

export interface News {
  readonly what: string;
  /** Who did it; 0 where the facility does not say. */
  readonly pid: number;
  /** The last part of the name. */
  readonly name: string;
}

export interface FileWatcher {
  readonly probe: Probe;
  /** What happens to the files in the directory, or to its entries. */
  watch(folder: string, files: readonly string[], what: readonly What[]): Promise<void>;
  news(): Promise<readonly News[]>;
}

export interface FileFacility extends Facility {
  open(context: Context): Promise<FileWatcher>;
}

function ofKernel(via: string, option: string, ...needs: readonly Need[]): FileFacility {
  return {
    name: via,
    binding: 'native',
    needs,
    async open(context) {
      const probe = await context.probe();
      available(context, await probe.send('native-files', { via }), `${via} (${option})`);
      return {
        probe,
        async watch(folder, _files, what) {
          await probe.ok('native-mark', { via, name: folder, what: what.join(',') });
        },
        async news() {
          const { told: seen } = worked(await probe.send('native-files-take', { via }), 'native-files-take');
          return parts(seen).map(([what = '', pid, name = '']) => ({ what, pid: Number(pid), name }));
        },
      };
    },
  };
}

/** By what is told of a file itself, and of the directory that it is in. */
const bandOf: Readonly<Record<What, Band>> = {
  open: 'open', close: 'hup', read: 'in', write: 'out', attribute: 'mode', create: 'create', remove: 'remove',
};
const ofFolder: readonly What[] = ['create', 'remove'];

const aemFd: FileFacility = {
  name: 'aem-fd',
  binding: 'aem',
  async open(context) {
    const probe = await context.probe(asNeutral);
    await probe.ok('vmtable', { zone: 1 });
    return {
      probe,
      async watch(folder, files, what) {
        const [entries, own] = [what.filter((one) => ofFolder.includes(one)), what.filter((one) => !ofFolder.includes(one))];
        if (entries.length > 0) await watch(probe, folder, entries.map((one) => bandOf[one]));
        if (own.length === 0) return;
        for (const file of files) await watch(probe, `${folder}/${file}`, own.map((one) => bandOf[one]));
      },
      async news() {
        const names = new Map(Object.entries(bandOf).map(([what, band]) => [band, what]));
        return (await probe.settle()).map(told).map(({ band, pid = -1, name = '' }) => ({
          what: names.get(band ?? 'in') ?? String(band),
          pid,
          name: name.split('/').at(-1) ?? '',
        }));
      },
    };
  },
};

export const inotify = ofKernel('inotify', 'CONFIG_INOTIFY_USER');
export const fanotify = ofKernel('fanotify', 'CONFIG_FANOTIFY', 'fanotify');
/** Those that say who it was. */
export const withPid = [fanotify, aemFd] as const;
export const fileFacilities = [inotify, fanotify, aemFd] as const;
