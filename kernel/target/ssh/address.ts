// SPDX-License-Identifier: GPL-2.0-only
import { InputError } from '../../../lib/errors.ts';

/** A machine that ssh reaches; names and keys are looked up as ssh does, by its own configuration. */
export interface Address {
  readonly user?: string;
  readonly host: string;
  readonly port?: number;
  /** As it was given: ssh://user@host:port. */
  readonly text: string;
}

const form = 'ssh://[user@]host[:port]';

/** Parses what stands after --target. Throws an InputError that shows the form. */
export function parseAddress(text: string): Address {
  const [, user, bracketed, plain, port] = /^ssh:\/\/(?:([^@/:\s]+)@)?(?:\[([^\]/\s]+)\]|([^@/:\s[\]]+))(?::(\d{1,5}))?\/?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  // What begins with a dash would be an option of ssh's.
  if (host === undefined || host.startsWith('-') || user?.startsWith('-') === true) {
    throw new InputError('this is no target', { expected: form, seen: text });
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw new InputError('this is no target', { expected: 'a port from 1 to 65535', seen: text });
  }
  return { ...(user === undefined ? {} : { user }), host, ...(port === undefined ? {} : { port: Number(port) }), text };
}

/** For ssh's command line. */
export function destination({ user, host, port }: Address): readonly string[] {
  return [...(user === undefined ? [] : ['-l', user]), ...(port === undefined ? [] : ['-p', String(port)]), '--', host];
}
