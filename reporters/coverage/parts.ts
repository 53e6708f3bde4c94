// SPDX-License-Identifier: GPL-2.0-only
/** What the pages have in common: the coverage report and the certificate. */
import { verdicts, type Incident, type Verdict } from '../results.ts';
import { byFacility, clip, exercisedBy, formatDuration, plural } from '../text.ts';
import type { VerdictCounts } from '../verdict.ts';
import { html, type Markup, type Part } from './markup.ts';
import { byPrecedence, type CoverageModel, type RequirementRow, type TestRow } from './model.ts';

/** Longest text of evidence on the page, in characters; results.json has the whole. */
const evidenceLimit = 16_000;

/** What stands before a verdict's name, for whoever sees no colours. */
const symbols: Readonly<Record<Verdict, string>> = {
  PASS: '✓',
  FAIL: '✗',
  UNRESOLVED: '?',
  UNSUPPORTED: '–',
  UNTESTED: '○',
};

export function patches({ patches: list, flavour, version }: CoverageModel['subject']['kernel']): Part {
  if (list.length === 0 && version !== undefined) return 'as the machine has it';
  if (list.length === 0) return flavour === 'given' ? 'as its packager has it' : 'none: a stock kernel';
  return html`<details><summary>${plural(list.length, 'patch', 'patches')}</summary><ol class="small">${list.map(
    (name) => html`<li>${name}</li>`,
  )}</ol></details>`;
}

export function digests({ subject }: CoverageModel): Markup {
  const rows: (readonly [string, string])[] = [
    ...(subject.kernel.image === undefined ? [] : [['kernel image', subject.kernel.image.sha256] as const]),
    ...(subject.kernel.config === undefined ? [] : [['kernel config', subject.kernel.config.sha256] as const]),
    ...subject.modules.map(({ name, sha256 }) => [name, sha256] as const),
  ];
  if (rows.length === 0) return html``;
  return html`<details><summary>SHA-256 of kernel and modules</summary><dl class="evidence">${rows.map(
    ([name, sha256]) => html`<dt>${name}</dt><dd><code>${sha256}</code></dd>`,
  )}</dl></details>`;
}

/**
 * From each clause down to evidence. What has several parents stands whole under the first, as a link
 * elsewhere.
 */
export function trace(model: CoverageModel): Markup {
  const requirements = new Map(model.requirements.map((row) => [row.id, row]));
  const tests = new Map(model.tests.map((test) => [test.id, test]));
  const shown = new Set<string>();

  const test = (id: string): Part => {
    const row = tests.get(id);
    if (row === undefined) return undefined;
    if (shown.has(`test:${id}`))
      return html`<p class="small">${badge(row.verdict)} ${testLink(row)} <span class="soft">(shown above)</span></p>`;
    shown.add(`test:${id}`);
    return testDetails(row, model);
  };
  const requirement = (id: string): Part => {
    const row = requirements.get(id);
    if (row === undefined) return undefined;
    if (shown.has(id))
      return html`<p class="small">${badge(row.verdict)} ${link(id)} ${row.title} <span class="soft">(shown above)</span></p>`;
    shown.add(id);
    const children = row.children.flatMap((child) => requirements.get(child) ?? []).sort(byPrecedence);
    return html`<details id="${anchor(id)}"><summary>${badge(row.verdict)} <strong>${row.id}</strong> ${row.title}</summary>
${requirementFacts(row)}
${row.tests.map(test)}
${children.map((child) => requirement(child.id))}
</details>`;
  };

  const roots = model.roots.flatMap((id) => requirements.get(id) ?? []).sort(byPrecedence);
  const fromRoots = roots.map(({ id }) => requirement(id));
  // Parents that form a cycle have no root; they are shown all the same.
  const rest = model.requirements.filter(({ id }) => !shown.has(id)).map(({ id }) => requirement(id));
  return html`<section aria-labelledby="trace" class="trace"><h2 id="trace">Trace: clause, requirement, test, evidence</h2>
${fromRoots}${rest}</section>`;
}

function requirementFacts(row: RequirementRow): Markup {
  return html`<p>${row.statement}</p>
<dl class="evidence">
<dt>source</dt><dd>${sourceOf(row)}</dd>
${row.standing === undefined ? undefined : html`<dt>standing</dt><dd>${row.standing}</dd>`}
<dt>parents</dt><dd>${row.parents.length === 0 ? 'none' : row.parents.map((id) => html`${link(id)} `)}</dd>
<dt>verified by</dt><dd>${row.verification}, bindings ${row.bindings.join(', ')}</dd>
${row.facilities === undefined ? undefined : html`<dt>met by</dt><dd>${byFacility(row)}</dd>`}
<dt>written in</dt><dd><code>${row.file}:${row.line}</code></dd>
${row.reason === undefined ? undefined : html`<dt>why</dt><dd>${row.reason}</dd>`}
<dt>run again</dt><dd><code>${row.rerun}</code></dd>
</dl>`;
}

