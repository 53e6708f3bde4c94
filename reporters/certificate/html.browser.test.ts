// SPDX-License-Identifier: GPL-2.0-only
import { beforeAll, describe, expect, test } from 'vitest';
import { loadRequirements } from '../../specs/loader/index.ts';
import { makeManifest } from '../bundle/manifest.ts';
import { judgedAtRun } from '../bundle/make.ts';
import type { Results } from '../results.ts';
import { sampleParts, sampleWaivers } from '../testing/bundle.ts';
import { brokenLinks, desktop, lowContrast, openAll, openPages, overflow, phone } from '../testing/pages.ts';
import { sampleResults, sampleTest } from '../testing/sample.ts';
import { deriveRequirementResults } from '../verdict.ts';
import { certificateHtml } from './html.ts';

const { publish, visit } = openPages();

function page(results: Results, waivers?: string): string {
  const parts = sampleParts(results, waivers);
  const judged = judgedAtRun(parts);
  return certificateHtml({ results: parts.results, product: parts.product, waivers: judged, files: makeManifest(parts.logs).files, keyId: 'a1'.repeat(32) });
}

/** As many requirements as the suite has, with each kind of verdict, and a waiver of one of each. */
async function wholeResults(): Promise<Results> {
  const { requirements } = await loadRequirements();
  const verdicts = ['PASS', 'FAIL', 'UNRESOLVED', 'UNSUPPORTED', 'UNTESTED'] as const;
  const own = requirements.filter(({ children }) => children.length === 0);
  const tests = own.flatMap(({ id }, index) =>
    (id.startsWith('AEM-') ? [undefined] : ['epoll', 'io_uring', 'timer_create', 'proc connector']).map((facility, which) =>
      sampleTest(`cgl/all/test-${index}-${which}`, verdicts[(index + (which > 2 ? 1 : 0)) % 5] ?? 'PASS', {
        requirements: [id],
        ...(facility === undefined ? {} : { facility, binding: 'native' }),
      }),
    ),
  );
  const results = sampleResults({ tests, incidents: [], requirements: [], run: { suite: { version: '0.1.0', revision: '1f0c2d9a7be4', dirty: true } } });
  const inputs = requirements.map(({ limits: _l, children: _c, fingerprint: _f, module: _m, reading: _r, notes: _n, ...input }) => input);
  return { ...results, requirements: deriveRequirementResults(inputs, results.plan, results.tests) };
}

const waiver = (id: string): string => sampleWaivers.slice(sampleWaivers.indexOf('\n') + 1).replace('AEM-PEXIT-004', id);

let address: string;
beforeAll(async () => {
  const results = await wholeResults();
  const failing = results.requirements.filter(({ id, verdict }) => /^[A-Z]{3}\.\d+\.\d+(-[a-z])?$/.test(id) && verdict !== 'PASS').slice(0, 6);
  address = await publish('certificate.html', page(results, `waivers:\n${failing.map(({ id }) => waiver(id)).join('')}`));
});

describe('the certificate', () => {
  test.each([['a phone', phone], ['a desktop', desktop]])('fits the width of %s, all details open', async (_what, options) => {
    await visit(options, address, async (page) => {
      expect(await overflow(page)).toBe(0);
      await openAll(page);
      expect(await overflow(page)).toBe(0);
    });
  });

  test('fits a phone with unbroken text too', async () => {
    const word = 'x'.repeat(400);
    const tests = [sampleTest('core/a/b', 'FAIL', { title: word, reason: word, observed: word, expected: word, console: word, requirements: ['AEM-CORE-010'] })];
    const wide = await publish('wide.html', page(sampleResults({ tests, incidents: [], run: { command: [word] } }), sampleWaivers.replace(/reason: .*/, `reason: ${word}`)));
    await visit(phone, wide, async (page) => {
      await openAll(page);
      expect(await overflow(page)).toBe(0);
    });
  });

  test('the first sheet of paper has the verdict of each CGL 5.0 id, the waivers beside it, and what a reader has to know', async () => {
    // A4 less its margins, at 96 dots an inch.
    await visit({ viewport: { width: 703, height: 1032 } }, address, async (page) => {
      await page.emulateMedia({ media: 'print' });
      const sheet = page.locator('header');

      expect((await sheet.boundingBox())?.height).toBeLessThan(1032);
      const text = await sheet.innerText();
      for (const words of [
        'Example Carrier Linux 7.2', 'Example Networks', 'Not conformant', 'The suite is not the released revision', 'Without a verdict as a whole', 'PRF.5.0', 'SEC.11.2', 'GAP.9.0',
        'waived', 'minor system fault, until 2026-12-31', '6.12.117-aem', '500 µs', 'one event on an idle machine',
      ]) {
        expect(text).toContain(words);
      }
      expect(text).not.toMatch(/certified|compliant/i);
    });
  });

  test('prints: the first sheet by itself, and as many more as the trace takes', async () => {
    await visit(desktop, address, async (page) => {
      const pdf = await page.pdf({ preferCSSPageSize: true });
      const sheets = (pdf.toString('latin1').match(/\/Type\s*\/Page\b/g) ?? []).length;
      expect(sheets).toBeGreaterThan(2);
    });
  });

  test('a link from a verdict leads to the requirement in the trace, without a script', async () => {
    await visit({ ...desktop, javaScriptEnabled: false }, address, async (page) => {
      await page.getByRole('link', { name: 'PRF.5.0', exact: true }).first().click();
      expect(page.url()).toMatch(/#PRF\.5\.0$/);
      expect(await page.locator('script').count()).toBe(0);
    });
  });

  test('a waived failure is shown as a failure that is waived', async () => {
    const waived = await publish('waived.html', page(sampleResults({ incidents: [] }), sampleWaivers.replace('AEM-PEXIT-004', 'AVL.5.3-a')));
    await visit(desktop, waived, async (page) => {
      const row = page.locator('.clauses tbody tr', { hasText: 'AVL.5.3' });
      expect(await row.locator('.verdict').innerText()).toContain('FAIL');
      expect(await row.locator('.waiver').innerText()).toContain('AVL.5.3-a waived');
      expect(await page.locator('.outcome').innerText()).toBe('Not conformant');
    });
  });

  test.each([['light'], ['dark']] as const)('text has contrast 4.5 : 1 in %s', async (colorScheme) => {
    await visit({ ...desktop, colorScheme }, address, async (page) => {
      await openAll(page);
      expect(await page.evaluate<string[]>(lowContrast)).toEqual([]);
    });
  });

  test('ids are unique, and every link inside the page has its target', async () => {
    await visit(desktop, address, async (page) => {
      expect(await page.evaluate<string[]>(brokenLinks)).toEqual([]);
    });
  });
});
