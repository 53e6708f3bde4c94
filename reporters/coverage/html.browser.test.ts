// SPDX-License-Identifier: GPL-2.0-only
import type { BrowserContextOptions, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { brokenLinks, desktop, lowContrast, openAll, openPages, overflow, phone } from '../testing/pages.ts';
import { sampleLines, sampleResults, sampleTest } from '../testing/sample.ts';
import { coverageHtml } from './html.ts';

const { publish, visit: visitAt } = openPages();
let address: string;

beforeAll(async () => {
  address = await publish('coverage.html', coverageHtml(sampleResults({ lines: sampleLines() })));
});

function visit(options: BrowserContextOptions, body: (page: Page) => Promise<void>, url = address): Promise<void> {
  return visitAt(options, url, body);
}

describe('the coverage page', () => {
  test.each([
    ['a phone', phone],
    ['a desktop', desktop],
  ])('fits the width of %s, all details open', async (_what, options) => {
    await visit(options, async (page) => {
      expect(await overflow(page)).toBe(0);
      await openAll(page);
      expect(await overflow(page)).toBe(0);
    });
  });

  test('fits a phone with unbroken text too', async () => {
    const word = 'x'.repeat(400);
    const tests = [
      sampleTest('core/a/b', 'FAIL', {
        title: word,
        reason: word,
        observed: word,
        expected: word,
        console: word,
        requirements: ['AEM-CORE-010'],
      }),
    ];
    const url = await publish(
      'wide.html',
      coverageHtml(
        sampleResults({ tests, incidents: [], run: { command: [word], filters: { grep: word } } }),
      ),
    );
    await visit(
      phone,
      async (page) => {
        await openAll(page);
        expect(await overflow(page)).toBe(0);
      },
      url,
    );
  });

  test('the lines of code that nothing reached open with their text', async () => {
    await visit(desktop, async (page) => {
      const lines = page.locator('pre', { hasText: 'alert(1)' }).last();
      expect(await lines.isVisible()).toBe(false);
      await page.locator('summary', { hasText: 'modules/aem-core/main.c' }).click();
      await lines.waitFor({ state: 'visible' });
      expect(await lines.innerText()).toBe(' 5  c <script>alert(1)</script> `x`');
    });
  });

  test('the search filters requirements, and clearing it brings them back', async () => {
    await visit(desktop, async (page) => {
      const rows = page.locator('.matrix tbody tr:visible');
      expect(await rows.count()).toBe(11);

      await page.getByRole('searchbox').fill('pexit signal');
      expect(await rows.allInnerTexts()).toEqual([
        expect.stringContaining('AVL.5.3-a'),
        expect.stringContaining('AEM-PEXIT-004'),
      ]);
      expect(await page.locator('.filter output').innerText()).toBe('2 of 11 requirements');

      await page.getByRole('searchbox').fill('');
      expect(await rows.count()).toBe(11);
    });
  });

  test('the verdict filter shows what has that verdict', async () => {
    await visit(desktop, async (page) => {
      await page.getByRole('combobox').selectOption('UNSUPPORTED');
      expect(await page.locator('.matrix tbody tr:visible .id').allInnerTexts()).toEqual([
        expect.stringContaining('AEM-TIPC-002'),
      ]);
    });
  });

  test('a link to a test opens everything above it', async () => {
    await visit(desktop, async (page) => {
      const evidence = page.locator('pre', { hasText: 'status of 213' });
      expect(await evidence.isVisible()).toBe(false);
      await page
        .getByRole('link', { name: /reports the signal of a fault/ })
        .first()
        .click();
      await evidence.waitFor({ state: 'visible' });
      expect(page.url()).toContain('#test%3Apexit%2Ffault%2F');
    });
  });

  test('opened at the address of a requirement, shows it', async () => {
    await visit(
      desktop,
      async (page) => {
        await page.getByText('aem-pexit shall pass the wait(2) status word').waitFor({ state: 'visible' });
      },
      `${address}#AEM-PEXIT-004`,
    );
  });

  test('details open by keyboard', async () => {
    await visit(desktop, async (page) => {
      const incident = page.locator('summary', { hasText: 'blamed on the infrastructure' });
      await incident.focus();
      await page.keyboard.press('Enter');
      await page.locator('pre', { hasText: 'armed 1000 timers' }).last().waitFor({ state: 'visible' });
    });
  });

  test('reads without script: everything is there and no dead search box', async () => {
    await visit({ ...phone, javaScriptEnabled: false }, async (page) => {
      expect(await page.locator('.matrix tbody tr').count()).toBe(11);
      expect(await page.locator('.filter').isVisible()).toBe(false);
      await page.locator('.trace > details > summary').first().click();
      await page.getByText('The system shall tell of the unexpected exit').waitFor({ state: 'visible' });
    });
  });

  test.each([['light'], ['dark']] as const)('text has contrast 4.5 : 1 in %s', async (colorScheme) => {
    await visit({ ...desktop, colorScheme }, async (page) => {
      await openAll(page);
      expect(await page.evaluate<string[]>(lowContrast)).toEqual([]);
    });
  });

  test('ids are unique, and every link inside the page has its target', async () => {
    await visit(desktop, async (page) => {
      const broken = await page.evaluate<string[]>(brokenLinks);
      expect(broken).toEqual([]);
    });
  });
});
