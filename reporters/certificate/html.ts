// SPDX-License-Identifier: GPL-2.0-only
import type { JudgedWaiver } from '../bundle/waivers.ts';
import { html, type Markup, type Part } from '../coverage/markup.ts';
import { coverageModel } from '../coverage/model.ts';
import { renderPage } from '../coverage/page.ts';
import { badge, digests, duration, incidents, link, patches, reasons, soft, tiles, trace, utc } from '../coverage/parts.ts';
import type { RequirementResult } from '../results.ts';
import { byFacility, guestsOf, shellQuote, suiteRemarks, targetName } from '../text.ts';
import type { ClauseRow } from './clauses.ts';
import { certificateModel, type CertificateModel, type CertificateParts } from './model.ts';
import { style } from './style.ts';

/**
 * The certificate as one page, without a script: the verdict of each CGL 5.0 id on the first sheet with the waivers
 * beside it, then the waivers in full, the trace down to the evidence, and the files of the bundle.
 */
export function certificateHtml(parts: CertificateParts): string {
  const model = certificateModel(parts);
  const coverage = coverageModel(parts.results);
  const { product, subject } = model;
  return renderPage({
    title: `${product.vendor} ${product.product} ${product.version} – ${subject.kernel.release} – results against CGL 5.0 ids`,
    style,
    body: html`<a class="skip" href="#waivers">Skip to waivers and evidence</a>
<header>
<p class="eyebrow">aemcert · results against CGL 5.0 ids</p>
<section class="card conclusion ${model.conclusion.outcome}" aria-label="Conclusion">
<h1>${product.product} ${product.version}</h1>
<p class="soft">${product.vendor} · ${product.contact} · ${product.architecture}</p>
<p class="outcome">${model.conclusion.headline}</p>
${remarks(model.remarks)}
${facts(model, duration(coverage))}
</section>
${clauseTable(model)}
</header>
<main>
${why(model)}
${waiverTable(model.waivers)}
${rebuiltTable(model.rebuilt)}
${trace(coverage)}
${incidents(coverage.incidents)}
${evidence(model, digests(coverage))}
<footer><p>${model.claim} PASS needs an executed assertion; UNTESTED and UNRESOLVED never count as a pass.</p></footer>
</main>`,
  });
}

function remarks(list: readonly string[]): Part {
  if (list.length === 0) return undefined;
  return html`<ul class="remarks warn">${list.map((text) => html`<li>${text}</li>`)}</ul>`;
}

function facts({ subject, target, run, product, bindings, conclusion }: CertificateModel, took: string): Markup {
  const { kernel } = subject;
  const { latency } = product;
  return html`<dl class="facts">
<div><dt>Kernel</dt><dd><code>${kernel.release}</code>${soft(kernel.source)}</dd></div>
<div><dt>Exercised through</dt><dd>${bindings.length === 0 ? 'nothing' : bindings.map(bindingName).join('; ')}</dd></div>
<div><dt>Latency stated by the vendor</dt><dd>${
    latency === undefined ? 'none' : html`${latency.value} ${latency.unit === 'us' ? 'µs' : 'ms'}${soft(latency.condition)}`
  }</dd></div>
<div><dt>Suite</dt><dd>${run.suite.version}, <code>${run.suite.revision.slice(0, 12)}</code>${
    suiteRemarks(run.suite).length > 0 ? html` <span class="warn">${run.suite.dirty ? 'changed since' : 'unknown revision'}</span>` : undefined
  }</dd></div>
<div><dt>Run</dt><dd>${utc(run.startedAt)}${took}${soft(run.complete ? 'complete' : `cut off: ${run.interruption ?? 'no reason given'}`)}</dd></div>
<div><dt>Target</dt><dd>${targetName(target)}, ${guestsOf(target)}</dd></div>
<div><dt>Requirements</dt><dd>${tiles(conclusion.counts.requirements)}</dd></div>
<div><dt>Tests</dt><dd>${tiles(conclusion.counts.tests)}</dd></div>
<div><dt>Patches</dt><dd>${patches(kernel)}</dd></div>
</dl>
<p class="small soft">Command: <code>${run.command.map(shellQuote).join(' ')}</code></p>`;
}

function bindingName(binding: string): string {
  return binding === 'aem' ? 'AEM (patch and modules)' : 'the kernel’s own facilities';
}

function clauseTable({ clauses, waivers }: CertificateModel): Markup {
  return html`<table class="stack clauses">
<caption>Verdict by CGL 5.0 id. Clauses (-a, -b …) are this suite’s own division; the statement of each stands in the trace.</caption>
<thead><tr><th scope="col" class="id">CGL 5.0 id</th><th scope="col">Requirement and clauses</th><th scope="col" class="verdict">Verdict</th>
<th scope="col" class="waiver">Waivers</th></tr></thead>
<tbody>${clauses.map((row) => clauseRow(row, waivers))}
${clauses.length === 0 ? html`<tr><td colspan="4">No CGL 5.0 id was measured.</td></tr>` : undefined}</tbody></table>`;
}

