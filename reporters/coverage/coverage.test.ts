// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, test } from 'vitest';
import { conclude } from '../conclude.ts';
import { junitXml } from '../junit/junit.ts';
import { verdicts, type Results } from '../results.ts';
import { renderSummary } from '../terminal/summary.ts';
import { passingResults, sampleResults, sampleTest } from '../testing/sample.ts';
import { coverageHtml } from './html.ts';
import { coverageJson } from './json.ts';
import { coverageMarkdown } from './markdown.ts';
import { escapeHtml, html } from './markup.ts';
import { coverageModel } from './model.ts';

type Verdicts = Readonly<Record<string, string | undefined>>;

/** What each report says, read back from its text alone. */
const said = {
  junit(results: Results): Verdicts {
    const cases = junitXml(results).split('<testcase ').slice(1);
    return Object.fromEntries(
      cases.flatMap((text) => {
        const [, id] = /name="test" value="([^"]+)"/.exec(text) ?? [];
        if (id === undefined) return [];
        // A CDATA section may quote anything, so the first element outside properties decides.
        const [, element] = /<\/properties>\s*<(failure|error|skipped)/.exec(text) ?? [];
        const [, skipped] = /<skipped type="(\w+)"/.exec(text) ?? [];
        const verdict = { failure: 'FAIL', error: 'UNRESOLVED', skipped }[element ?? ''];
        return [[id, element === undefined ? 'PASS' : verdict]];
      }),
    );
  },
  htmlTests: (results: Results): Verdicts =>
    Object.fromEntries(
      [
        ...coverageHtml(results).matchAll(
          /<details class="test" id="test:([^"]+)"><summary><span class="badge (\w+)"/g,
        ),
      ].map(([, id, verdict]) => [id, verdict]),
    ),
  htmlRequirements(results: Results): Verdicts {
    const [, matrix = ''] = coverageHtml(results).split('<h2 id="matrix">');
    const rows = matrix.split('</table>')[0]?.split('<tr data-search').slice(1) ?? [];
    return Object.fromEntries(
      rows.map((row) => {
        const [, id = ''] = /<th scope="row" class="id"><a href="#[^"]*">([^<]+)</.exec(row) ?? [];
        return [id, /<td class="verdict" data-label="Verdict"><span class="badge (\w+)"/.exec(row)?.[1]];
      }),
    );
  },
  markdownTests: (results: Results): Verdicts =>
    Object.fromEntries(
      [
        ...(coverageMarkdown(results).split('### Tests that did not pass')[1] ?? '').matchAll(
          /^- \S+ (\w+) `([^`]+)`: /gm,
        ),
      ].map(([, verdict, id]) => [id, verdict]),
    ),
  markdownRequirements: (results: Results): Verdicts =>
    Object.fromEntries(
      [...coverageMarkdown(results).matchAll(/^\| `([^`]+)` \|.*\| \S+ (\w+) \|$/gm)].map(
        ([, id, verdict]) => [id, verdict],
      ),
    ),
};

const verdictsOf = (list: readonly { readonly id: string; readonly verdict: string }[]): Verdicts =>
  Object.fromEntries(list.map(({ id, verdict }) => [id, verdict]));

describe.each<[string, Results]>([
  ['every verdict', sampleResults()],
  ['all passed', passingResults()],
  ['cut off', passingResults({ run: { complete: false, interruption: 'SIGTERM' } })],
])('all reports say the same: %s', (_what, results) => {
  const tests = verdictsOf(results.tests);
  const requirements = verdictsOf(results.requirements);

  test('about each test', () => {
    const notPassed = Object.fromEntries(Object.entries(tests).filter(([, verdict]) => verdict !== 'PASS'));
    expect(said.junit(results)).toEqual(tests);
    expect(said.htmlTests(results)).toEqual(tests);
    expect(verdictsOf(JSON.parse(coverageJson(results)).tests)).toEqual(tests);
    expect(said.markdownTests(results)).toEqual(notPassed);
  });

  test('about each requirement', () => {
    expect(said.htmlRequirements(results)).toEqual(requirements);
    expect(said.markdownRequirements(results)).toEqual(requirements);
    expect(verdictsOf(JSON.parse(coverageJson(results)).requirements)).toEqual(requirements);
  });

  test('about the whole', () => {
    const { headline, conformant } = conclude(results);
    expect(coverageHtml(results)).toContain(`<h1>${headline}</h1>`);
    expect(coverageMarkdown(results)).toContain(headline);
    expect(JSON.parse(coverageJson(results)).conclusion).toMatchObject({ headline, conformant });
    expect(/<(failure|error) /.test(junitXml(results))).toBe(!conformant);
  });
});

test('the sample has every verdict', () => {
  expect(new Set(sampleResults().tests.map(({ verdict }) => verdict))).toEqual(new Set(verdicts));
  expect(new Set(sampleResults().requirements.map(({ verdict }) => verdict))).toEqual(new Set(verdicts));
});

describe('the model', () => {
  const model = coverageModel(sampleResults());

  test('finds orphans and requirements without tests', () => {
    expect(model.orphanTests).toEqual(['core/control/verifies-nothing-known']);
    expect(model.requirementsWithoutTests).toEqual(['AEM-CORE-011']);
    expect(model.roots).toEqual(['AVL.5.3', 'PRF.5.0']);
  });

  test('puts what lacks tests first, then what failed', () => {
    expect(model.requirements.slice(0, 2).map(({ id }) => id)).toEqual(['AEM-CORE-011', 'AVL.5.3']);
    expect(model.requirements.at(-1)?.verdict).toBe('PASS');
  });
});

