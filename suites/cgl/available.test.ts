// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { UnsupportedError } from '../harness/expectation.ts';
import { available } from './available.ts';

const context = {
  unsupported(reason: string): never {
    throw new UnsupportedError(reason);
  },
};
const answer = (ret: number, errno: string | null = null) => ({ ret, errno });

test('a facility that is there has its answer', () => {
  expect(available(context, answer(3), 'epoll')).toEqual(answer(3));
});

test.each([
  ['epoll (CONFIG_EPOLL)', 'ENOSYS', 'this kernel has no epoll (CONFIG_EPOLL) (ENOSYS)'],
  ['proc connector', 'EPROTONOSUPPORT', 'this kernel has no proc connector (EPROTONOSUPPORT)'],
  ['io_uring', 'EPERM', 'io_uring is switched off: kernel.io_uring_disabled (EPERM)'],
])('one that is not is UNSUPPORTED, and it is said why: %s %s', (what, errno, reason) => {
  expect(() => available(context, answer(-1, errno), what)).toThrow(new UnsupportedError(reason));
});

test.each([
  ['epoll', 'EPERM'],
  ['epoll', 'EINVAL'],
  ['io_uring', 'ENOMEM'],
])('one that does not work fails: %s %s', (what, errno) => {
  expect(() => available(context, answer(-1, errno), what)).toThrow(`expected ${what} to be there; observed ${errno}`);
  expect(() => available(context, answer(-1, errno), what)).not.toThrow(UnsupportedError);
});
