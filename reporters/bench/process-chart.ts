// SPDX-License-Identifier: GPL-2.0-only
import { html } from '../coverage/markup.ts';
import type { Markup } from '../coverage/markup.ts';
import { style } from './chart.ts';
import { processMechanisms } from './mechanisms.ts';
import { ownerText } from './process-table.ts';
import { ownerSizes, processBurstOf, processBurstSizes } from './ratios.ts';
import type { ClockRun } from './results.ts';
import { unitOf } from './results.ts';
import { grouped } from './row.ts';
import { logScale, logTicks } from './scale.ts';
import type { LogScale } from './scale.ts';

const width = 900;
const head = 46;
const foot = 58;
const line = 34;
const left = 200;
const right = 850;

/** A chart of a run: what a handler process costs in all, a panel a burst, a line a mechanism, a mark an owner. */
export function processChart(run: ClockRun): string {
  const sizes = processBurstSizes(run);
  const shown = processMechanisms.filter(({ id }) => run.processes.some(({ mechanism }) => mechanism === id));
  const panel = shown.length * line + 90;
  const height = head + sizes.length * panel + foot;
  const costs = run.processes.flatMap(({ bursts }) => bursts.map(({ whole }) => whole.median)).filter((cost) => cost > 0);
  const ticks = logTicks(Math.min(...costs), Math.max(...costs));
  const x = logScale(ticks[0] ?? 1, ticks.at(-1) ?? 1, left, right);
  const powers = ticks.filter((tick) => /^10*$/.test(String(tick)));
  // One figure alone says nothing of the distances.
  const labelled = powers.length > 1 ? powers : ticks;
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">
<title id="title">What it costs that a process of its own handles an event</title>
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="ink" x="24" y="30" font-size="17" font-weight="600">What it costs that a process of its own handles an event</text>
${sizes.map((size, index) => html`<g transform="translate(0 ${head + index * panel})">
<text class="ink" x="24" y="22" font-weight="600">${size === 1 ? 'One at a time' : `In bursts of ${size}`}</text>
${labelled.map((tick) => html`<path class="grid" d="M${round(x.at(tick))} 36V${shown.length * line + 44}"/><text class="soft" x="${round(x.at(tick))}" y="${shown.length * line + 62}" text-anchor="middle">${grouped(tick)}</text>
`)}${shown.map((mechanism, row) => drawLine(run, size, mechanism, 56 + row * line, x))}</g>
`)}<text class="ink" x="${(left + right) / 2}" y="${height - 48}" text-anchor="middle">${unitOf[run.clock]} per event, in all</text>
<text class="soft" x="24" y="${height - 14}">From the first raise until every process that it took has ended and its successor waits. Owner’s memory: ${legend(run)}.</text>
</svg>`;
  return `${svg.source}\n`;
}

function drawLine(
  run: ClockRun,
  size: number,
  { id, label, colour }: (typeof processMechanisms)[number],
  y: number,
  x: LogScale,
): Markup {
  const owners = ownerSizes(run);
  const marks = owners.flatMap((owner, index) => {
    const cost = processBurstOf(run, id, owner, size)?.whole.median;
    return cost === undefined || cost <= 0 ? [] : [{ at: round(x.at(cost)), cost, largest: index === owners.length - 1 }];
  });
  const [first, last] = [marks[0], marks.at(-1)];
  return html`<g data-series="${id}" fill="${colour}" stroke="${colour}">
<text class="ink" x="24" y="${y + 4}" stroke="none">${label}</text>
${first === undefined || last === undefined ? html`` : html`<path fill="none" stroke-width="2" opacity="0.5" d="M${first.at} ${y}H${last.at}"/>`}
${marks.map(({ at, cost, largest }) => html`<circle class="${largest ? 'full' : 'hollow'}" stroke-width="2" cx="${at}" cy="${y}" r="5"><title>${grouped(Math.round(cost))}</title></circle>
`)}</g>
`;
}

function legend(run: ClockRun): string {
  const owners = ownerSizes(run);
  return owners.map((owner, index) => `${index === owners.length - 1 ? '●' : '○'} ${ownerText(owner)}`).join(', ');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
