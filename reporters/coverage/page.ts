// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { html, Markup } from './markup.ts';

export interface Page {
  readonly title: string;
  readonly style: string;
  /** None, when absent: the page has then no script at all. */
  readonly script?: string;
  readonly body: Markup;
}

/**
 * A page of one file: no external resources. A content security policy in the page itself forbids everything but
 * its own style and script.
 */
export function renderPage({ title, style, script, body }: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy(style, script)}">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
${body}
${script === undefined ? undefined : html`<script>${new Markup(script)}</script>
`}</body>
</html>
`.source;
}

function policy(style: string, script: string | undefined): string {
  return [
    "default-src 'none'",
    `style-src '${digest(style)}'`,
    ...(script === undefined ? [] : [`script-src '${digest(script)}'`]),
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
