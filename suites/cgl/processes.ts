// SPDX-License-Identifier: GPL-2.0-only
/** What is told of processes, by AEM or by the kernel's own facilities. */
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { watch } from '../pexit/watch.ts';
import { available } from './available.ts';
import { asNeutral } from './neutral.ts';
import type { Facility } from './neutral.ts';

export interface End {
  readonly pid: number;
  /** As wait(2) has it; absent where the facility does not say. */
  readonly status?: number;
}

export interface Watcher {
  readonly probe: Probe;
  watch(pid: number): Promise<void>;
  /** Which ends of the process have been told since the last time. */
  ended(pid: number): Promise<readonly End[]>;
}

export interface ProcessFacility extends Facility {
  open(context: Context): Promise<Watcher>;
}

/** Splits what the probe tells: `what:pid:more;…`. */
export function split(told: unknown): readonly { readonly what: string; readonly pid: number; readonly more: number }[] {
  return String(told)
    .split(';')
    .filter((one) => one !== '')
    .map((one) => one.split(':'))
    .map(([what = '', pid, more]) => ({ what, pid: Number(pid), more: Number(more) }));
}

function ofKernel(name: string, via: string, what: string): ProcessFacility {
  return {
    name,
    binding: 'native',
    async open(context) {
      const probe = await context.probe();
      return {
        probe,
        async watch(pid) {
          if (via === 'connector') await needConnector(context);
          available(context, await probe.send('native-watch', { via, pid }), what);
        },
        async ended(pid) {
          const { told } = available(context, await probe.send('native-watched', { via, pid }), what);
          return split(told)
            .filter((one) => one.what === 'exit')
            .map((one) => ({ pid: one.pid, ...(one.more < 0 ? {} : { status: one.more }) }));
        },
      };
    },
  };
}

/** A kernel without process events lets one listen to them all the same. */
export async function needConnector({ run, unsupported }: Pick<Context, 'run' | 'unsupported'>): Promise<void> {
  const { status } = await run(['grep', '-q', 'cn_proc', '/proc/net/connector']);
  if (status !== 0) unsupported('this kernel has no process events (CONFIG_PROC_EVENTS; /proc/net/connector has no cn_proc)');
}

const aemPexit: ProcessFacility = {
  name: 'aem-pexit',
  binding: 'aem',
  async open(context) {
    const probe = await context.probe(asNeutral);
    return {
      probe,
      async watch(pid) {
        await watch(probe, pid);
      },
      ended: async () => (await probe.settle()).map(({ pid = -1, status = -1 }) => ({ pid, status })),
    };
  },
};

export const pidfd = ofKernel('pidfd', 'pidfd', 'pidfd_open');
export const connector = ofKernel('proc connector', 'connector', 'proc connector (CONFIG_CONNECTOR)');
export const processFacilities = [pidfd, connector, aemPexit] as const;
