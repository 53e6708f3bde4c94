// SPDX-License-Identifier: GPL-2.0-only
import { stripPrefix } from '../../../lib/printk.ts';
import type { Incident } from '../../../reporters/results.ts';
import { createConsoleWatch, lookMarker, markerPrefix, toIncident } from '../console/watch.ts';
import type { Sighting } from '../console/watch.ts';
import { blameOn } from './blame.ts';

/** What the kernel of a machine says while no test looks: before the first of a connection, after the last, while all is put back. */
export interface UntoldLog {
  /** `elsewhere`: the process of the tests is told, too, and looks at what stands before its markers. */
  push(text: string, elsewhere: boolean): void;
  /** What there was since the last call: trouble, and all lines that nobody else has. */
  take(): { readonly incidents: readonly Incident[]; readonly text: string };
}

/** `boot`: which connection of the run it is, from 1. */
export function createUntoldLog(boot: number): UntoldLog {
  const watch = createConsoleWatch();
  let own = '';
  /** Seen here alone: no look of the other process is at them. */
  let kept: readonly Sighting[] = [];
  let shared = false;
  return {
    push(text, elsewhere) {
      if (!elsewhere) own += text;
      if (elsewhere && !shared) kept = [...kept, ...watch.take().sightings];
      shared = elsewhere;
      for (const line of text.split(/(?<=\n)/)) {
        watch.push(line);
        if (elsewhere && stripPrefix(line).startsWith(`${markerPrefix}${lookMarker} `)) watch.take();
      }
    },
    take() {
      const sightings = [...kept, ...watch.take().sightings];
      const text = own;
      kept = [];
      own = '';
      return { incidents: sightings.map((seen) => toIncident(seen, boot, blameOn(seen.kind))), text };
    },
  };
}
