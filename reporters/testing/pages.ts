// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';

export const phone: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  isMobile: true,
  hasTouch: true,
};
export const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 900 } };

/** Pages of ours in a browser, for the tests of one file. */
export interface Pages {
  /** Writes a page; returns its address. */
  publish(name: string, page: string): Promise<string>;
  /** Opens a page and gives it to `body`; any complaint or request beyond the page itself fails. */
  visit(options: BrowserContextOptions, address: string, body: (page: Page) => Promise<void>): Promise<void>;
}

/** Starts a browser before the tests of the file, and ends it after them. */
export function openPages(): Pages {
  let browser: Browser | undefined;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aemcert-html-'));
    browser = await chromium.launch({
      executablePath: process.env['AEMCERT_CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    async publish(name, page) {
      const path = join(folder, name);
      await writeFile(path, page);
      return pathToFileURL(path).href;
    },
    async visit(options, address, body) {
      if (browser === undefined) throw new Error('no browser is open');
      const context = await browser.newContext(options);
      const complaints: string[] = [];
      try {
        const page = await context.newPage();
        page.on('console', (message) => complaints.push(`console: ${message.text()}`));
        page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
        page.on('request', (request) => {
          const own = request.url().startsWith(pathToFileURL(folder).href) || request.url().startsWith('data:');
          if (!own) complaints.push(`request: ${request.url()}`);
        });
        await page.goto(address);
        await body(page);
      } finally {
        await context.close();
      }
      expect(complaints).toEqual([]);
    },
  };
}

// What runs in the page is text: the project is type-checked without the DOM.
export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
export const openAll = (page: Page): Promise<void> =>
  page.evaluate<void>(`document.querySelectorAll('details').forEach((details) => { details.open = true; })`);

/** Ids that occur twice, and targets of links that are not there. */
export const brokenLinks = `(() => {
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  const dead = [...document.querySelectorAll('a[href^="#"]')]
    .map((link) => decodeURIComponent(link.getAttribute('href').slice(1)))
    .filter((id) => !ids.includes(id));
  return [...twice, ...dead];
})()`;

/** Texts whose contrast with the nearest opaque background is below 4.5. */
export const lowContrast = `(() => {
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
