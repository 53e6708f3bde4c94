// SPDX-License-Identifier: GPL-2.0-only

/** Of a test file its place among those that begin first, given by the ends of their paths; of any other the place after the last. */
export function rankAmong(first: readonly string[]): (file: { readonly moduleId: string }) => number {
  return ({ moduleId }) => {
    const place = first.findIndex((end) => moduleId.endsWith(end));
    return place < 0 ? first.length : place;
  };
}
