// SPDX-License-Identifier: GPL-2.0-only
import { AgentError } from '../../kernel/target/agent/client.ts';

/** Something that a test waited for did not come, or came otherwise: the test fails. */
export class ExpectationError extends Error {
  readonly expected: string;
  readonly observed: string;

  constructor(expected: string, observed: string) {
    super(`expected ${expected}; observed ${observed}`);
    this.name = 'ExpectationError';
    this.expected = expected;
    this.observed = observed;
  }
}

/** For what the agent refuses since the subject is not as expected: a program that has ended takes no more input. Other errors are passed on. */
export function unexpected(expected: string, seen = (): string => ''): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof AgentError)) throw error;
    throw new ExpectationError(expected, `${error.message} ${seen()}`.trim());
  };
}

/** What a test waited for did not come within its deadline. */
export class MissingEventError extends ExpectationError {
  constructor(expected: string, observed: string) {
    super(expected, observed);
    this.name = 'MissingEventError';
  }
}

/** The subject lacks an optional feature: the test cannot say anything of it. */
export class UnsupportedError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UnsupportedError';
  }
}
