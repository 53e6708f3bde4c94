// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import type { MachineFacts } from '../../kernel/target/ssh/facts.ts';
import { lacking } from './needs.ts';
import type { Need, Offer } from './needs.ts';

const ours: MachineFacts = { missingCapabilities: [], aem: true, aemFiles: true, uids: { 1001: 1001, 1002: 1002 } };
const everything: Offer = { machine: ours, info: { destructive: true } };

function native(...needs: readonly Need[]) {
  return { suite: 'cgl', binding: 'native', needs } as const;
}

const all = ['users', 'settings', 'mounts', 'fanotify', 'process-events', 'interrupts', 'networks', 'clock', 'destructive', 'log'] as const;

test('a test that needs nothing runs on any machine', () => {
  const poor: Offer = { machine: { ...ours, notRoot: 'it runs as uid 7', noMounts: 'EPERM', aem: false, aemFiles: false }, info: { logUnwatched: 'EPERM' } };

  expect(lacking(native(), poor)).toBeUndefined();
});

test('where all is there, nothing is lacking', () => {
  expect(lacking(native(...all), everything)).toBeUndefined();
  expect(lacking({ suite: 'core', binding: 'aem', needs: all }, everything)).toBeUndefined();
});

test.each(['users', 'settings', 'mounts', 'fanotify', 'process-events', 'interrupts', 'networks'] as const)('%s is root’s', (need) => {
  expect(lacking(native(need), { ...everything, machine: { ...ours, notRoot: 'it runs as uid 7' } })).toMatch(/^needs root .*: it runs as uid 7$/);
});

test.each<readonly [string, Need, Partial<MachineFacts>, Offer['info'], RegExp]>([
  ['a container’s root', 'fanotify', { missingCapabilities: ['CAP_SYS_ADMIN'] }, { destructive: true }, /^needs CAP_SYS_ADMIN for fanotify/],
  ['no mount namespace', 'mounts', { noMounts: 'Operation not permitted' }, { destructive: true }, /mount namespace .*not permitted$/],
  ['no permission to disturb', 'destructive', {}, {}, /--destructive$/],
  ['a machine with other things to do', 'clock', {}, {}, /^measures how soon.*--destructive$/],
  ['a log that cannot be read', 'log', {}, { destructive: true, logUnwatched: 'EPERM' }, /cannot be read: EPERM$/],
])('%s is told', (_what, need, machine, info, words) => {
  expect(lacking(native(need), { machine: { ...ours, ...machine }, info })).toMatch(words);
});

test.each<readonly [string, string, Partial<MachineFacts>, Offer['info'], RegExp]>([
  ['its modules', 'cgl', { aem: false }, { destructive: true }, /its modules are not loaded/],
  ['root', 'cgl', { notRoot: 'it runs as uid 7' }, { destructive: true }, /^needs root for AEM/],
  ['permission to disturb, where the suite is its own', 'core', {}, {}, /--destructive$/],
  ['its files, where the suite is its own', 'core', { aemFiles: false }, { destructive: true }, /\/lib\/aem/],
  ['users that nobody is, where the suite is its own', 'core', { uids: { 1001: 61_001, 1002: 1002 } }, { destructive: true }, /1001 and 1002/],
])('a test of AEM needs %s', (_what, suite, machine, info, words) => {
  expect(lacking({ suite, binding: 'aem', needs: [] }, { machine: { ...ours, ...machine }, info })).toMatch(words);
});
