// SPDX-License-Identifier: GPL-2.0-only
/** What the tests of aem-sched share. Masks of CPUs are numbers, a bit a CPU. */
import { ExpectationError } from '../harness/expectation.ts';
import type { Answer, Arguments, Probe } from '../harness/probe.ts';
import { set } from '../harness/setting.ts';
import { enterTracing, tracing } from '../harness/tracing.ts';
import type { Context } from '../harness/verifies.ts';

/** Where everything is that is to meet on one CPU; the harness's own processes may run on the others, too. */
export const meeting = 1;

export const only = (cpu: number): number => 1 << cpu;

/** Wake-ups that it has steered and preferences that it has given, since it was loaded. */
export interface Books {
  readonly steered: number;
  readonly preferred: number;
}

export async function readBooks({ sh }: Pick<Context, 'sh'>): Promise<Books> {
  const [steered, preferred] = (await sh('cd /sys/module/aem_sched/parameters && cat steered preferred')).split('\n').map(Number);
  return { steered: steered ?? NaN, preferred: preferred ?? NaN };
}

/** What has been counted since `before`. */
export async function countedSince(context: Pick<Context, 'sh'>, before: Books): Promise<Books> {
  const now = await readBooks(context);
  return { steered: now.steered - before.steered, preferred: now.preferred - before.preferred };
}

/**
 * Has realtime tasks keep a CPU from the others for as long as they like, for the length of a test. The kernel has a server
 * (fair_server, 6.12) that gives the others some of each second.
 */
export async function letRealtimeStarve(context: Pick<Context, 'sh' | 'after'>): Promise<void> {
  const servers = await context.sh('ls -d /sys/kernel/debug/sched/fair_server/cpu* 2>/dev/null || true');
  for (const server of servers.split('\n').filter((line) => line !== '')) await set(context, `${server}/runtime`, 0);
}

/** How many CPUs the guest has. */
export async function cpuCount({ sh }: Pick<Context, 'sh'>): Promise<number> {
  return Number(await sh('nproc'));
}

/** Has a probe's first thread sleep on one CPU, allowed to run on those of the mask. */
export async function atRest({ sh, inState }: Context, p: Probe, home: number, cpus: number): Promise<void> {
  // It may be taken elsewhere on its way to sleep.
  for (let on = -1; on !== home; ) {
    await p.ok('rest', { home, cpus });
    await inState(p.pid, 'S');
    on = Number((await sh(`cat /proc/${p.pid}/stat`)).replace(/^.*\) /, '').split(' ')[36]);
  }
}

/** A probe that is to raise the events of others, from one CPU. */
export async function raiser({ probe }: Context, cpu = 0): Promise<Probe> {
  const by = await probe();
  await by.ok('pin', { cpus: only(cpu) });
  return by;
}

/** A thread of the probe that computes where all meet, until the probe is told to relax. */
export async function competitor(p: Probe, name = 'busy'): Promise<void> {
  await p.ok('thread', { name, cpu: meeting });
  await begins(p, name, 'busy');
}

/** Has a thread do something until the probe is told to relax. Its answer is for who wants it. */
export async function begins(p: Probe, thread: string, verb: string, args: Arguments = {}): Promise<{ readonly answer: Promise<Answer> }> {
  const answer = p.on(thread, verb, args);
  const { did } = await p.notice('did');
  if (did !== verb) throw new ExpectationError(`${thread} to begin to ${verb}`, String(did));
  return { answer };
}

/** Has the kernel tell where it wakes a thread up, from here on. */
export async function traceWakeups({ sh, after }: Context, pid: number): Promise<void> {
  after(() => sh(`cd ${tracing}/events && echo 0 > enable && for e in sched_wakeup sched_migrate_task; do echo 0 > sched/$e/filter; done; echo 1 > ../tracing_on`));
  await sh(
    `${enterTracing} && echo > trace && echo 1 > tracing_on && ` +
      `for e in sched_wakeup sched_migrate_task; do echo 'pid == ${pid}' > events/sched/$e/filter && echo 1 > events/sched/$e/enable; done`,
  );
}

export interface Wakeup {
  /** Of the first wake-up since the trace was begun. */
  readonly target: number;
  /** Something has taken the thread elsewhere since then. */
  readonly moved: boolean;
}

export async function wakeup({ sh }: Context): Promise<Wakeup> {
  const lines = (await sh(`grep -v '^#' ${tracing}/trace`)).split('\n');
  const at = lines.findIndex((line) => line.includes(' sched_wakeup: '));
  return {
    target: Number(/ target_cpu=(\d+)/.exec(lines[at] ?? '')?.[1]),
    moved: lines.slice(at + 1).some((line) => line.includes(' sched_migrate_task: ')),
  };
}
