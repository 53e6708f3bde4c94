// SPDX-License-Identifier: GPL-2.0-only
import { plural } from '../text.ts';
import { percentage, type LineCounts, type LineReport } from './lines.ts';

/** Longest list of lines in the summary; coverage.html has them all. */
const lineLimit = 300;

/** The part of the summary about lines. `code` makes a code span. */
export function linesSummary(report: LineReport | undefined, code: (text: string) => string): string[] {
  if (report === undefined) return [];
  const { files, total, requirements, unread } = report;
  const row = (name: string, counts: LineCounts): string =>
    `| ${[name, counts.reached, counts.instrumented, percentage(counts), counts.bootOnly].join(' | ')} |`;
  const missed = files.flatMap(({ path, unreached }) =>
    unreached.flatMap(({ lines }) => lines.map(({ line, text }) => `${path}:${line}: ${text.trim()}`)),
  );
  // A fence longer than any in the source.
  const fence = '`'.repeat(1 + Math.max(2, ...missed.flatMap((text) => (text.match(/`+/g) ?? []).map((run) => run.length))));
  return [
    '### Lines of AEM that ran',
    '',
    '| File | Reached | Of | Share | Only while booting |',
    '|---|--:|--:|--:|--:|',
    ...files.map((file) => row(code(file.path), file)),
    row('**All**', total),
    '',
    ...(unread.length === 0 ? [] : [`Counters that could not be read: ${unread.map(code).join(', ')}`, '']),
    ...(missed.length === 0
      ? []
      : [
          `<details><summary>${plural(missed.length, 'line')} that no test reached</summary>`,
          '',
          fence,
          ...missed.slice(0, lineLimit),
          ...(missed.length > lineLimit ? [`… and ${missed.length - lineLimit} more in coverage.html`] : []),
          fence,
          '',
          '</details>',
          '',
        ]),
    `<details><summary>Lines by requirement</summary>`,
    '',
    '| Requirement reaches | Lines | Alone |',
    '|---|--:|--:|',
    ...requirements.map(({ id, reached, alone }) => `| ${code(id)} | ${reached} | ${alone} |`),
    '',
    '</details>',
    '',
  ];
}
