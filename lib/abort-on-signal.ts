// SPDX-License-Identifier: GPL-2.0-only
import { InfrastructureError } from './errors.ts';

/** An AbortSignal that SIGINT, SIGTERM and SIGHUP abort, until it is disposed of. */
export interface Interruption {
  readonly signal: AbortSignal;
  dispose(): void;
}

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort with an InfrastructureError, so that
 * what was begun is cleaned up. The second ends the process at once.
 */
export function abortOnSignal(): Interruption {
  const controller = new AbortController();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const dispose = (): void => {
    for (const name of names) process.off(name, abort);
  };
  const abort = (name: NodeJS.Signals): void => {
    dispose();
    controller.abort(new InfrastructureError(`interrupted by ${name}`));
  };
  for (const name of names) process.on(name, abort);
  return { signal: controller.signal, dispose };
}
