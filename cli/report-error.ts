// SPDX-License-Identifier: GPL-2.0-only
import { AemcertError, ExitStatus, formatError } from '../lib/errors.ts';
import { plain } from '../reporters/text.ts';

/** Tells the user what ended the command; returns the status to end with. */
export function reportError(error: unknown): ExitStatus {
  process.stderr.write(`aemcert: ${plain(formatError(error))}\n`);
  return error instanceof AemcertError ? error.exitStatus : ExitStatus.Infrastructure;
}
