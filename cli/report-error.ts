// SPDX-License-Identifier: GPL-2.0-only
import { AemcertError, ExitStatus, formatError } from '../lib/errors.ts';

/** Tells the user what ended the command; returns the status to end with. */
export function reportError(error: unknown): ExitStatus {
  process.stderr.write(`aemcert: ${formatError(error)}\n`);
  return error instanceof AemcertError ? error.exitStatus : ExitStatus.Infrastructure;
}
