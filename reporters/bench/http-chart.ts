// SPDX-License-Identifier: GPL-2.0-only
import { html } from '../coverage/markup.ts';
import type { Markup } from '../coverage/markup.ts';
import { drawMark, style } from './chart.ts';
import { httpLayers, httpMetrics, idleCountsOf, measurementOf } from './http.ts';
import type { HttpLayer, HttpMetric, HttpRun } from './http.ts';
import { grouped } from './row.ts';
import { spread } from './scale.ts';

const width = 900;
const panel = 320;
const head = 46;
const foot = 40;
/** Of the axes, in a panel. */
const box = { left: 110, right: 690, top: 40, bottom: 260 } as const;

/** A chart of a run: response time and the server's work by idle connections, from 0 on; a line a layer. */
export function httpChart(run: HttpRun, active: number): string {
  const metrics: readonly HttpMetric[] = [httpMetrics.p50, httpMetrics.server];
  const height = head + metrics.length * panel + foot;
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">
<title id="title">AEMhttpd with ${active} active connections, by how many others are idle</title>
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="ink" x="24" y="30" font-size="17" font-weight="600">AEMhttpd with ${active} active connections, by how many others are idle</text>
${metrics.map((metric, index) => drawPanel(run, metric, head + index * panel))}
<text class="soft" x="24" y="${height - 14}">The same server by each event layer, asked by ab on one CPU. Dashed: for contrast.</text>
</svg>`;
  return `${svg.source}\n`;
}

function drawPanel(run: HttpRun, { title, of }: HttpMetric, top: number): Markup {
  const counts = idleCountsOf(run);
  const series = httpLayers.flatMap((layer) => {
    const values = counts.flatMap((idle) => {
      const one = measurementOf(run, layer.id, idle);
      return one === undefined ? [] : [{ idle, value: of(one) }];
    });
    return values.length === 0 ? [] : [{ layer, values }];
  });
  const ticks = linearTicks(Math.max(...series.flatMap(({ values }) => values.map(({ value }) => value))));
  const highest = ticks.at(-1) ?? 1;
  const most = Math.max(1, ...counts);
  const x = (idle: number): number => round(box.left + 20 + ((box.right - box.left - 40) * idle) / most);
  const y = (value: number): number => round(box.bottom - ((box.bottom - box.top) * value) / highest);
  const ends = series.map(({ values }) => y(values.at(-1)?.value ?? 0) + 4);
  const labels = spread(ends, 18, box.top, box.bottom + 10);
  return html`<g transform="translate(0 ${top})">
<text class="ink" x="24" y="22" font-weight="600">${title[run.clock]}</text>
${ticks.map((tick) => html`<path class="grid" d="M${box.left} ${y(tick)}H${box.right}"/><text class="soft" x="${box.left - 8}" y="${y(tick) + 4}" text-anchor="end">${grouped(tick)}</text>
`)}${spreadOut(counts, x).map((idle) => html`<text class="soft" x="${x(idle)}" y="${box.bottom + 20}" text-anchor="middle">${grouped(idle)}</text>
`)}<path class="axis" fill="none" d="M${box.left} ${box.bottom}H${box.right}"/>
<text class="ink" x="${(box.left + box.right) / 2}" y="${box.bottom + 42}" text-anchor="middle">idle connections</text>
${series.map(({ layer, values }, index) => drawSeries(layer, values.map(({ idle, value }) => ({ x: x(idle), y: y(value) })), round(labels[index] ?? 0)))}</g>
`;
}

function drawSeries(layer: HttpLayer, points: readonly { readonly x: number; readonly y: number }[], label: number): Markup {
  const dashed = layer.role === 'contrast' ? html` stroke-dasharray="3 4"` : html``;
  const bold = layer.role === 'subject' ? html` font-weight="700"` : html``;
  return html`<g data-series="${layer.id}" fill="${layer.colour}" stroke="${layer.colour}">
<path fill="none" stroke-width="${layer.role === 'subject' ? 3.5 : 1.8}"${dashed} d="M${points.map((point) => `${point.x} ${point.y}`).join('L')}"/>
${points.map((point) => drawMark(layer, point))}
${drawMark(layer, { x: box.right + 16, y: label - 4 })}
<text class="ink" x="${box.right + 27}" y="${label}" stroke="none"${bold}>${layer.label}</text>
</g>
`;
}

/** From 0 in even steps of 1, 2 or 5, so that the last one is not below `most`. */
export function linearTicks(most: number): readonly number[] {
  const rough = most / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}

/** Those whose text has room beside the one before. */
function spreadOut(counts: readonly number[], x: (idle: number) => number): readonly number[] {
  return counts.reduce<readonly number[]>((shown, idle) => {
    const last = shown.at(-1);
    return last === undefined || x(idle) - x(last) >= 46 ? [...shown, idle] : shown;
  }, []);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