describe('escaping', () => {
  test('markup escapes every value, and only values', () => {
    expect(html`<b title="${'"\'<&>'}">${['<i>', html`<i>`]}</b>`.source).toBe(
      '<b title="&quot;&#39;&lt;&amp;&gt;">&lt;i&gt;<i></b>',
    );
    expect(escapeHtml('\u001b[31mred\u001b[0m\u0000')).toBe('red');
  });

  const evil = '"><script>alert(1)</script><img src=x onerror=alert(1)> | `x` [l](http://e.test) @someone';
  const hostile = sampleResults({
    tests: [
      sampleTest('core/a/b', 'FAIL', {
        title: evil,
        reason: evil,
        expected: evil,
        observed: evil,
        details: evil,
        console: evil,
        requirements: [evil],
      }),
    ],
    run: { command: [evil], filters: { [evil]: evil }, interruption: evil, complete: false },
    incidents: [{ kind: 'other', blame: 'kernel', at: '2026-03-02T09:17:30Z', boot: 1, excerpt: evil }],
  });

  test('no text becomes an element of the page', () => {
    const page = coverageHtml(hostile);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toContain('<img');
  });

  test('no text becomes markup in Markdown outside code', () => {
    const bare = coverageMarkdown(hostile).replace(/(`+) ?[^\n]*? ?\1/g, '');
    expect(bare).not.toContain('<script');
    expect(bare).not.toMatch(/(?<!\\)\[l\]/);
    expect(bare).not.toContain('@someone');
  });

  test('a table row keeps its cells', () => {
    const rows = coverageMarkdown(sampleResults())
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    for (const row of rows) expect(row.split(/(?<!\\)\|/)).toHaveLength(9);
  });
});

test('a requirement says which of its tests need another flavour of the kernel', () => {
  const other = { ...sampleTest('pexit/faults/memory-fails', 'UNTESTED'), requirements: ['AEM-PEXIT-001'] };
  const { id, suite, file, title, requirements, binding } = other;
  const elsewhere = [{ id, suite, file, title, requirements, binding, flavours: ['debug'] }];
  const results: Results = { ...passingResults(), elsewhere };

  expect(conclude(results).reasons).toEqual([]);
  expect(coverageHtml(results)).toContain('on debug: memory fails');
  expect(coverageMarkdown(results)).toMatch(/`AEM-PEXIT-001`.*, and 1 test of other flavours \(debug\)/);
  expect(renderSummary(results, { colour: false })).toContain('not here: 1 test of other flavours (debug)');
});

test('no test is left out of a run on its own flavour', () => {
  const elsewhere = passingResults().plan.slice(0, 1).map((test) => ({ ...test, id: 'pexit/faults/hidden' }));
  const results: Results = { ...passingResults(), elsewhere };

  expect(conclude(results).reasons[0]).toContain('"pexit/faults/hidden" was left out of a run on its own flavour base');
});

test('the page needs nothing from outside', () => {
  const page = coverageHtml(sampleResults());
  expect(page.replaceAll('&#39;', "'")).toContain("default-src 'none'");
  expect(page).not.toMatch(/\b(?:src|href)="(?!#|data:)/);
  expect(page).not.toMatch(/@import|url\(/);
});

test('wording: results against CGL ids, nothing more', () => {
  for (const text of [coverageHtml(sampleResults()), coverageMarkdown(sampleResults())]) {
    expect(text.toLowerCase()).toContain('results against cgl 5.0 ids');
    expect(text).not.toMatch(/certified|compliant|CGL registered/i);
  }
});

test('certainty shows, “reconstructed” too', () => {
  expect(coverageHtml(sampleResults())).toContain('<span class="tag reconstructed">reconstructed</span>');
  expect(coverageMarkdown(sampleResults())).toContain('| OSDL R1, 2.3 | reconstructed |');
});

describe('a run of one binding', () => {
  const { run, plan, requirements, ...rest } = passingResults();
  const results: Results = {
    ...rest,
    run: { ...run, binding: 'native' },
    plan: plan.map((test) => ({ ...test, binding: 'native', facility: 'epoll' })),
    requirements: requirements.map((one) => ({
      ...one,
      facilities: [
        { facility: 'epoll', binding: 'native', verdict: 'PASS' },
        { facility: 'aio', binding: 'native', verdict: 'UNSUPPORTED' },
      ],
    })),
  };

  test('is told as such on the first page of each report', () => {
    expect(renderSummary(results, { colour: false })).toContain('binding       native');
    expect(coverageHtml(results)).toContain('<dt>Binding</dt><dd>native only</dd>');
    expect(coverageMarkdown(results)).toContain('- Binding: native only');
    expect(conclude(results).headline).toContain('(binding native only)');
  });

  test('names the facilities beside each verdict and each test', () => {
    expect(coverageHtml(results)).toContain('PASS epoll; UNSUPPORTED aio');
    expect(coverageMarkdown(results)).toContain('PASS epoll; UNSUPPORTED aio');
    expect(JSON.parse(coverageJson(results)).requirements[0].facilities).toHaveLength(2);
    expect(junitXml(results)).toContain('<property name="facility" value="epoll"/>');
  });
});
