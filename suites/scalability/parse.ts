// SPDX-License-Identifier: GPL-2.0-only
import { AemcertError, ExitStatus, InfrastructureError } from '../../lib/errors.ts';
import type { Burst, Figure, Measurement } from '../../reporters/bench/results.ts';

/** What the guest's bench says of one run, by its clock. */
export interface Measured {
  readonly nops: number;
  readonly nopsNs: number;
  readonly clockNs: number;
  readonly measurements: readonly Measurement[];
}

/** A measurement is about to begin. */
export interface Begun {
  readonly mechanism: string;
  readonly idle: number;
  /** How many went before it, and how many there are to be. */
  readonly done: number;
  readonly plan: number;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the lines of the guest's bench. A stream without its plan or its end, or with fewer
 * results than planned, is no result.
 *
 * Throws an AemcertError of status 1 when events were lost or came twice, an InfrastructureError
 * for anything else that is not a whole run.
 */
export async function readBench(
  lines: AsyncIterable<string> | Iterable<string>,
  onBegin: (begun: Begun) => void = () => undefined,
): Promise<Measured> {
  let start: Fields | undefined;
  let end: Fields | undefined;
  const measurements: Measurement[] = [];
  for await (const line of lines) {
    const [[key, value] = ['', undefined]] = Object.entries(parse(line));
    if (key === 'wrong' || key === 'error') throw failure(key, String(value));
    const fields = asFields(value, line);
    if (key === 'start') start = fields;
    else if (key === 'end') end = fields;
    else if (key === 'result') measurements.push(measurementOf(fields, line));
    else if (key === 'begin') {
      onBegin({
        mechanism: textOf(fields, 'mechanism', line),
        idle: numberOf(fields, 'idle', line),
        done: measurements.length,
        plan: start === undefined ? 0 : numberOf(start, 'plan', line),
      });
    } else throw unreadable(line);
  }
  if (start === undefined || end === undefined || measurements.length !== start['plan']) {
    throw new InfrastructureError('the guest’s bench broke off', {
      expected: start === undefined ? 'a plan, results, an end' : `${String(start['plan'])} results and an end`,
      seen: `${measurements.length} results`,
    });
  }
  return {
    nops: numberOf(start, 'nops', 'start'),
    nopsNs: numberOf(start, 'nopsNs', 'start'),
    clockNs: numberOf(start, 'clockNs', 'start'),
    measurements,
  };
}

function failure(key: 'wrong' | 'error', text: string): AemcertError {
  return key === 'wrong'
    ? new AemcertError('events were lost, or came more than once', ExitStatus.NotConformant, { seen: text })
    : new InfrastructureError('the guest’s bench failed', { seen: text });
}

function measurementOf(fields: Fields, line: string): Measurement {
  const common = { mechanism: textOf(fields, 'mechanism', line), idle: numberOf(fields, 'idle', line) };
  if (fields['fits'] !== true) {
    return {
      ...common,
      fits: false,
      neededKb: numberOf(fields, 'neededKb', line),
      availableKb: numberOf(fields, 'availableKb', line),
    };
  }
  const bursts = fields['bursts'];
  if (!Array.isArray(bursts) || bursts.length === 0) throw unreadable(line);
  return {
    ...common,
    fits: true,
    bursts: bursts.map((burst) => burstOf(asFields(burst, line), line)),
    register: numberOf(fields, 'register', line),
    ...(fields['shutdown'] === undefined ? {} : { shutdown: numberOf(fields, 'shutdown', line) }),
    ...(fields['bytes'] === undefined ? {} : { bytes: numberOf(fields, 'bytes', line) }),
  };
}

function burstOf(fields: Fields, line: string): Burst {
  const figure = (key: string): Figure => {
    const found = asFields(fields[key], line);
    return { median: numberOf(found, 'median', line), min: numberOf(found, 'min', line) };
  };
  return {
    size: numberOf(fields, 'size', line),
    rounds: numberOf(fields, 'rounds', line),
    raise: figure('raise'),
    deliver: figure('deliver'),
    whole: figure('whole'),
  };
}

function parse(line: string): Fields {
  try {
    return asFields(JSON.parse(line) as unknown, line);
  } catch {
    throw unreadable(line);
  }
}

function asFields(value: unknown, line: string): Fields {
  if (typeof value !== 'object' || value === null) throw unreadable(line);
  return value as Fields;
}

function numberOf(fields: Fields, key: string, line: string): number {
  const value = fields[key];
  if (typeof value !== 'number') throw unreadable(line);
  return value;
}

function textOf(fields: Fields, key: string, line: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw unreadable(line);
  return value;
}

function unreadable(line: string): InfrastructureError {
  return new InfrastructureError('the guest’s bench said what cannot be read', { seen: line.slice(0, 300) });
}
