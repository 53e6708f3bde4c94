// SPDX-License-Identifier: GPL-2.0-only
import { stripPrefix } from '../../../lib/printk.ts';
import type { Incident } from '../../../reporters/results.ts';
import { consolePatterns } from './patterns.ts';
import type { ConsolePattern } from './patterns.ts';

/** Lines that an excerpt has at most. */
const excerptLines = 60;

const cutHere = /^-+\[ cut here \]-+$/;
/** Lines that stand between it and the pattern at most. */
const cutLines = 10;

/** The words of the agent's markers. */
export const markerPrefix = 'aemcert: ';
/** How the markers begin through which a target looks at its console. */
export const lookMarker = 'health';

/** Trouble seen on the console, with the line from which it was told. */
export interface Sighting {
  readonly kind: Incident['kind'];
  readonly fatal: boolean;
  readonly excerpt: readonly string[];
}

/** Reads a console line by line. */
export interface ConsoleWatch {
  push(text: string): void;
  /** What the lines since the last call show; an excerpt goes as far as the lines do. */
  take(): { readonly lines: readonly string[]; readonly sightings: readonly Sighting[] };
  /** The panic that was seen, if one was. */
  panic(): Sighting | undefined;
  /** The last lines, whatever they say. */
  tail(count: number): readonly string[];
  /** Settled when a marker with this text has come through. */
  marker(text: string): Promise<void>;
  /** Milliseconds of process.uptime() when it last said something. */
  lastLineAt(): number;
}

interface Open {
  readonly pattern: ConsolePattern;
  readonly excerpt: string[];
  done: boolean;
}

export function createConsoleWatch(): ConsoleWatch {
  let rest = '';
  let lines: string[] = [];
  let open: Open[] = [];
  let last: string[] = [];
  /** From where a warning's own words come first: its pattern is in the line after them. */
  let cut: string[] | undefined;
  let panic: Open | undefined;
  let lastLineAt = process.uptime() * 1000;
  const markers = new Map<string, () => void>();

  const toSighting = ({ pattern, excerpt }: Open): Sighting => ({
    kind: pattern.kind,
    fatal: pattern.fatal ?? false,
    excerpt: [...excerpt],
  });

  const onLine = (raw: string): void => {
    const line = raw.replace(/\r$/, '');
    const message = stripPrefix(line);
    last = [...last.slice(-199), line];
    lastLineAt = process.uptime() * 1000;
    if (message.startsWith(markerPrefix)) {
      const text = message.slice(markerPrefix.length);
      markers.get(text)?.();
      markers.delete(text);
      return;
    }
    lines.push(line);
    const going = open.find((incident) => !incident.done);
    if (going === undefined && cutHere.test(message)) {
      cut = [];
      return;
    }
    const before = cut ?? [];
    const pattern = consolePatterns.find(({ begins }) => begins.test(message));
    if (pattern !== undefined && (going === undefined || pattern.fatal === true)) {
      if (going !== undefined) going.done = true;
      const incident = { pattern, excerpt: [...before, line], done: pattern.ends?.test(message) ?? false };
      cut = undefined;
      open.push(incident);
      if (pattern.kind === 'panic') panic ??= incident;
      return;
    }
    if (going === undefined) {
      cut = before.length < cutLines ? cut && [...cut, line] : undefined;
      return;
    }
    going.excerpt.push(line);
    if (going.excerpt.length >= excerptLines) going.done = true;
    if (going.pattern.ends?.test(message) === true) going.done = true;
  };

  return {
    push(text) {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      parts.forEach(onLine);
    },
    take() {
      const taken = { lines, sightings: open.map(toSighting) };
      lines = [];
      open = [];
      return taken;
    },
    panic: () => (panic === undefined ? undefined : toSighting(panic)),
    tail: (count) => [...last.slice(-count), ...(rest === '' ? [] : [rest])],
    marker: (text) => new Promise((resolve) => markers.set(text, resolve)),
    lastLineAt: () => lastLineAt,
  };
}

/** What the console showed, as an incident of the results. */
export function toIncident({ kind, excerpt }: Sighting, boot: number, blame: Incident['blame']): Incident {
  return { kind, blame, at: new Date().toISOString(), boot, excerpt: excerpt.join('\n') };
}
