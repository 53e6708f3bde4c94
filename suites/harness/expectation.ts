// SPDX-License-Identifier: GPL-2.0-only

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
