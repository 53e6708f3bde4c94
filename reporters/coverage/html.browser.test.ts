// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleLines, sampleResults, sampleTest } from '../testing/sample.ts';
import { coverageHtml } from './html.ts';

const phone: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
};
const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 900 } };

let browser: Browser;
let folder: string;
let address: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aemcert-html-'));
  address = await publish('coverage.html', coverageHtml(sampleResults({ lines: sampleLines() })));
  browser = await chromium.launch({
    executablePath: process.env['AEMCERT_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

async function publish(name: string, page: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, page);
  return pathToFileURL(path).href;
}

/** Opens a page and gives it to `body`; any complaint or request beyond the page itself fails. */
async function visit(
  options: BrowserContextOptions,
  body: (page: Page) => Promise<void>,
  url = address,
): Promise<void> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (
        !request.url().startsWith(address.slice(0, address.lastIndexOf('/'))) &&
        !request.url().startsWith('data:')
      ) {
        complaints.push(`request: ${request.url()}`);
      }
    });
    await page.goto(url);
    await body(page);
  } finally {
    await context.close();
  }
  expect(complaints).toEqual([]);
}

// What runs in the page is text: the project is type-checked without the DOM.
const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
const openAll = (page: Page): Promise<void> =>
  page.evaluate<void>(`document.querySelectorAll('details').forEach((details) => { details.open = true; })`);

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

/** Ids that occur twice, and targets of links that are not there. */
const brokenLinks = `(() => {
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  const dead = [...document.querySelectorAll('a[href^="#"]')]
    .map((link) => decodeURIComponent(link.getAttribute('href').slice(1)))
    .filter((id) => !ids.includes(id));
  return [...twice, ...dead];
})()`;

/** Texts whose contrast with the nearest opaque background is below 4.5. */
const lowContrast = `(() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (colour) => {
    const [r, g, b] = parse(colour).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parse(colour)[3] ?? 1) !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('body *')].flatMap((element) => {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.matches('script, title, option, svg *') || !element.checkVisibility()) return [];
    const [a, b] = [light(getComputedStyle(element).color), light(background(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return ratio < 4.5 ? [element.tagName + ' "' + element.textContent.slice(0, 40) + '" ' + ratio.toFixed(2)] : [];
  });
})()`;
