// SPDX-License-Identifier: GPL-2.0-only
/** Settings of the kernel under test: sysctls and parameters of modules. */
import type { Context } from './context.ts';
import { keepOnTarget } from './session.ts';

/** How many events a user may have. */
export const maxUserEvents = '/proc/sys/aem/max_user_events';

/** How soon it is looked whether a handler was left, in milliseconds. */
export const lookMs = '/proc/sys/aem/look_ms';

/** Has a setting put back when the test ends, or the target is lost. Returns what it is now. */
export async function putBack({ sh, after }: Pick<Context, 'sh' | 'after'>, path: string): Promise<string> {
  await keepOnTarget(path);
  const before = await sh(`cat ${path}`);
  after(() => sh(`echo ${before} > ${path}`));
  return before;
}

/** Changes a setting for the length of a test. */
export async function set(context: Pick<Context, 'sh' | 'after'>, path: string, value: number | string): Promise<void> {
  await putBack(context, path);
  await context.sh(`echo ${value} > ${path}`);
}

/** For the length of a test nobody looks whether a handler was left: a thread is kicked by events alone. */
export function noLooks(context: Pick<Context, 'sh' | 'after'>): Promise<void> {
  return set(context, lookMs, 60_000);
}
