// SPDX-License-Identifier: GPL-2.0-only
import { join } from 'node:path';
import { projectRoot } from '../../lib/paths.ts';
import { compileSchema } from '../../specs/loader/validate.ts';
import { parseYaml, readInput } from './yaml.ts';

/** What a vendor says of the product whose kernel is measured. */
export interface Product {
  readonly vendor: string;
  readonly product: string;
  readonly version: string;
  readonly architecture: 'x86_64';
  /** Whom to ask: an address, a person. */
  readonly contact: string;
  /** From an event to its handler, at most, under `condition`. Absent when none is stated. */
  readonly latency?: { readonly value: number; readonly unit: 'us' | 'ms'; readonly condition: string };
  readonly notes?: string;
}

const schema = compileSchema(join(projectRoot, 'reporters/bundle/product.schema.json'));

/** Reads a product statement. @throws InputError or SpecError with everything that is wrong, each with file:line:column */
export async function readProduct(path: string): Promise<{ readonly product: Product; readonly text: string }> {
  const text = await readInput(path, 'product statement');
  return { product: parseProduct(text, path), text };
}

/** As readProduct(), for a text at hand; `where` names it in errors. */
export function parseProduct(text: string, where: string): Product {
  return parseYaml(where, text, schema(), 'the product statement').content as Product;
}
