// SPDX-License-Identifier: GPL-2.0-only
/** A facility that a kernel lacks is told apart from one that does not work. */
import { ExpectationError } from '../harness/expectation.ts';
import type { Answer } from '../harness/probe.ts';
import type { Context } from '../harness/verifies.ts';

/** What the kernel says where it was built without a facility. */
const lacking = ['ENOSYS', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'];

/** What the probe tells, `a:b:c;…`, in its parts. */
export function parts(told: unknown): readonly (readonly string[])[] {
  return String(told)
    .split(';')
    .filter((one) => one !== '')
    .map((one) => one.split(':'));
}

/**
 * What the answer to the first command says, where the facility is there. Where it is not, or is switched off, the test is over:
 * it is UNSUPPORTED. Any other error is the facility's, and fails it.
 */
export function available({ unsupported }: Pick<Context, 'unsupported'>, answer: Answer, what: string): Answer {
  const { ret } = answer;
  if (ret >= 0) return answer;
  const errno = answer.errno ?? String(ret);
  if (lacking.includes(errno)) unsupported(`this kernel has no ${what} (${errno})`);
  // Root gets this only where the sysctl has switched it off.
  if (errno === 'EPERM' && what.startsWith('io_uring')) unsupported(`${what} is switched off: kernel.io_uring_disabled (${errno})`);
  throw new ExpectationError(`${what} to be there`, errno);
}