function clauseRow({ requirement, clauses }: ClauseRow, waivers: readonly JudgedWaiver[]): Markup {
  const ids = [requirement.id, ...clauses.map(({ id }) => id)];
  const own = waivers.filter((waiver) => ids.includes(waiver.requirement));
  return html`<tr><th scope="row" class="id">${link(requirement.id)} <span class="tag">${requirement.priority}</span></th>
<td data-label="Requirement and clauses">${requirement.title} ${clauses.map(
    ({ id, verdict, title }) => html`<span class="part" title="${title}"><a href="#${encodeURIComponent(id)}">-${id.slice(requirement.id.length + 1)}</a> ${badge(verdict)}</span> `,
  )}${metBy(requirement, clauses)}</td>
<td class="verdict" data-label="Verdict">${badge(requirement.verdict)}</td>
<td class="waiver" data-label="Waivers">${own.length === 0 ? html`<span class="soft">none</span>` : own.map(waiverNote)}</td></tr>`;
}

/** Through which facilities, which may differ by clause. */
function metBy(requirement: RequirementResult, clauses: readonly RequirementResult[]): Part {
  const told = [requirement, ...clauses].filter(({ facilities }) => facilities !== undefined);
  if (told.length === 0) return undefined;
  return html` <span class="met">${told.map((one) => (one === requirement ? byFacility(one) : `-${one.id.slice(requirement.id.length + 1)}: ${byFacility(one)}`)).join(' · ')}</span>`;
}

function waiverNote({ requirement, class: kind, expires, state }: JudgedWaiver): Markup {
  return html`<span class="waived">${requirement} ${state === 'waived' ? 'waived' : `waiver ${state.replaceAll('-', ' ')}`}</span>
<span class="small">${kind.replaceAll('-', ' ')}, until ${expires}</span><br>`;
}

function why({ conclusion }: CertificateModel): Part {
  if (conclusion.reasons.length === 0) return undefined;
  return html`<section aria-labelledby="why"><h2 id="why">Why it is not conformant</h2>${reasons(conclusion.reasons)}</section>`;
}

function waiverTable(waivers: readonly JudgedWaiver[]): Markup {
  return html`<section aria-labelledby="waivers"><h2 id="waivers">Waivers</h2>
<p>A waiver says why a requirement does not pass and until when that is accepted. It never makes it pass.</p>
${
  waivers.length === 0
    ? html`<p>None.</p>`
    : html`<table class="stack"><thead><tr><th scope="col">Requirement</th><th scope="col">Class</th><th scope="col">Reason</th>
<th scope="col">Ticket</th><th scope="col">Until</th><th scope="col">State</th></tr></thead>
<tbody>${waivers.map(
        (waiver) => html`<tr><th scope="row">${link(waiver.requirement)}</th><td data-label="Class">${waiver.class.replaceAll('-', ' ')}</td>
<td data-label="Reason">${waiver.reason}</td><td data-label="Ticket">${waiver.ticket}</td>
<td data-label="Until">${waiver.expires}</td><td data-label="State"><span class="waived">${waiver.state.replaceAll('-', ' ')}</span></td></tr>`,
      )}</tbody></table>`
}</section>`;
}

function rebuiltTable(rows: readonly RequirementResult[]): Part {
  if (rows.length === 0) return undefined;
  return html`<section aria-labelledby="rebuilt"><h2 id="rebuilt">OSDL’s Requirements for Low-Level Asynchronous Events (R1), rebuilt</h2>
<p class="small">The body of that document is lost. These are reconstructed from its contents page; none of their wording is the original’s.</p>
<table class="stack"><thead><tr><th scope="col">Section</th><th scope="col">Requirement</th><th scope="col">Verdict</th></tr></thead>
<tbody>${rows.map(
    ({ id, title, verdict }) => html`<tr><th scope="row">${link(id)}</th><td data-label="Requirement">${title}</td><td data-label="Verdict">${badge(verdict)}</td></tr>`,
  )}</tbody></table></section>`;
}

function evidence({ files, keyId, run }: CertificateModel, sums: Markup): Markup {
  return html`<section aria-labelledby="files"><h2 id="files">The bundle</h2>
<p>To check it: <code>npx aemcert verify BUNDLE --key vendor.pub</code>, from the suite’s revision <code>${run.suite.revision}</code>.
The key that signs has the id <code>${keyId}</code>.</p>
${sums}
<table class="stack files"><thead><tr><th scope="col">File</th><th scope="col">Bytes</th><th scope="col">SHA-256</th></tr></thead>
<tbody>${files.map(
    ({ name, size, sha256 }) => html`<tr><th scope="row"><a href="${encodeURIComponent(name)}">${name}</a></th><td data-label="Bytes">${size}</td>
<td data-label="SHA-256"><code>${sha256}</code></td></tr>`,
  )}</tbody></table></section>`;
}
