// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { InputError } from '../../../lib/errors.ts';
import { destination, parseAddress } from './address.ts';

test.each([
  ['ssh://host', ['--', 'host']],
  ['ssh://root@10.0.0.1:2222', ['-l', 'root', '-p', '2222', '--', '10.0.0.1']],
  ['ssh://me@[fe80::1]:22/', ['-l', 'me', '-p', '22', '--', 'fe80::1']],
  ['ssh://alias-of-my-config', ['--', 'alias-of-my-config']],
])('%s is what ssh is told', (text, words) => {
  expect(destination(parseAddress(text))).toEqual(words);
});

test.each(['host', 'ssh://', 'http://host', 'ssh://host:99999', 'ssh://host:0', 'ssh://-oProxyCommand=x', 'ssh://-x@host', 'ssh://a b', 'ssh://host/path'])('%s is no target', (text) => {
  expect(() => parseAddress(text)).toThrow(InputError);
});
