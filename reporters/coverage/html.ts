// SPDX-License-Identifier: GPL-2.0-only
import { verdicts, type Results, type Verdict } from '../results.ts';
import { byFacility, exercisedBy, guestsOf, plural, targetName, targetRemarks } from '../text.ts';
import type { VerdictCounts } from '../verdict.ts';
import { linesSection } from './lines-html.ts';
import { html, type Markup } from './markup.ts';
import {
  byPrecedence,
  coverageModel,
  type CoverageModel,
  type RequirementRow,
  type TestRow,
} from './model.ts';
import { renderPage } from './page.ts';
import { badge, digests, duration, incidents, link, patches, reasons, soft, sourceOf, testDetails, testLink, tiles, trace, utc } from './parts.ts';
import { script, style } from './style.ts';

/**
 * The coverage report as one page: no external resources, readable without script and on a phone.
 */
export function coverageHtml(results: Results): string {
  const model = coverageModel(results);
  return renderPage({
    title: `${model.conclusion.headline} – ${model.subject.kernel.release} – aemcert`,
    style,
    script,
    body: html`<a class="skip" href="#matrix">Skip to the requirements</a>
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
</main>`,
  });
}

function firstPage(model: CoverageModel): Markup {
  const { conclusion, subject, target, run } = model;
  const { kernel } = subject;
  const filters = Object.entries(run.filters);
  const ended = run.finishedAt === undefined ? 'not finished' : `finished ${utc(run.finishedAt)}`;
  return html`<header>
<p class="eyebrow">aemcert · results against CGL 5.0 ids</p>
<section class="card conclusion ${conclusion.outcome}" aria-label="Conclusion">
<h1>${conclusion.headline}</h1>
${reasons(conclusion.reasons)}
<dl class="facts">
<div><dt>Kernel</dt><dd><code>${kernel.release}</code>, ${kernel.flavour}<br>
<span class="soft small">${kernel.source}</span></dd></div>
<div><dt>Patches</dt><dd>${patches(kernel)}</dd></div>
<div><dt>Target</dt><dd>${targetName(target)}, ${guestsOf(target)}
${soft(target.acceleratorReason)}${soft(target.emulator)}${targetRemarks(model).map((remark) => html`<br><span class="warn small">${remark}</span>`)}</dd></div>
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

function footer({ claim, run }: CoverageModel): Markup {
  return html`<footer><p>${claim} PASS needs an executed assertion; UNTESTED and UNRESOLVED never count as a pass.</p>
<p>Made from results.json by aemcert ${run.suite.version}. Make it again: <code>npx aemcert coverage</code></p></footer>`;
}

function searchable(texts: readonly (string | undefined)[], own: readonly Verdict[]): Markup {
  const text = texts.filter((part) => part !== undefined).join(' ');
  return html`data-search="${text}" data-verdict="${[...new Set(own)].join(' ')}"`;
}

function textOf({ id, title, file, reason, requirements, binding, facility = '' }: TestRow): string[] {
  return [id, title, file, binding, facility, ...(reason === undefined ? [] : [reason]), ...requirements];
}
