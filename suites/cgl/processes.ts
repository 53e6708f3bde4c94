// SPDX-License-Identifier: GPL-2.0-only
/** What is told of processes, by AEM or by the kernel's own facilities. */
import type { Need } from '../harness/needs.ts';
import { worked } from '../harness/probe.ts';
import type { Probe } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';
import { watch } from '../pexit/watch.ts';
import { available, parts } from './available.ts';
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
  /** Which ends of the process have been told since the last time; waits until they are `least`. */
  ended(pid: number, least: number): Promise<readonly End[]>;
}

export interface ProcessFacility extends Facility {
  open(context: Context): Promise<Watcher>;
}

/** What has been told of a process or thread: `more` is a status, or -1. */
export interface News {
  readonly what: string;
  readonly pid: number;
  readonly more: number;
}

/** What a facility of the kernel's has told of a process since the last time; waits until it is `least` things. */
export async function newsOf(probe: Probe, args: { readonly via: string; readonly pid: number; readonly least?: number }): Promise<readonly News[]> {
  const { told } = worked(await probe.send('native-watched', args), 'native-watched');
  return parts(told).map(([what = '', pid, more]) => ({ what, pid: Number(pid), more: Number(more) }));
}

function ofKernel(name: string, via: string, what: string, ...needs: readonly Need[]): ProcessFacility {
  return {
    name,
    binding: 'native',
    needs,
    async open(context) {
      const probe = await context.probe();
      return {
        probe,
        async watch(pid) {
          if (via === 'connector') await needConnector(context);
          available(context, await probe.send('native-watch', { via, pid }), what);
        },
        async ended(pid, least) {
          const news = await newsOf(probe, { via, pid, least });
          return news.filter(({ what: one }) => one === 'exit').map(({ pid: of, more }) => ({ pid: of, ...(more < 0 ? {} : { status: more }) }));
        },
      };
    },
  };
}

/** A kernel without process events lets one listen to them all the same. */
async function needConnector({ run, unsupported }: Pick<Context, 'run' | 'unsupported'>): Promise<void> {
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
      async ended(_pid, least) {
        const calls = [];
        while (calls.length < least) calls.push(await probe.nextCall());
        return [...calls, ...(await probe.settle())].map(({ pid = -1, status = -1 }) => ({ pid, status }));
      },
    };
  },
};

export const pidfd = ofKernel('pidfd', 'pidfd', 'pidfd_open');
export const connector = ofKernel('proc connector', 'connector', 'proc connector (CONFIG_CONNECTOR)', 'process-events');
export const processFacilities = [pidfd, connector, aemPexit] as const;
