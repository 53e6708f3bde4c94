// SPDX-License-Identifier: GPL-2.0-only
import { InputError } from '../../lib/errors.ts';

/** A file of options to put on top of tinyconfig. */
export interface Fragment {
  /** For errors, e.g. `kernel/config/base.config`. */
  readonly name: string;
  readonly text: string;
}

/** An option that was asked for. */
export interface Option {
  /** `CONFIG_SMP` */
  readonly name: string;
  /** As in .config: `y`, `m`, `n`, a number, or a string in its quotes. */
  readonly value: string;
  /** file:line */
  readonly where: string;
}

/** Parses a fragment. Throws an InputError at the first line that is no option. */
export function parseFragment({ name, text }: Fragment): readonly Option[] {
  return text.split('\n').flatMap((line, index): readonly Option[] => {
    const where = `${name}:${index + 1}`;
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line.trimEnd());
    if (set !== null && set[2] !== '') return [{ name: set[1] ?? '', value: set[2] ?? '', where }];
    const unset = /^# (CONFIG_\w+) is not set$/.exec(line.trimEnd());
    if (unset !== null) return [{ name: unset[1] ?? '', value: 'n', where }];
    if (line.trim() === '' || line.startsWith('#')) return [];
    throw new InputError('this is no configuration option', {
      where,
      expected: 'CONFIG_NAME=value, `# CONFIG_NAME is not set`, or a comment',
      seen: line,
    });
  });
}

/** The options of fragments in their order; a later one wins. `without`: names to leave out. */
export function mergeFragments(
  fragments: readonly Fragment[],
  without: (name: string) => boolean = () => false,
): readonly Option[] {
  const merged = new Map<string, Option>();
  for (const option of fragments.flatMap(parseFragment)) {
    if (!without(option.name)) merged.set(option.name, option);
  }
  return [...merged.values()];
}

/** Is this an option that only the patch series brings? */
export function isSeriesOption(name: string): boolean {
  return /^CONFIG_AEM(_|$)/.test(name);
}

/** The text of .config with the options put over those of `config`. */
export function applyOptions(config: string, options: readonly Option[]): string {
  const asked = new Set(options.map(({ name }) => name));
  const kept = config.split('\n').filter((line) => {
    const name = /^(?:# )?(CONFIG_\w+)(?:=| is not set)/.exec(line)?.[1];
    return name === undefined || !asked.has(name);
  });
  const lines = options.map(({ name, value }) =>
    value === 'n' ? `# ${name} is not set` : `${name}=${value}`,
  );
  return [...kept, ...lines, ''].join('\n');
}

/**
 * Throws an InputError that lists every option which `make olddefconfig` has changed or
 * dropped. `config`: the text of the final .config.
 */
export function checkSurvived(config: string, options: readonly Option[], where: string): void {
  const final = new Map(parseConfig(config));
  const lost = options.filter(({ name, value }) => (final.get(name) ?? 'n') !== value);
  if (lost.length === 0) return;
  const told = lost.map(
    (option) =>
      `${option.name}: asked ${option.value}, got ${final.get(option.name) ?? 'nothing'} (${option.where})`,
  );
  throw new InputError(
    lost.length === 1
      ? 'an option did not survive olddefconfig'
      : `${lost.length} options did not survive olddefconfig`,
    {
      where,
      expected: 'each option of the fragments as it was asked for',
      seen: told.join('\n            '),
      hint: 'ask for what the option depends on too (its "depends on" in Kconfig), or leave it out',
    },
  );
}

function parseConfig(config: string): readonly (readonly [string, string])[] {
  return config.split('\n').flatMap((line): readonly (readonly [string, string])[] => {
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line);
    return set === null ? [] : [[set[1] ?? '', set[2] ?? '']];
  });
}
