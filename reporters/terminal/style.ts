// SPDX-License-Identifier: GPL-2.0-only
import type { Verdict } from '../results.ts';

/** Colours a text for a terminal, or leaves it alone. */
export interface Paint {
  readonly verdict: (verdict: Verdict, text: string) => string;
  readonly soft: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly doubtful: (text: string) => string;
}

const codes = { red: 31, green: 32, yellow: 33, magenta: 35, grey: 90, bold: 1 } as const;
const verdictColours: Readonly<Record<Verdict, keyof typeof codes>> = {
  PASS: 'green',
  FAIL: 'red',
  UNRESOLVED: 'yellow',
  UNSUPPORTED: 'grey',
  UNTESTED: 'magenta',
};

export function paint(colour: boolean): Paint {
  const wrap = (name: keyof typeof codes) => (text: string) =>
    colour ? `\u001b[${codes[name]}m${text}\u001b[0m` : text;
  return {
    verdict: (verdict, text) => wrap(verdictColours[verdict])(text),
    soft: wrap('grey'),
    strong: wrap('bold'),
    good: wrap('green'),
    bad: wrap('red'),
    doubtful: wrap('yellow'),
  };
}

/** Colours only for a terminal, and never against NO_COLOR (https://no-color.org: set and not empty). */
export function wantsColour(isTTY: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false;
  return isTTY;
}
