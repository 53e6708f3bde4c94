// SPDX-License-Identifier: GPL-2.0-only
import { plain } from '../text.ts';

/** Text that is HTML already; only html`` makes it from parts that are not. */
export class Markup {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type Part = Markup | string | number | undefined | readonly Part[];

/** HTML from a template: every value is escaped unless html`` made it; undefined is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let source = strings[0] ?? '';
  parts.forEach((part, index) => {
    source += render(part) + (strings[index + 1] ?? '');
  });
  return new Markup(source);
}

/** Escapes text for content and for quoted attributes, and drops what no document may carry. */
export function escapeHtml(text: string): string {
  return plain(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function render(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.source;
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return part.map(render).join('');
}
