import type { Command } from 'commander';
import { register as coverage } from './coverage.ts';
import { register as kernel } from './kernel.ts';
import { register as specs } from './specs.ts';

/** One entry a command: each adds itself, with its options and its action. */
export const commands: readonly ((program: Command) => void)[] = [coverage, kernel, specs];
