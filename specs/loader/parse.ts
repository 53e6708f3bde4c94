// SPDX-License-Identifier: GPL-2.0-only
import { LineCounter, isMap, isNode, isScalar, parseDocument, visit } from 'yaml';
import type { Alias, Document, YAMLError } from 'yaml';
import type { SpecProblem } from './problem.ts';

/** A place in a file, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A key of a mapping, or an index of a list. */
export type PathSegment = string | number;

/** A YAML file, with the way back from a value to its place. */
export interface ParsedFile {
  readonly file: string;
  readonly content: unknown;
  /** True when what the file says cannot be known in full. */
  readonly broken: boolean;
  readonly problems: readonly SpecProblem[];
  /** The place of the value at `path`, or of the nearest value around it. */
  locate(path: readonly PathSegment[]): Position;
  /** The place of the key `key` in the mapping at `path`. */
  locateKey(path: readonly PathSegment[], key: string): Position;
}

/** Parses YAML text; what is wrong with it goes to `problems`. */
export function parseSpec(file: string, text: string): ParsedFile {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const at = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };

  const faults: YAMLError[] = [...document.errors, ...document.warnings];
  const problems = faults.map((fault): SpecProblem => {
    const place = { file, ...at(fault.pos[0]) };
    const source = text.slice(fault.pos[0]).split('\n', 1)[0] ?? '';
    if (fault.code === 'DUPLICATE_KEY') {
      return {
        ...place,
        message: 'a key occurs twice in one mapping',
        expected: 'each key once',
        seen: source.trim(),
      };
    }
    return {
      ...place,
      message: 'not valid YAML',
      expected: fault.message,
      seen: source.trim() === '' ? 'the end of the line' : source.trim(),
    };
  });

  const lost = lostAliases(document);
  return {
    file,
    content: looseContent(document),
    broken: lost.length > 0 || document.errors.some((error) => error.code !== 'DUPLICATE_KEY'),
    problems: [
      ...problems,
      ...lost.map((alias): SpecProblem => ({
        file,
        ...at(alias.range?.[0] ?? 0),
        message: 'not valid YAML',
        expected: 'an anchor before the alias, or quotes around the text',
        seen: `*${alias.source}`,
      })),
    ],
    locate: (path) => at(offsetOf(document, path)),
    locateKey: (path, key) => at(keyOffset(document, path, key) ?? offsetOf(document, path)),
  };
}

/** What can be made of a document that may have errors. */
function looseContent(document: Document): unknown {
  try {
    return document.toJS();
  } catch {
    return undefined;
  }
}

/** Aliases of nothing: no error of the document's, which only throws when its content is asked for. */
function lostAliases(document: Document): readonly Alias[] {
  const lost: Alias[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) lost.push(alias);
    },
  });
  return lost;
}

function offsetOf(document: Document, path: readonly PathSegment[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function keyOffset(document: Document, path: readonly PathSegment[], key: string): number | undefined {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!isMap(map)) return undefined;
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
}
