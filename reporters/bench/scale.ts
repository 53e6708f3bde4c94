// SPDX-License-Identifier: GPL-2.0-only

/** Maps values to places on an axis, by their logarithm. */
export interface LogScale {
  readonly at: (value: number) => number;
  readonly low: number;
  readonly high: number;
}

/** From `low` at `begin` to `high` at `end`; both are positive. */
export function logScale(low: number, high: number, begin: number, end: number): LogScale {
  const span = Math.log(high / low);
  const at = (value: number): number =>
    span === 0 ? (begin + end) / 2 : begin + ((end - begin) * Math.log(value / low)) / span;
  return { at, low, high };
}

/** 1, 2, 5, 10, 20, …: those that lie around or between the values, so that all are inside. */
export function logTicks(low: number, high: number): readonly number[] {
  const steps = [1, 2, 5].flatMap((step) => range(0, 12).map((power) => step * 10 ** power)).sort((a, b) => a - b);
  const first = Math.max(0, steps.findLastIndex((step) => step <= low));
  const last = steps.findIndex((step) => step >= high);
  const ticks = steps.slice(first, last + 1);
  return ticks.length > 1 ? ticks : [ticks[0] ?? 1, 2 * (ticks[0] ?? 1)];
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Moves places apart that are nearer than `gap`, in their order, between `top` and `bottom`. */
export function spread(places: readonly number[], gap: number, top: number, bottom: number): readonly number[] {
  const order = places.map((place, index) => ({ place, index })).sort((a, b) => a.place - b.place);
  let free = top;
  for (const one of order) {
    one.place = Math.max(one.place, free);
    free = one.place + gap;
  }
  let limit = bottom;
  for (const one of order.toReversed()) {
    one.place = Math.min(one.place, limit);
    limit = one.place - gap;
  }
  const moved = new Array<number>(places.length).fill(0);
  for (const { place, index } of order) moved[index] = place;
  return moved;
}
