// SPDX-License-Identifier: GPL-2.0-only
/** The page's style sheet: no external resources, light and dark, desktop, phone and paper. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #51606f; --line: #d5dbe1; --link: #0b57b0;
  --pass: #d9f2e0; --pass-text: #0f5227; --pass-bar: #2e9e55;
  --fail: #fbdcdc; --fail-text: #8a1212; --fail-bar: #d33a3a;
  --unresolved: #ffe8c2; --unresolved-text: #693e00; --unresolved-bar: #e39a1b;
  --untested: #e7e1f9; --untested-text: #48298f; --untested-bar: #8465d6;
  --unsupported: #e2e6ea; --unsupported-text: #39444e; --unsupported-bar: #8593a0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161a; --card: #1b2026; --text: #e5e9ee; --soft: #a6b3c0; --line: #343d47; --link: #86b9ff;
    --pass: #123d22; --pass-text: #9be8b4; --fail: #511a1e; --fail-text: #ffbcbc;
    --unresolved: #4a3208; --unresolved-text: #ffd891; --untested: #342358; --untested-text: #d2c3ff;
    --unsupported: #2d353d; --unsupported-text: #c9d2db;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 5rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main, header { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
main { padding-bottom: 3rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, input:focus-visible, select:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px;
}
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .2rem 0 .6rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1.02rem; margin: 1.2rem 0 .4rem; }
h4 { margin: .7rem 0 .2rem; font-weight: 600; }
p { margin: .4rem 0; }
code, pre { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .88em; }
pre {
  margin: .3rem 0 .8rem; padding: .6rem .8rem; background: var(--page); border: 1px solid var(--line);
  border-radius: 6px; font-size: .8rem; line-height: 1.45; white-space: pre-wrap; max-height: 26rem; overflow-y: auto;
}
.soft { color: var(--soft); }
.small { font-size: .86rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem; }
.eyebrow { margin: 1.4rem 0 .5rem; color: var(--soft); font-size: .9rem; }
.conclusion { border-left: .6rem solid var(--unresolved-bar); }
.conclusion.conformant, .conclusion.selection-passed { border-left-color: var(--pass-bar); }
.conclusion.not-conformant { border-left-color: var(--fail-bar); }
.conclusion ul:not(.tiles) { margin: .5rem 0 0; padding-left: 1.2rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .9rem 1.6rem; margin: 1rem 0 0; }
.facts dt { color: var(--soft); font-size: .82rem; }
.facts dd { margin: 0; }
.warn { background: var(--unresolved); color: var(--unresolved-text); border-radius: 6px; padding: .05rem .4rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .4rem; margin: .3rem 0 0; padding: 0; list-style: none; }
.badge {
  display: inline-block; padding: .05rem .5rem; border-radius: 5px; font-size: .78rem; font-weight: 600;
  letter-spacing: .02em; white-space: nowrap;
}
.PASS { background: var(--pass); color: var(--pass-text); }
.FAIL { background: var(--fail); color: var(--fail-text); }
.UNRESOLVED { background: var(--unresolved); color: var(--unresolved-text); }
.UNTESTED { background: var(--untested); color: var(--untested-text); }
.UNSUPPORTED { background: var(--unsupported); color: var(--unsupported-text); }
.tag {
  display: inline-block; border: 1px solid var(--line); border-radius: 5px; padding: 0 .35rem; font-size: .76rem;
  color: var(--soft); white-space: nowrap;
}
.tag.reconstructed { border: 1px dashed var(--unresolved-bar); color: var(--text); }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); }
caption { text-align: left; color: var(--soft); font-size: .86rem; padding: 0 0 .4rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .7rem; border-top: 1px solid var(--line); }
thead th { font-size: .82rem; color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
tbody th > a, .chart tbody th { font-weight: 600; }
td ul { list-style: none; margin: 0; padding: 0; }
td > ul:not(.tiles) > li + li { margin-top: .3rem; }
.chart { table-layout: fixed; }
.chart th:first-child { width: 9rem; }
.chart .counts { width: 21rem; }
.matrix .id { width: 27%; } .matrix .source { width: 16%; } .matrix .verdict { width: 9rem; }
.lines td { font-variant-numeric: tabular-nums; }
.bar { display: block; width: 100%; height: 1.15rem; margin-top: .15rem; border-radius: 4px; }
.bar .PASS { fill: var(--pass-bar); } .bar .FAIL { fill: var(--fail-bar); }
.bar .UNRESOLVED { fill: var(--unresolved-bar); } .bar .UNTESTED { fill: var(--untested-bar); }
.bar .UNSUPPORTED { fill: var(--unsupported-bar); }
.filter {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem; align-items: center;
  background: var(--page); padding: .6rem 0; margin-top: 1.4rem; border-bottom: 1px solid var(--line);
}
.filter[hidden], [data-search][hidden] { display: none; }
.filter label { font-size: .86rem; color: var(--soft); }
.filter input, .filter select {
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: 6px;
  padding: .35rem .6rem; min-height: 2.5rem; min-width: 0;
}
.filter input { flex: 1 1 12rem; }
details { border-left: 2px solid var(--line); margin: .35rem 0 .35rem .1rem; padding-left: .7rem; }
.trace > details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .3rem .9rem; }
summary { cursor: pointer; padding: .25rem 0; }
details:target > summary, tr:target th { background: var(--unresolved); color: var(--unresolved-text); }
.test { margin-left: .3rem; }
.evidence { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .9rem; margin: .3rem 0 .6rem; font-size: .92rem; }
.evidence dt { color: var(--soft); } .evidence dd { margin: 0; min-width: 0; }
summary > .soft { margin-left: .3rem; }
footer { color: var(--soft); font-size: .86rem; margin-top: 2.5rem; }
@media screen and (max-width: 46rem) {
  .stack, .stack caption, .stack tbody, .stack tr, .stack td, .stack th { display: block; width: auto !important; }
  .stack { border: 0; background: none; }
  .stack thead { position: absolute; left: -99rem; }
  .stack tr { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin-bottom: .7rem; padding: .5rem .3rem; }
  .stack th, .stack td { border: 0; padding: .2rem .6rem; }
  .stack td[data-label]::before { content: attr(data-label); display: block; color: var(--soft); font-size: .76rem; }
  .facts { grid-template-columns: 1fr; gap: .6rem; }
  .filter label[for="pick"] { display: none; }
  .filter { position: static; }
  .filter input { flex-basis: 8rem; }
  .filter output { flex-basis: 100%; }
  h1 { font-size: 1.35rem; }
  .card { padding: .8rem .9rem; }
  .evidence { grid-template-columns: 1fr; }
  .evidence dd { margin-bottom: .3rem; }
}
@media print {
  .filter, .skip { display: none; }
  body { background: #fff; }
  pre { max-height: none; }
}
`;

/**
 * Filters what carries data-search, and opens what a link points to; without it the page shows everything.
 */
export const script = `
(() => {
  const form = document.querySelector('.filter');
  const box = form.querySelector('input');
  const pick = form.querySelector('select');
  const told = form.querySelector('output');
  const items = [...document.querySelectorAll('[data-search]')];
  const rows = items.filter((item) => item.matches('.matrix tr'));
  form.hidden = false;
  form.addEventListener('submit', (event) => event.preventDefault());
  const apply = () => {
    const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const item of items) {
      const text = item.dataset.search.toLowerCase();
      const verdict = pick.value === '' || item.dataset.verdict.split(' ').includes(pick.value);
      item.hidden = !(verdict && words.every((word) => text.includes(word)));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    told.textContent = shown + ' of ' + rows.length + ' requirements';
  };
  box.addEventListener('input', apply);
  pick.addEventListener('change', apply);
  const reveal = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { return; }
    const target = id === '' ? null : document.getElementById(id);
    if (target === null) return;
    for (let at = target; at !== null; at = at.parentElement) {
      if (at instanceof HTMLDetailsElement) at.open = true;
      if (at.hidden) { box.value = ''; pick.value = ''; apply(); }
    }
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  apply();
  reveal();
})();
`;
