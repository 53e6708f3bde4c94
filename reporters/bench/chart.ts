// SPDX-License-Identifier: GPL-2.0-only
import { html } from '../coverage/markup.ts';
import type { Markup } from '../coverage/markup.ts';
import { labelOf, mechanisms } from './mechanisms.ts';
import type { Mechanism } from './mechanisms.ts';
import { burstOf, burstSizes, idleCounts } from './ratios.ts';
import type { ClockRun } from './results.ts';
import { unitOf } from './results.ts';
import { logScale, logTicks, spread } from './scale.ts';
import type { LogScale } from './scale.ts';
import { grouped } from './row.ts';

const width = 900;
const panel = 360;
const head = 46;
const foot = 18;
const footline = 20;
/** Of the axes, in a panel. */
const box = { left: 96, right: 650, top: 40, bottom: 300 } as const;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Series {
  readonly mechanism: Mechanism;
  readonly values: readonly { readonly idle: number; readonly cost: number }[];
}

/** A chart of a run: cost by idle sources, a panel a burst, a line a mechanism. Light or dark as its reader is. */
export function benchChart(run: ClockRun): string {
  const sizes = burstSizes(run);
  const notes = footnotes(run);
  const height = head + sizes.length * panel + foot + notes.length * footline;
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-labelledby="title">
<title id="title">What it costs to be told of an event, by how many sources are idle</title>
<style>${style}</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="ink" x="24" y="30" font-size="17" font-weight="600">What it costs to be told of an event</text>
${sizes.map((size, index) => drawPanel(run, size, head + index * panel))}
${notes.map((line, index) => html`<text class="soft" x="24" y="${height - 14 + footline * (index + 1 - notes.length)}">${line}</text>
`)}</svg>`;
  return `${svg.source}\n`;
}

export const style = `
.paper,.hollow{fill:#fff}.ink{fill:#1b2733}.soft{fill:#5a6875}.grid{stroke:#dde3e9}.axis{stroke:#5a6875}
@media (prefers-color-scheme:dark){.paper,.hollow{fill:#12171d}.ink{fill:#e6edf3}.soft{fill:#9aa7b3}.grid{stroke:#2a333d}.axis{stroke:#9aa7b3}}
`;

function seriesOf(run: ClockRun, size: number): readonly Series[] {
  return mechanisms.filter(({ program }) => program === 'waits').flatMap((mechanism) => {
    const values = idleCounts(run).flatMap((idle) => {
      const cost = burstOf(run, mechanism.id, idle, size)?.deliver.median;
      return cost === undefined || cost <= 0 ? [] : [{ idle, cost }];
    });
    return values.length === 0 ? [] : [{ mechanism, values }];
  });
}

function drawPanel(run: ClockRun, size: number, top: number): Markup {
  const series = seriesOf(run, size);
  const costs = series.flatMap(({ values }) => values.map(({ cost }) => cost));
  const counts = idleCounts(run);
  const ticks = logTicks(Math.min(...costs), Math.max(...costs));
  const x = logScale(counts[0] ?? 1, counts.at(-1) ?? 1, box.left + 20, box.right - 20);
  const y = logScale(ticks[0] ?? 1, ticks.at(-1) ?? 1, box.bottom, box.top);
  const unit = unitOf[run.clock];
  return html`<g transform="translate(0 ${top})">
<text class="ink" x="24" y="22" font-weight="600">${size === 1 ? 'One at a time' : `In bursts of ${size}`}</text>
${ticks.map(
    (tick) => html`<path class="grid" d="M${box.left} ${round(y.at(tick))}H${box.right}"/><text class="soft" x="${box.left - 8}" y="${round(y.at(tick) + 4)}" text-anchor="end">${grouped(tick)}</text>
`,
  )}${counts.map(
    (count) => html`<path class="axis" d="M${round(x.at(count))} ${box.bottom}v5"/><text class="soft" x="${round(x.at(count))}" y="${box.bottom + 20}" text-anchor="middle">${short(count)}</text>
`,
  )}<path class="axis" fill="none" d="M${box.left} ${box.top}V${box.bottom}H${box.right}"/>
<text class="ink" x="${(box.left + box.right) / 2}" y="${box.bottom + 40}" text-anchor="middle">idle registrations</text>
<text class="ink" transform="translate(20 ${(box.top + box.bottom) / 2}) rotate(-90)" text-anchor="middle">${unit} per event</text>
${drawSeries(series, x, y)}</g>
`;
}

function drawSeries(series: readonly Series[], x: LogScale, y: LogScale): readonly Markup[] {
  const lines = series.map(({ mechanism, values }) => ({
    mechanism,
    points: values.map(({ idle, cost }) => ({ x: round(x.at(idle)), y: round(y.at(cost)) })),
  }));
  const ends = lines.map(({ points }) => points.at(-1) ?? { x: 0, y: 0 });
  const labels = spread(ends.map((end) => end.y), 17, box.top, box.bottom + 44);
  // What is compared lies on top of what it is compared with.
  return lines
    .map(({ mechanism, points }, index) => {
      const end = ends[index] ?? { x: 0, y: 0 };
      return { mechanism, points, end, label: round(labels[index] ?? end.y) };
    })
    .toReversed()
    .map(
      ({ mechanism, points, end, label }) => html`<g data-series="${mechanism.id}" fill="${mechanism.colour}" stroke="${mechanism.colour}">
<path fill="none" stroke-width="${mechanism.role === 'subject' ? 3.5 : 1.8}"${dash(mechanism)} d="M${points.map((point) => `${point.x} ${point.y}`).join('L')}"/>
<path fill="none" stroke-width="0.8" opacity="0.7" d="M${end.x + 6} ${end.y}L${box.right + 8} ${label}"/>
${points.map((point) => drawMark(mechanism, point))}
${drawMark(mechanism, { x: box.right + 16, y: label })}
<text class="ink" x="${box.right + 27}" y="${round(label + 4.5)}" stroke="none"${bold(mechanism)}>${mechanism.label}</text>
</g>
`,
    );
}

function dash({ role }: Mechanism): Markup {
  return role === 'contrast' ? html` stroke-dasharray="3 4"` : html``;
}

function bold({ role }: Mechanism): Markup {
  return role === 'subject' ? html` font-weight="700"` : html``;
}

export function drawMark({ mark }: Pick<Mechanism, 'mark'>, { x, y }: Point): Markup {
  switch (mark) {
    case 'circle':
      return html`<circle stroke="none" cx="${x}" cy="${y}" r="5"/>`;
    case 'square':
      return html`<rect stroke="none" x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`;
    case 'triangle':
      return html`<path stroke="none" d="M${x} ${y - 5}l5 8.5h-10z"/>`;
    case 'diamond':
      return html`<path stroke="none" d="M${x} ${y - 5}l5 5l-5 5l-5-5z"/>`;
  }
}

function footnotes(run: ClockRun): readonly string[] {
  const told = idleCounts(run).flatMap((count) => {
    const misfits = run.measurements.filter(({ fits, idle }) => !fits && idle === count);
    if (misfits.length === 0) return [];
    const names = misfits.map(({ mechanism }) => labelOf(mechanism)).join('; ');
    return [`Of ${grouped(count)} do not fit into ${run.target.memoryMiB} MiB: ${names}.`];
  });
  return [
    'From when all of a burst are raised until the program, which waits, has been told of all. Dashed: for contrast.',
    ...told,
  ];
}

/** Millions stand near each other: `1 M`, `4 M`. */
function short(count: number): string {
  return count >= 1_000_000 && count % 100_000 === 0 ? `${count / 1_000_000} M` : grouped(count);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
