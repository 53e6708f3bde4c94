// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { verdicts, type Incident, type Results, type Verdict } from '../results.ts';
import { byFacility, clip, exercisedBy, formatDuration, guestsOf, plural } from '../text.ts';
import type { VerdictCounts } from '../verdict.ts';
import { linesSection } from './lines-html.ts';
import { html, Markup, type Part } from './markup.ts';
import {
  byPrecedence,
  coverageModel,
  type CoverageModel,
  type RequirementRow,
  type TestRow,
} from './model.ts';
import { script, style } from './style.ts';

/** Longest text of evidence on the page, in characters; results.json has the whole. */
const evidenceLimit = 16_000;

/**
 * The coverage report as one page: no external resources, readable without script and on a phone. A content
 * security policy in the page itself forbids everything but its own style and script.
 */
export function coverageHtml(results: Results): string {
  const model = coverageModel(results);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<title>${model.conclusion.headline} – ${model.subject.kernel.release} – aemcert</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#matrix">Skip to the requirements</a>
${firstPage(model)}
<main>
${chart(model)}
${filterBar()}
${attention(model)}
${matrix(model)}
${trace(model)}
${linesSection(model.lines, link)}
${incidents(model.incidents)}
${footer(model)}
</main>
<script>${new Markup(script)}</script>
</body>
</html>
`;
  return page.source;
}

const policy = [
  "default-src 'none'",
  `style-src '${digest(style)}'`,
  `script-src '${digest(script)}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function firstPage(model: CoverageModel): Markup {
  const { conclusion, subject, target, run } = model;
  const { kernel } = subject;
  const filters = Object.entries(run.filters);
  const accelerator = target.accelerator === undefined ? '' : `, ${target.accelerator}`;
  const ended = run.finishedAt === undefined ? 'not finished' : `finished ${utc(run.finishedAt)}`;
  return html`<header>
<p class="eyebrow">aemcert · results against CGL 5.0 ids</p>
<section class="card conclusion ${conclusion.outcome}" aria-label="Conclusion">
<h1>${conclusion.headline}</h1>
${reasons(conclusion.reasons)}
<dl class="facts">
<div><dt>Kernel</dt><dd><code>${kernel.release}</code>, ${kernel.flavour}<br>
<span class="soft small">${kernel.source}</span></dd></div>
<div><dt>Patches</dt><dd>${patches(kernel.patches)}</dd></div>
<div><dt>Target</dt><dd>${target.driver}${accelerator}, ${guestsOf(target)}
${soft(target.acceleratorReason)}${soft(target.emulator)}</dd></div>
<div><dt>Binding</dt><dd>${run.binding === undefined ? 'aem and native' : `${run.binding} only`}</dd></div>
<div><dt>Filters in force</dt><dd>${
    filters.length === 0
      ? 'none'
      : filters.map(([name, value]) => html`<span class="warn">${name} = ${value}</span> `)
  }</dd></div>
<div><dt>Run</dt><dd>${utc(run.startedAt)}${duration(model)}<br>
<span class="soft small">${run.complete ? `complete, ${ended}` : `cut off: ${run.interruption ?? 'no reason given'}`}</span>
</dd></div>
<div><dt>Suite</dt><dd>${run.suite.version}, <code>${run.suite.revision}</code>${
    run.suite.dirty ? html` <span class="warn">changed since</span>` : undefined
  }<br><code class="soft small">${run.command.join(' ')}</code></dd></div>
<div><dt>Requirements</dt><dd>${tiles(conclusion.counts.requirements)}</dd></div>
<div><dt>Tests</dt><dd>${tiles(conclusion.counts.tests)}</dd></div>
</dl>
${digests(model)}
</section>
</header>`;
}