export function testDetails(test: TestRow, model: CoverageModel, note?: string): Markup {
  const incidentsOfTest = model.incidents.filter(({ testId }) => testId === test.id);
  const block = (label: string, text: string | undefined): Part =>
    text === undefined || text === ''
      ? undefined
      : html`<h4 class="small soft">${label}</h4><pre tabindex="0">${clip(text, evidenceLimit)}</pre>`;
  const fact = (label: string, value: Part): Part =>
    value === undefined ? undefined : html`<dt>${label}</dt><dd>${value}</dd>`;
  return html`<details class="test" id="${testAnchor(test.id)}"><summary>${badge(test.verdict)} ${test.title}
<span class="soft small">${note}${exercisedBy(test)}, ${test.file}</span></summary>
<dl class="evidence">
${fact('reason', test.reason)}
${fact('expected', test.expected === undefined ? undefined : html`<code>${clip(test.expected, evidenceLimit)}</code>`)}
${fact('observed', test.observed === undefined ? undefined : html`<code>${clip(test.observed, evidenceLimit)}</code>`)}
${fact('assertions', test.assertions)}
${fact('started', test.startedAt === undefined ? 'no' : `${utc(test.startedAt)}, ${formatDuration(test.durationMs)}`)}
${fact('boot', test.boot)}
${fact('taint', test.taint === undefined ? undefined : `${test.taint.before} before, ${test.taint.after} after`)}
${fact('test', html`<code>${test.id}</code>`)}
${fact('run again', html`<code>${test.rerun}</code>`)}
</dl>
${block('details', test.details)}${block('console', test.console)}
${incidentsOfTest.map((incident) => block(`${incident.kind}, blamed on the ${incident.blame}`, incident.excerpt))}
</details>`;
}

export function incidents(list: readonly Incident[]): Markup {
  return html`<section aria-labelledby="incidents"><h2 id="incidents">Incidents of the target</h2>
${list.length === 0 ? html`<p>None.</p>` : undefined}
${list.map(
  (incident) => html`<details><summary><strong>${incident.kind}</strong>, blamed on the ${incident.blame}
<span class="soft small">${utc(incident.at)}, boot ${incident.boot}${incident.testId === undefined ? ', outside any test' : `, during ${incident.testId}`}</span>
</summary><pre tabindex="0">${clip(incident.excerpt, evidenceLimit)}</pre></details>`,
)}</section>`;
}

export function badge(verdict: Verdict, count?: number): Markup {
  return html`<span class="badge ${verdict}"><span aria-hidden="true">${symbols[verdict]}</span> ${count === undefined ? undefined : `${count} `}${verdict}</span>`;
}

export function tiles(counts: VerdictCounts): Part {
  const present = verdicts.filter((verdict) => counts[verdict] > 0);
  if (present.length === 0) return 'none';
  return html`<ul class="tiles">${present.map((verdict) => html`<li>${badge(verdict, counts[verdict])}</li>`)}</ul>`;
}

export function sourceOf({ source }: RequirementRow): Markup {
  return html`${source.document}${source.part === undefined ? undefined : `, ${source.part}`}
<span class="tag ${source.certainty === 'stated' ? '' : 'reconstructed'}">${source.certainty}</span>`;
}

export function soft(text: string | undefined): Part {
  return text === undefined ? undefined : html`<br><span class="soft small">${text}</span>`;
}

export function link(id: string): Markup {
  return html`<a href="#${encodeURIComponent(anchor(id))}">${id}</a>`;
}

export function testLink({ id, title }: TestRow): Markup {
  return html`<a href="#${encodeURIComponent(testAnchor(id))}">${title}</a>`;
}

/** Ids in HTML hold no blanks. */
export function anchor(id: string): string {
  return id.replace(/\s+/g, '-');
}

function testAnchor(id: string): string {
  return `test:${anchor(id)}`;
}

/** `2026-03-02 09:15:00 UTC` */
export function utc(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

export function reasons(list: readonly string[]): Part {
  if (list.length === 0) return undefined;
  const shown = list.slice(0, 5);
  const rest = list.slice(5);
  const items = (part: readonly string[]): Part =>
    html`<ul>${part.map((reason) => html`<li>${reason}</li>`)}</ul>`;
  return [
    items(shown),
    rest.length === 0
      ? undefined
      : html`<details><summary>${plural(rest.length, 'more reason')}</summary>${items(rest)}</details>`,
  ];
}

export function duration({ run }: CoverageModel): string {
  if (run.finishedAt === undefined) return '';
  return `, ${formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}`;
}
