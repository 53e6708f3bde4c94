// SPDX-License-Identifier: GPL-2.0-only
import { plural } from '../text.ts';
import { percentage, type FileLines, type LineCounts, type LineReport } from './lines.ts';
import { html, type Markup, type Part } from './markup.ts';

/** The section of the page about lines. `link`: to a requirement by its id. */
export function linesSection(report: LineReport | undefined, link: (id: string) => Markup): Part {
  if (report === undefined) return undefined;
  const { files, total, requirements, unread } = report;
  return html`<section aria-labelledby="lines"><h2 id="lines">Lines of AEM that ran</h2>
<table class="stack lines">
<caption>Counted by gcov in the modules and in what the patches add to the kernel (<code>linux/</code>). A line is reached
when it ran during a test, whatever the verdict, or while the target booted and loaded the modules.</caption>
<thead><tr><th scope="col">File</th><th scope="col">Lines of code</th><th scope="col">Reached</th>
<th scope="col">Share</th><th scope="col">Only while booting</th><th scope="col">Not reached</th></tr></thead>
<tbody>${files.map((file) => row(html`<code>${file.path}</code>`, file))}${row('all', total)}</tbody></table>
${unread.length === 0 ? undefined : html`<p><span class="warn">Counters that could not be read</span> ${unread.join(', ')}</p>`}
<h3>Lines that no test reached</h3>
${total.reached === total.instrumented ? html`<p>None.</p>` : files.map(unreached)}
<details><summary>Lines by requirement</summary>
<table class="stack lines"><caption>Reached by the requirement's tests, or by its children's when it has none of its own; alone:
by no other test. Processes come and go in every test, so what AEM does at an end is in all of them. coverage.json has the lines.</caption>
<thead><tr><th scope="col">Requirement</th><th scope="col">Lines reached</th><th scope="col">Alone</th></tr></thead>
<tbody>${requirements.map(
    ({ id, title, reached, alone }) => html`<tr><th scope="row">${link(id)} ${title}</th>
<td data-label="Lines reached">${reached}</td><td data-label="Alone">${alone}</td></tr>`,
  )}</tbody></table></details>
</section>`;
}

function row(name: Part, counts: LineCounts): Markup {
  const { instrumented, reached, bootOnly } = counts;
  return html`<tr><th scope="row">${name}</th><td data-label="Lines of code">${instrumented}</td>
<td data-label="Reached">${reached}</td><td data-label="Share">${percentage(counts)}</td>
<td data-label="Only while booting">${bootOnly}</td><td data-label="Not reached">${instrumented - reached}</td></tr>`;
}

function unreached(file: FileLines): Part {
  const count = file.instrumented - file.reached;
  if (count === 0) return undefined;
  const width = String(file.unreached.at(-1)?.lines.at(-1)?.line ?? 0).length;
  return html`<details><summary><code>${file.path}</code> <span class="soft">${plural(count, 'line')}</span></summary>
${file.unreached.map(
  ({ function: name, entered, lines }) => html`<h4 class="small soft">${name === undefined ? 'outside of functions' : html`<code>${name}</code>`}${entered ? undefined : ', never called'}</h4>
<pre tabindex="0">${lines.map(({ line, text }) => `${String(line).padStart(width)}  ${text}`).join('\n')}</pre>`,
)}</details>`;
}