function reasons(list: readonly string[]): Part {
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

function patches(list: readonly string[]): Part {
  if (list.length === 0) return 'none: a stock kernel';
  return html`<details><summary>${plural(list.length, 'patch', 'patches')}</summary><ol class="small">${list.map(
    (name) => html`<li>${name}</li>`,
  )}</ol></details>`;
}

function digests({ subject }: CoverageModel): Markup {
  const rows: (readonly [string, string])[] = [
    ['kernel image', subject.kernel.image.sha256],
    ['kernel config', subject.kernel.config.sha256],
    ...subject.modules.map(({ name, sha256 }) => [name, sha256] as const),
  ];
  return html`<details><summary>SHA-256 of kernel and modules</summary><dl class="evidence">${rows.map(
    ([name, sha256]) => html`<dt>${name}</dt><dd><code>${sha256}</code></dd>`,
  )}</dl></details>`;
}

function duration({ run }: CoverageModel): string {
  if (run.finishedAt === undefined) return '';
  return `, ${formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}`;
}

function chart({ modules, conclusion }: CoverageModel): Markup {
  const row = (name: string, counts: VerdictCounts): Markup => html`<tr>
<th scope="row">${name}</th><td>${bar(name, counts)}</td><td class="counts">${tiles(counts)}</td></tr>`;
  return html`<section aria-labelledby="modules"><h2 id="modules">Verdicts by module</h2>
<table class="stack chart">
<thead><tr><th scope="col">Module</th><th scope="col">Share of tests</th><th scope="col" class="counts">Tests</th></tr></thead>
<tbody>${modules.map(({ name, counts }) => row(name, counts))}
${modules.length === 0 ? html`<tr><td colspan="3">The plan is empty: nothing was tested.</td></tr>` : undefined}
${modules.length > 1 ? row('all', conclusion.counts.tests) : undefined}</tbody>
</table></section>`;
}

/** A stacked bar, 100 units wide; the words beside it say the same. */
function bar(name: string, counts: VerdictCounts): Markup {
  const total = verdicts.reduce((sum, verdict) => sum + counts[verdict], 0);
  let x = 0;
  const parts = verdicts.flatMap((verdict) => {
    if (counts[verdict] === 0) return [];
    const width = (counts[verdict] / total) * 100;
    const rect = html`<rect class="${verdict}" x="${x.toFixed(3)}" y="0" width="${width.toFixed(3)}" height="10">
<title>${counts[verdict]} ${verdict}</title></rect>`;
    x += width;
    return [rect];
  });
  const words = verdicts
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${counts[verdict]} ${verdict}`);
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"
aria-label="${name}: ${words.join(', ')}">${parts}</svg>`;
}

/** Shown by the script that makes it work. */
function filterBar(): Markup {
  return html`<form class="filter" role="search" hidden>
<label for="search">Search</label>
<input id="search" type="search" placeholder="id, title, file, reason…" autocomplete="off" spellcheck="false">
<label for="pick">Verdict</label>
<select id="pick" aria-label="Verdict"><option value="">all verdicts</option>${verdicts.map(
    (verdict) => html`<option>${verdict}</option>`,
  )}</select>
<output class="small soft" aria-live="polite"></output>
</form>`;
}

function attention(model: CoverageModel): Markup {
  const orphans = model.tests.filter(({ id }) => model.orphanTests.includes(id));
  const bare = model.requirements.filter(({ id }) => model.requirementsWithoutTests.includes(id));
  const tests = model.tests
    .filter(({ id, verdict }) => verdict !== 'PASS' && !model.orphanTests.includes(id))
    .sort(byPrecedence);
  const none = orphans.length + bare.length + tests.length + model.leftOut.length === 0;
  return html`<section aria-labelledby="attention"><h2 id="attention">Needs attention</h2>
${none ? html`<p>Nothing: every test passed and every requirement has one.</p>` : undefined}
${
  orphans.length === 0
    ? undefined
    : html`<h3>Tests that verify no known requirement</h3>
${orphans.map((test) => testDetails(test, model, `${orphanNote(test)}; `))}`
}
${
  bare.length === 0
    ? undefined
    : html`<h3>Requirements without tests</h3>
<table class="stack"><thead><tr><th scope="col">Requirement</th><th scope="col">Why</th><th scope="col">Verdict</th></tr></thead>
<tbody>${bare.map(
        (
          row,
        ) => html`<tr ${searchable([row.id, row.title, row.reason], [row.verdict])}><th scope="row">${link(row.id)} ${row.title}</th>
<td>${row.reason}</td><td>${badge(row.verdict)}</td></tr>`,
      )}</tbody></table>`
}
${
  tests.length === 0
    ? undefined
    : html`<h3>Tests that did not pass</h3>
<table class="stack"><thead><tr><th scope="col">Test</th><th scope="col">Why</th><th scope="col">Verdict</th></tr></thead>
<tbody>${tests.map(
        (test) => html`<tr ${searchable(textOf(test), [test.verdict])}><th scope="row">${testLink(test)}<br>
<span class="soft small">${test.suite}, ${exercisedBy(test)}; ${test.requirements.map((id) => html`${link(id)} `)}</span></th>
<td>${test.reason}${
          test.expected === undefined
            ? undefined
            : html`<br><span class="soft small">expected</span> <code>${test.expected}</code>`
        }${
          test.observed === undefined
            ? undefined
            : html`<br><span class="soft small">observed</span> <code>${test.observed}</code>`
        }</td><td>${badge(test.verdict)}</td></tr>`,
      )}</tbody></table>`
}
${
  model.leftOut.length === 0
    ? undefined
    : html`<h3>Left out by filters</h3>
<p>${model.leftOut.map((id) => html`${link(id)} `)}</p>`
}
</section>`;
}

function orphanNote({ requirements }: TestRow): string {
  return requirements.length === 0
    ? 'names no requirement'
    : `names ${requirements.join(', ')}, unknown here`;
}

function matrix(model: CoverageModel): Markup {
  const tests = new Map(model.tests.map((test) => [test.id, test]));
  return html`<section aria-labelledby="matrix"><h2 id="matrix">Requirements, tests, verdicts</h2>
<table class="stack matrix">
<caption>${plural(model.requirements.length, 'requirement')}, what needs attention first. Certainty: stated by the source,
deduced from it, decided here, or reconstructed because the document's body is lost.</caption>
<thead><tr><th scope="col" class="id">Requirement</th><th scope="col" class="source">Source</th>
<th scope="col">Tests</th><th scope="col" class="verdict">Verdict</th></tr></thead>
<tbody>${model.requirements.map((row) => matrixRow(row, tests, model))}</tbody></table></section>`;
}

function matrixRow(row: RequirementRow, tests: ReadonlyMap<string, TestRow>, model: CoverageModel): Markup {
  const own = row.tests.flatMap((id) => tests.get(id) ?? []);
  const search = [
    row.id,
    row.title,
    row.statement,
    row.file,
    row.source.document,
    row.reason,
    ...own.flatMap(textOf),
  ];
  const byChildren = row.children.length > 0;
  return html`<tr ${searchable(search, [row.verdict, ...own.map(({ verdict }) => verdict)])}>
<th scope="row" class="id">${link(row.id)}<br>${row.title}<br>
<span class="tag">${row.priority}</span> <span class="tag">${row.mandatory ? 'mandatory' : 'optional'}</span></th>
<td class="source" data-label="Source">${sourceOf(row)}</td>
<td data-label="Tests"><ul>${own.map(
    (test) =>
      html`<li>${badge(test.verdict)} ${testLink(test)} <span class="soft small">${exercisedBy(test)}</span></li>`,
  )}${byChildren ? html`<li class="soft">${own.length > 0 ? 'and ' : ''}from ${row.children.map((id) => html`${link(id)} `)}</li>` : undefined}
${own.length === 0 && !byChildren ? html`<li class="soft">none</li>` : undefined}
${row.elsewhere?.map(({ title, flavours = [] }) => html`<li class="soft">on ${flavours.join(', ')}: ${title}</li>`)}
${model.leftOut.includes(row.id) ? html`<li class="soft">filters left out tests</li>` : undefined}</ul></td>
<td class="verdict" data-label="Verdict">${badge(row.verdict)}${
    row.facilities === undefined ? undefined : html`<br><span class="soft small">${byFacility(row)}</span>`
  }</td></tr>`;
}

/**
 * From each clause down to evidence. What has several parents stands whole under the first, as a link
 * elsewhere.
 */
function trace(model: CoverageModel): Markup {
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

function testDetails(test: TestRow, model: CoverageModel, note?: string): Markup {
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

function incidents(list: readonly Incident[]): Markup {
  return html`<section aria-labelledby="incidents"><h2 id="incidents">Incidents of the target</h2>
${list.length === 0 ? html`<p>None.</p>` : undefined}
${list.map(
  (incident) => html`<details><summary><strong>${incident.kind}</strong>, blamed on the ${incident.blame}
<span class="soft small">${utc(incident.at)}, boot ${incident.boot}${incident.testId === undefined ? ', outside any test' : `, during ${incident.testId}`}</span>
</summary><pre tabindex="0">${clip(incident.excerpt, evidenceLimit)}</pre></details>`,
)}</section>`;
}

function footer({ claim, run }: CoverageModel): Markup {
  return html`<footer><p>${claim} PASS needs an executed assertion; UNTESTED and UNRESOLVED never count as a pass.</p>
<p>Made from results.json by aemcert ${run.suite.version}. Make it again: <code>npx aemcert coverage</code></p></footer>`;
}

const symbols: Readonly<Record<Verdict, string>> = {
  PASS: '✓',
  FAIL: '✗',
  UNRESOLVED: '?',
  UNSUPPORTED: '–',
  UNTESTED: '○',
};

function badge(verdict: Verdict, count?: number): Markup {
  return html`<span class="badge ${verdict}"><span aria-hidden="true">${symbols[verdict]}</span> ${count === undefined ? undefined : `${count} `}${verdict}</span>`;
}

function tiles(counts: VerdictCounts): Part {
  const present = verdicts.filter((verdict) => counts[verdict] > 0);
  if (present.length === 0) return 'none';
  return html`<ul class="tiles">${present.map((verdict) => html`<li>${badge(verdict, counts[verdict])}</li>`)}</ul>`;
}

function sourceOf({ source }: RequirementRow): Markup {
  return html`${source.document}${source.part === undefined ? undefined : `, ${source.part}`}
<span class="tag ${source.certainty === 'stated' ? '' : 'reconstructed'}">${source.certainty}</span>`;
}

function soft(text: string | undefined): Part {
  return text === undefined ? undefined : html`<br><span class="soft small">${text}</span>`;
}

function searchable(texts: readonly (string | undefined)[], own: readonly Verdict[]): Markup {
  const text = texts.filter((part) => part !== undefined).join(' ');
  return html`data-search="${text}" data-verdict="${[...new Set(own)].join(' ')}"`;
}

function textOf({ id, title, file, reason, requirements, binding, facility = '' }: TestRow): string[] {
  return [id, title, file, binding, facility, ...(reason === undefined ? [] : [reason]), ...requirements];
}

function link(id: string): Markup {
  return html`<a href="#${encodeURIComponent(anchor(id))}">${id}</a>`;
}

function testLink({ id, title }: TestRow): Markup {
  return html`<a href="#${encodeURIComponent(testAnchor(id))}">${title}</a>`;
}

/** Ids in HTML hold no blanks. */
function anchor(id: string): string {
  return id.replace(/\s+/g, '-');
}

function testAnchor(id: string): string {
  return `test:${anchor(id)}`;
}

/** `2026-03-02 09:15:00 UTC` */
function utc(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
