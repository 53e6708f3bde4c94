// SPDX-License-Identifier: GPL-2.0-only
import { AemcertError, ExitStatus, InfrastructureError } from '../../lib/errors.ts';

/** One line's object, or one within it. */
export class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #line: string;

  /** Throws an InfrastructureError when it is none. */
  constructor(value: unknown, line: string) {
    if (typeof value !== 'object' || value === null) throw unreadable(line);
    this.#fields = value as Readonly<Record<string, unknown>>;
    this.#line = line;
  }

  has(key: string): boolean {
    return this.#fields[key] !== undefined;
  }

  is(key: string, value: unknown): boolean {
    return this.#fields[key] === value;
  }

  number(key: string): number {
    const value = this.#fields[key];
    if (typeof value !== 'number') throw unreadable(this.#line);
    return value;
  }

  text(key: string): string {
    const value = this.#fields[key];
    if (typeof value !== 'string') throw unreadable(this.#line);
    return value;
  }

  object(key: string): Fields {
    return new Fields(this.#fields[key], this.#line);
  }

  /** At least one. */
  objects(key: string): readonly Fields[] {
    const value = this.#fields[key];
    if (!Array.isArray(value) || value.length === 0) throw unreadable(this.#line);
    return value.map((one) => new Fields(one, this.#line));
  }
}

/** What a program of the guest measured. */
export interface Stream<Result> {
  readonly start: Fields;
  readonly results: readonly Result[];
}

/** A measurement is about to begin: how many went before it, and how many there are to be. */
export type OnBegin = (begun: Fields, done: number, plan: number) => void;

/**
 * Reads the lines of a benchmark of the guest. A stream without its plan or its end, or with fewer
 * results than planned, is no result.
 *
 * Throws an AemcertError of status 1 when events were lost or came twice, an InfrastructureError
 * for anything else that is not a whole run.
 */
export async function readStream<Result>(
  lines: AsyncIterable<string> | Iterable<string>,
  resultOf: (fields: Fields) => Result,
  onBegin: OnBegin = () => undefined,
): Promise<Stream<Result>> {
  let start: Fields | undefined;
  let ended = false;
  const results: Result[] = [];
  for await (const line of lines) {
    const [[key, value] = ['', undefined]] = Object.entries(parse(line));
    if (key === 'wrong' || key === 'error') throw failure(key, String(value));
    const fields = new Fields(value, line);
    if (key === 'start') start = fields;
    else if (key === 'end') ended = true;
    else if (key === 'result') results.push(resultOf(fields));
    else if (key === 'begin') onBegin(fields, results.length, start === undefined ? 0 : start.number('plan'));
    else throw unreadable(line);
  }
  if (start === undefined || !ended || !start.is('plan', results.length)) {
    throw new InfrastructureError('the guest’s bench broke off', {
      expected: start === undefined ? 'a plan, results, an end' : `${start.number('plan')} results and an end`,
      seen: `${results.length} results`,
    });
  }
  return { start, results };
}

function failure(key: 'wrong' | 'error', text: string): AemcertError {
  return key === 'wrong'
    ? new AemcertError('events were lost, or came more than once', ExitStatus.NotConformant, { seen: text })
    : new InfrastructureError('the guest’s bench failed', { seen: text });
}

function parse(line: string): object {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw unreadable(line);
  }
  if (typeof value !== 'object' || value === null) throw unreadable(line);
  return value;
}

function unreadable(line: string): InfrastructureError {
  return new InfrastructureError('the guest’s bench said what cannot be read', { seen: line.slice(0, 300) });
}
