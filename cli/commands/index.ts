// SPDX-License-Identifier: GPL-2.0-only
import type { Command } from 'commander';
import { register as bench } from './bench.ts';
import { register as certify } from './certify.ts';
import { register as controls } from './controls.ts';
import { register as coverage } from './coverage.ts';
import { register as doctor } from './doctor.ts';
import { register as kernel } from './kernel.ts';
import { register as keygen } from './keygen.ts';
import { register as lint } from './lint.ts';
import { register as merge } from './merge.ts';
import { register as run } from './run.ts';
import { register as selftest } from './selftest.ts';
import { register as shell } from './shell.ts';
import { register as specs } from './specs.ts';
import { register as verify } from './verify.ts';

/** One entry a command: each adds itself, with its options and its action. */
export const commands: readonly ((program: Command) => void)[] = [
  run, merge, certify, verify, keygen, controls, coverage, specs, bench, kernel, shell, doctor, selftest, lint,
];
