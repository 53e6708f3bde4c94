// SPDX-License-Identifier: GPL-2.0-only
import { conclude } from '../conclude.ts';
import { lineReport, percentage } from '../coverage/lines.ts';
import { byPrecedence } from '../coverage/model.ts';
import { verdicts, type Results } from '../results.ts';
import { clipLine, elsewhere, formatDuration, oneLine, plural, rerunCommand, targetName, targetRemarks } from '../text.ts';
import { precedence } from '../verdict.ts';
import { paint } from './style.ts';

export interface SummaryOptions {
  readonly colour: boolean;
  /** Width of the terminal in characters; 100 when unknown. */
  readonly columns?: number | undefined;
  /** Paths of the reports, as they are to be shown. */
  readonly reports?: readonly string[];
}

const maxLines = 40;
/** Each takes up to four lines. */
const maxTests = 5;
const maxReasons = 5;

/** The end of a run in at most 40 lines: what did not pass and why, how to repeat it, reports, conclusion. */
export function renderSummary(results: Results, options: SummaryOptions): string {
  const ink = paint(options.colour);
  const width = Math.max(40, (options.columns ?? 100) - 1);
  const conclusion = conclude(results);
  const byId = new Map(results.tests.map((test) => [test.id, test]));
  const bad = results.plan
    .flatMap((planned) => {
      const test = byId.get(planned.id);
      return test === undefined || test.verdict === 'PASS' ? [] : [{ ...planned, ...test }];
    })
    .sort(byPrecedence);

  const lines = [''];
  for (const test of bad.slice(0, maxTests)) {
    const head = clipLine(`${test.suite}: ${test.title}`, width - 12);
    lines.push(`${ink.verdict(test.verdict, test.verdict.padEnd(11))} ${head}`);
    lines.push(
      `            ${clipLine(`${test.requirements.join(', ')}: ${test.reason ?? 'no reason given'}`, width - 12)}`,
    );
    if (test.expected !== undefined && test.observed !== undefined) {
      const half = Math.floor((width - 34) / 2);
      lines.push(
        `            expected ${clipLine(test.expected, half)}, observed ${clipLine(test.observed, half)}`,
      );
    }
    lines.push(ink.soft(`            again: ${rerunCommand(test, results.target)}`));
  }
  if (bad.length > maxTests) {
    lines.push(
      `            and ${plural(bad.length - maxTests, 'more test')} that did not pass, in the reports`,
    );
  }
  if (bad.length > 0) lines.push('');

  const counted = (counts: typeof conclusion.counts.tests): string =>
    [...verdicts]
      .sort((a, b) => precedence.indexOf(b) - precedence.indexOf(a))
      .filter((verdict) => counts[verdict] > 0)
      .map((verdict) => ink.verdict(verdict, `${counts[verdict]} ${verdict}`))
      .join(', ') || 'none';
  lines.push(`tests         ${counted(conclusion.counts.tests)}`);
  if (results.elsewhere !== undefined) lines.push(`              not here: ${elsewhere(results.elsewhere)}`);
  lines.push(`requirements  ${counted(conclusion.counts.requirements)}`);
  const { binding } = results.run;
  if (binding !== undefined) lines.push(`binding       ${binding}`);
  lines.push(`kernel        ${clipLine(results.subject.kernel.release, width - 14)}`);
  if (results.target.driver === 'ssh') lines.push(`target        ${clipLine(targetName(results.target), width - 14)}`);
  for (const remark of targetRemarks(results)) lines.push(`              ${oneLine(remark)}`);
  const counts = lineReport(results)?.total;
  if (counts !== undefined)
    lines.push(`lines         ${counts.reached} of ${counts.instrumented} reached, ${percentage(counts)}`);
  const [firstReport, ...moreReports] = options.reports ?? [];
  if (firstReport !== undefined)
    lines.push(`reports       ${[firstReport, ...moreReports].join('\n              ')}`);

  const { run } = results;
  const took =
    run.finishedAt === undefined
      ? ''
      : ` (${formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))})`;
  const shade = conclusion.exitStatus === 0 ? ink.good : conclusion.exitStatus === 1 ? ink.bad : ink.doubtful;
  lines.push('', shade(ink.strong(conclusion.headline)) + took);
  const room = Math.max(1, Math.min(maxReasons, maxLines - lines.length - 1));
  lines.push(...conclusion.reasons.slice(0, room).map((reason) => `  - ${clipLine(reason, width - 4)}`));
  if (conclusion.reasons.length > room) lines.push(`  - and ${conclusion.reasons.length - room} more`);
  return `${lines.join('\n')}\n`;
}
