// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { benchChart } from './chart.ts';
import { mechanisms, processMechanisms } from './mechanisms.ts';
import { processChart } from './process-chart.ts';
import { sampleResults } from './testing/sample.ts';
import type { ClockRun } from './results.ts';

function sampleRun(): ClockRun {
  const [run] = sampleResults().runs;
  if (run === undefined) throw new Error('the sample has a run');
  return run;
}

/** Enough of XML: every element is closed, in order, every attribute quoted, no stray < or &. */
function elementsOf(svg: string): readonly string[] {
  const open: string[] = [];
  const seen: string[] = [];
  const rest = svg.replace(/<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<&]*")*)(\/?)>/g, (_, end: string, name: string, __, empty: string) => {
    if (end === '/') expect(open.pop()).toBe(name);
    else {
      seen.push(name);
      if (empty === '') open.push(name);
    }
    return '';
  });
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<]|&(?!(amp|lt|gt|quot|#39);)/);
  return seen;
}

test('is well-formed XML with a root of its own', () => {
  const svg = benchChart(sampleRun());

  const [root] = elementsOf(svg);
  expect(root).toBe('svg');
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 900 \d+"/);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

test('has every series in every panel, with a point for each count that fits, and its label', () => {
  const svg = benchChart(sampleRun());

  const panels = svg.split(/<g transform="translate\(0 \d+\)">/).slice(1);
  expect(panels).toHaveLength(2);
  for (const panel of panels) {
    expect(panel).not.toContain('-computing"');
    for (const { id, label } of mechanisms.filter(({ program }) => program === 'waits')) {
      const series = panel.split(`<g data-series="${id}"`)[1]?.split('</g>')[0] ?? '';
      const points = series.match(/ d="M[\d.]+ [\d.]+(L[\d.]+ [\d.]+)*"/)?.[0].split('L') ?? [];
      expect(points, id).toHaveLength(id === 'poll' || id === 'io_uring-read' ? 2 : 3);
      expect(series).toContain(`>${label}</text>`);
    }
  }
});

test('its axes are labelled, and it says what does not fit', () => {
  const svg = benchChart(sampleRun());

  expect(svg.match(/>idle registrations</g)).toHaveLength(2);
  expect(svg.match(/>instructions per event</g)).toHaveLength(2);
  expect(svg).toContain('>1,000<');
  expect(svg).toContain('>1 M<');
  expect(svg).toContain('Of 1,000,000 do not fit into 768 MiB: io_uring, reads.');
});

test('is readable in the dark', () => {
  expect(benchChart(sampleRun())).toContain('@media (prefers-color-scheme:dark)');
});

test('its axis has figures also where all costs lie between two powers of ten', () => {
  const near = sampleRun().processes.map((one) => ({
    ...one,
    bursts: one.bursts.map((burst) => ({ ...burst, whole: { median: 300_000 + one.ownerMiB, min: 300_000 } })),
  }));

  const svg = processChart({ ...sampleRun(), processes: near });

  expect(svg.match(/>200,000</g)).toHaveLength(2);
  expect(svg.match(/>500,000</g)).toHaveLength(2);
});

test('the picture of handler processes has a line for each, with a mark for each owner, in every panel', () => {
  const svg = processChart(sampleRun());

  expect(elementsOf(svg)[0]).toBe('svg');
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  const panels = svg.split(/<g transform="translate\(0 \d+\)">/).slice(1);
  expect(panels).toHaveLength(2);
  for (const panel of panels) {
    for (const { id, label } of processMechanisms) {
      const series = panel.split(`<g data-series="${id}"`)[1]?.split('</g>')[0] ?? '';
      expect(series.match(/<circle /g), id).toHaveLength(2);
      expect(series).toContain(`>${label}</text>`);
    }
  }
  expect(svg).toContain('Owner’s memory: ○ little, ● 64 MiB.');
});
