/** Exit statuses of the aemcert command. */
export const ExitStatus = {
  /** Every mandatory requirement passed. */
  Conformant: 0,
  /** Something was measured and does not conform. */
  NotConformant: 1,
  /** Wrong usage, or bad input. */
  Usage: 2,
  /** Could not tell: the machine, the target or the tools failed. */
  Infrastructure: 3,
} as const;
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

export interface AemcertErrorDetails {
  /** Where: a file, or file:line:column. */
  readonly where?: string | undefined;
  readonly expected?: string | undefined;
  readonly seen?: string | undefined;
  /** What to do about it: one command or sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** An error that is told to the user; printed in one place, by formatError(). */
export class AemcertError extends Error {
  readonly exitStatus: ExitStatus;
  readonly details: AemcertErrorDetails;

  constructor(message: string, exitStatus: ExitStatus, details: AemcertErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.exitStatus = exitStatus;
    this.details = details;
  }
}

/** The user's input is wrong: a file, an option, an id. */
export class InputError extends AemcertError {
  constructor(message: string, details: AemcertErrorDetails = {}) {
    super(message, ExitStatus.Usage, details);
  }
}

/** The machine or its tools failed, so nothing can be said of the kernel. */
export class InfrastructureError extends AemcertError {
  constructor(message: string, details: AemcertErrorDetails = {}) {
    super(message, ExitStatus.Infrastructure, details);
  }
}

/** Renders an error for the terminal: what, where, expected, seen, what to do. */
export function formatError(error: unknown): string {
  if (!(error instanceof AemcertError)) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { where, expected, seen, hint } = error.details;
  const lines = [where === undefined ? error.message : `${where}: ${error.message}`];
  if (expected !== undefined) lines.push(`  expected: ${expected}`);
  if (seen !== undefined) lines.push(`  seen:     ${seen}`);
  if (hint !== undefined) lines.push(`  do:       ${hint}`);
  return lines.join('\n');
}
