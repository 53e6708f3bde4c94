// SPDX-License-Identifier: GPL-2.0-only
/** Line numbers as results.json has them: `3-7,9`, ascending; the empty text for none. */
export function formatRanges(lines: Iterable<number>): string {
  const sorted = [...new Set(lines)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const line of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && line === last[1] + 1) last[1] = line;
    else ranges.push([line, line]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** More lines than any source file has. */
const most = 1_000_000;

/** Is it a text that formatRanges() made, of lines of a file? Another may stand for more lines than memory holds. */
export function isRanges(text: string): boolean {
  let before = 0;
  return (
    text === '' ||
    text.split(',').every((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      const fits = first > before && last >= first && last <= most;
      before = last;
      return fits;
    })
  );
}

/** The line numbers of a text that formatRanges() made. */
export function parseRanges(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The lines of all texts together. */
export function uniteRanges(...texts: readonly string[]): string {
  return formatRanges(texts.flatMap(parseRanges));
}
