// SPDX-License-Identifier: GPL-2.0-only
import type { Results, Verdict } from '../results.ts';
import { verdicts } from '../results.ts';
import { byFacility, clipLine, elsewhere, formatDuration, guestsOf, oneLine, plural, targetName, targetRemarks, toldLine } from '../text.ts';
import { linesSummary } from './lines-markdown.ts';
import { byPrecedence, coverageModel, type CoverageModel, type RequirementRow } from './model.ts';

const listLimit = 40;
const lineLimit = 220;

/** The verdicts' marks; every one is followed by its word. */
const marks: Readonly<Record<Verdict, string>> = {
  PASS: '✅',
  FAIL: '❌',
  UNRESOLVED: '⚠️',
  UNSUPPORTED: '➖',
  UNTESTED: '⬜',
};

/** The summary for a CI's page: GitHub Markdown, short. */
export function coverageMarkdown(results: Results): string {
  const model = coverageModel(results);
  return `${[
    ...head(model),
    ...modulesTable(model),
    ...attention(model),
    ...incidents(model),
    ...linesSummary(model.lines, code),
    ...requirementTable(model),
    '',
    model.claim,
  ].join('\n')}\n`;
}

function head(model: CoverageModel): string[] {
  const { conclusion, subject, target, run } = model;
  const remarks = targetRemarks(model);
  const { kernel } = subject;
  const mark = conclusion.exitStatus === 0 ? '✅' : conclusion.exitStatus === 1 ? '❌' : '⚠️';
  const filters = Object.entries(run.filters).map(([name, value]) => code(`${name}=${value}`));
  const where = `${targetName(target)}, ${guestsOf(target)}`;
  return [
    `## ${mark} ${text(conclusion.headline)}`,
    '',
    `- Kernel: ${code(kernel.release)} (${text(kernel.source)}, ${text(kernel.flavour)}, ${plural(kernel.patches.length, 'patch', 'patches')})`,
    `- Target: ${text(where)}${target.acceleratorReason === undefined ? '' : `; ${text(target.acceleratorReason)}`}`,
    ...remarks.map((remark) => `- ${text(remark)}`),
    ...(run.binding === undefined ? [] : [`- Binding: ${run.binding} only`]),
    `- Filters in force: ${filters.length === 0 ? 'none' : filters.join(', ')}`,
    ...(run.finishedAt === undefined
      ? []
      : [`- Duration: ${formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}`]),
    '',
  ];
}

function modulesTable({ modules, conclusion }: CoverageModel): string[] {
  const columns = verdicts.map((verdict) => `${marks[verdict]} ${verdict}`);
  const row = (name: string, counts: CoverageModel['modules'][number]['counts']): string =>
    `| ${name} | ${verdicts.map((verdict) => counts[verdict]).join(' | ')} |`;
  return [
    `| Module | ${columns.join(' | ')} |`,
    `|---|${verdicts.map(() => '--:|').join('')}`,
    ...modules.map(({ name, counts }) => row(text(name), counts)),
    row('**All tests**', conclusion.counts.tests),
    row('**Requirements**', conclusion.counts.requirements),
    '',
  ];
}

function attention(model: CoverageModel): string[] {
  const tests = model.tests.filter(({ verdict }) => verdict !== 'PASS').sort(byPrecedence);
  const orphans = model.tests.filter(({ id }) => model.orphanTests.includes(id));
  const section = (title: string, lines: readonly string[]): string[] => {
    if (lines.length === 0) return [];
    const more =
      lines.length > listLimit ? [`- … and ${lines.length - listLimit} more in coverage.html`] : [];
    return [`### ${title}`, '', ...lines.slice(0, listLimit), ...more, ''];
  };
  return [
    ...section(
      'Why',
      model.conclusion.reasons.map((reason) => `- ${text(reason)}`),
    ),
    ...section(
      'Tests that verify no known requirement',
      orphans.map(({ id, verdict }) => `- ${badge(verdict)} ${code(id)}`),
    ),
    ...section(
      'Requirements without tests',
      model.requirements
        .filter(({ id }) => model.requirementsWithoutTests.includes(id))
        .map(({ id, verdict, title }) => `- ${badge(verdict)} ${code(id)} ${text(title)}`),
    ),
    ...section(
      'Tests that did not pass',
      tests.map((test) => {
        const seen =
          test.expected === undefined || test.observed === undefined
            ? ''
            : `; expected ${code(test.expected)}, observed ${code(test.observed)}`;
        return `- ${badge(test.verdict)} ${code(test.id)}: ${text(test.reason ?? 'no reason given')}${seen}`;
      }),
    ),
  ];
}

function incidents({ incidents: list }: CoverageModel): string[] {
  if (list.length === 0) return [];
  const lines = list.slice(0, listLimit).map((incident) => {
    const where = incident.testId === undefined ? 'outside any test' : `during ${code(incident.testId)}`;
    const told = code(clipLine(toldLine(incident), 200));
    return `- ${text(incident.kind)} (${incident.blame}), boot ${incident.boot}, ${where}: ${told}`;
  });
  return ['### Incidents of the target', '', ...lines, ''];
}

function requirementTable({ requirements }: CoverageModel): string[] {
  if (requirements.length === 0) return [];
  return [
    `<details><summary>All ${plural(requirements.length, 'requirement')}</summary>`,
    '',
    '| Requirement | Title | Priority | Source | Certainty | Tests | Verdict |',
    '|---|---|---|---|---|--:|---|',
    ...requirements.map((row) => {
      const source = [row.source.document, row.source.part].filter((part) => part !== undefined).join(', ');
      const cells = [
        code(row.id),
        text(row.title),
        text(row.priority),
        text(source),
        text(row.source.certainty),
        testCount(row),
        row.facilities === undefined ? badge(row.verdict) : `${badge(row.verdict)} (${text(byFacility(row))})`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
    '</details>',
  ];
}

/** Those that ran here, and those that need another flavour of the kernel. */
function testCount(row: RequirementRow): string {
  const here = String(row.tests.length);
  return row.elsewhere === undefined ? here : `${here}, and ${text(elsewhere(row.elsewhere))}`;
}

function badge(verdict: Verdict): string {
  return `${marks[verdict]} ${verdict}`;
}

/** Text that Markdown, its tables and its HTML read as text. */
function text(value: string): string {
  return (
    clipLine(value, lineLimit)
      .replace(/[\\`*_{}[\]#|~]/g, '\\$&')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      // A name after @ would notify a person on GitHub.
      .replaceAll('@', '@\u200b')
  );
}

/** A code span: nothing in it is Markdown; a bar would still end a table's cell, a backtick the span. */
function code(value: string): string {
  const body = clipLine(oneLine(value), lineLimit).replaceAll('|', '\\|');
  const runs = body.match(/`+/g) ?? [];
  const fence = '`'.repeat(Math.max(0, ...runs.map((run) => run.length)) + 1);
  return fence.length > 1 ? `${fence} ${body} ${fence}` : `\`${body}\``;
}
