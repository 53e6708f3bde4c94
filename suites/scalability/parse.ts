// SPDX-License-Identifier: GPL-2.0-only
import type {
  Burst,
  Figure,
  Measurement,
  OneMore,
  ProcessBurst,
  ProcessMeasurement,
} from '../../reporters/bench/results.ts';
import { readStream } from './stream.ts';
import type { Fields, OnBegin } from './stream.ts';

type Lines = AsyncIterable<string> | Iterable<string>;

/** What the guest's bench says of one run, by its clock. */
export interface Measured {
  readonly nops: number;
  readonly nopsNs: number;
  readonly clockNs: number;
  readonly measurements: readonly Measurement[];
}

/** Reads the lines of the guest's bench; throws as readStream() does. */
export async function readBench(lines: Lines, onBegin?: OnBegin): Promise<Measured> {
  const { start, results } = await readStream(lines, measurementOf, onBegin);
  return {
    nops: start.number('nops'),
    nopsNs: start.number('nopsNs'),
    clockNs: start.number('clockNs'),
    measurements: results,
  };
}

/** Reads the lines of the guest's bench-process; throws as readStream() does. */
export async function readProcesses(lines: Lines, onBegin?: OnBegin): Promise<readonly ProcessMeasurement[]> {
  return (await readStream(lines, processMeasurementOf, onBegin)).results;
}

function measurementOf(fields: Fields): Measurement {
  const common = { mechanism: fields.text('mechanism'), idle: fields.number('idle') };
  if (!fields.is('fits', true)) {
    const [neededKb, availableKb] = [fields.number('neededKb'), fields.number('availableKb')];
    return { ...common, fits: false, neededKb, availableKb };
  }
  return {
    ...common,
    fits: true,
    bursts: fields.objects('bursts').map(burstOf),
    register: fields.number('register'),
    ...optional(fields, 'shutdown'),
    ...(fields.has('more') ? { more: oneMoreOf(fields.object('more')) } : {}),
    ...optional(fields, 'bytes'),
    ...optional(fields, 'ownBytes'),
  };
}

function burstOf(fields: Fields): Burst {
  return {
    size: fields.number('size'),
    rounds: fields.number('rounds'),
    raise: figureOf(fields, 'raise'),
    deliver: figureOf(fields, 'deliver'),
    whole: figureOf(fields, 'whole'),
    ...optional(fields, 'entries'),
  };
}

function processMeasurementOf(fields: Fields): ProcessMeasurement {
  return {
    mechanism: fields.text('mechanism'),
    ownerMiB: fields.number('ownerMiB'),
    bursts: fields.objects('bursts').map(processBurstOf),
  };
}

function processBurstOf(fields: Fields): ProcessBurst {
  return {
    size: fields.number('size'),
    rounds: fields.number('rounds'),
    deliver: figureOf(fields, 'deliver'),
    whole: figureOf(fields, 'whole'),
  };
}

function figureOf(fields: Fields, key: string): Figure {
  const found = fields.object(key);
  return { median: found.number('median'), min: found.number('min') };
}

function oneMoreOf(fields: Fields): OneMore {
  return { register: fields.number('register'), lookup: fields.number('lookup'), shutdown: fields.number('shutdown') };
}

function optional<Key extends string>(fields: Fields, key: Key): Partial<Record<Key, number>> {
  if (!fields.has(key)) return {};
  const one: Partial<Record<Key, number>> = {};
  one[key] = fields.number(key);
  return one;
}
