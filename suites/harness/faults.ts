// SPDX-License-Identifier: GPL-2.0-only
/** Faults on command, by fail-nth (fault-injection.rst in the kernel's documentation), and what they must not leave behind. */
import { expect } from 'vitest';
import { leakScript } from './leaks.ts';
import type { Answer, Arguments, Probe } from './probe.ts';
import { set } from './setting.ts';
import type { Context, TestOptions } from './verifies.ts';

/** The flavours whose kernel can be told to refuse memory and copies; hundreds of times, and on a slow kernel. */
export const injecting: TestOptions = { flavours: ['debug', 'coverage'], bodyLimit: 1_200_000 };

const debugfs = '/sys/kernel/debug';

/** By default only what must not sleep is refused; and each refusal is told with a stack. */
const settings: readonly (readonly [file: string, value: string])[] = [
  ['failslab/ignore-gfp-wait', 'N'],
  ['fail_page_alloc/ignore-gfp-wait', 'N'],
  ['fail_page_alloc/min-order', '0'],
  ['failslab/verbose', '0'],
  ['fail_page_alloc/verbose', '0'],
  ['fail_usercopy/verbose', '0'],
];

/** From here to the test's end a probe's command with `fail: N` is refused the N-th of all that it asks for. */
export async function armFaults(context: Pick<Context, 'sh' | 'after'>): Promise<void> {
  for (const [file, value] of settings) await set(context, `${debugfs}/${file}`, value);
}

/** A request that was refused, or the attempt in which there was none left to be refused. */
interface Attempt {
  readonly answer: Answer;
  readonly refused: boolean;
}

interface Faults {
  /** What an attempt may fail with. */
  readonly errors: readonly string[];
  /** The operation, a probe's command, with its request number `fail` refused. */
  readonly attempt: (fail: number) => Promise<Answer>;
  /** After each attempt: what has to hold, whatever came of it. */
  readonly then: (attempt: Attempt) => Promise<unknown>;
  /** The request with which to begin; the first, when it is not said. */
  readonly from?: number;
}

/**
 * Makes an attempt with the first, the second, … request refused, until there
 * are no more. Each has to fail with one of the errors or to succeed, the last
 * one to succeed. Returns how many failed.
 */
export async function eachFault({ errors, attempt, then, from = 1 }: Faults): Promise<number> {
  let failed = 0;
  for (let fail = from; ; fail++) {
    const answer = await attempt(fail);
    const refused = answer['injected'] === 1;
    if (answer.ret < 0) {
      expect(errors, `with request ${fail} refused`).toContain(answer.errno);
      failed += 1;
    }
    await then({ answer, refused });
    if (refused) continue;
    expect(answer, 'with nothing refused').toMatchObject({ errno: null, injected: 0 });
    return failed;
  }
}

/** What the kernel says when it has no memory, or cannot copy. */
export const refusals = ['ENOMEM', 'EFAULT'] as const;

interface Registration {
  readonly verb: string;
  readonly args: Arguments;
  /** The footprint without the event. */
  readonly before: string;
  /** What it may fail with; `refusals` when absent. */
  readonly errors?: Faults['errors'];
}

/** eachFault() of a command that registers an event: it is there, and is shut down, or nothing is there of it. */
export function eachRegistration(p: Probe, sh: Context['sh'], { verb, args, before, errors = refusals }: Registration): Promise<number> {
  return eachFault({
    errors,
    attempt: (fail) => p.send(verb, { ...args, fail }),
    async then({ answer }) {
      if (answer.ret >= 0) await p.ok('shutdown', { eid: answer.ret });
      expect(await footprint(sh)).toBe(before);
    },
  });
}

/** What AEM holds of its own, as the kernel tells: how many events, and what pins each module. */
export function footprint(sh: Context['sh']): Promise<string> {
  return sh(`grep -vc '^id' ${debugfs}/aem/events; grep '^aem_' /proc/modules | cut -d' ' -f1,3 | sort`);
}

/** What a kernel of the flavour debug finds to be lost, see leakScript; empty when nothing is, and on other kernels. */
export function leaks(sh: Context['sh']): Promise<string> {
  return sh(leakScript);
}

/** As leaks(), without what the kernel's own function `known` loses; that is not told of again. */
export async function leaksBut(known: string, sh: Context['sh']): Promise<string> {
  const all = await leaks(sh);
  if (all !== '') await sh(`echo clear > ${debugfs}/kmemleak`);
  return all
    .split(/^(?=unreferenced object)/m)
    .filter((object) => !object.includes(`${known}+`))
    .join('');
}
