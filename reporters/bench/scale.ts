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

/**
 * Moves places apart that are nearer than `gap`, in their order and as little as can be, between
 * `top` and `bottom`.
 */
export function spread(places: readonly number[], gap: number, top: number, bottom: number): readonly number[] {
  const order = places.map((place, index) => ({ place, index })).sort((a, b) => a.place - b.place);
  const groups: Group[] = [];
  for (const { place, index } of order) {
    let group: Group = { members: [index], wish: place };
    for (let above = groups.at(-1); above !== undefined; above = groups.at(-1)) {
      if (startOf(above, gap, top, bottom) + above.members.length * gap <= startOf(group, gap, top, bottom)) break;
      groups.pop();
      group = merge(above, group, gap);
    }
    groups.push(group);
  }
  const moved = new Array<number>(places.length).fill(0);
  for (const group of groups) {
    const start = startOf(group, gap, top, bottom);
    for (const [at, index] of group.members.entries()) moved[index] = start + at * gap;
  }
  return moved;
}

/** Places that lie a gap apart, the first of them best at `wish`. */
interface Group {
  readonly members: readonly number[];
  readonly wish: number;
}

function startOf({ members, wish }: Group, gap: number, top: number, bottom: number): number {
  return Math.max(top, Math.min(wish, bottom - (members.length - 1) * gap));
}

/** Best where the moves of all members are least squares. */
function merge(above: Group, below: Group, gap: number): Group {
  const [m, n] = [above.members.length, below.members.length];
  return {
    members: [...above.members, ...below.members],
    wish: (m * above.wish + n * (below.wish - m * gap)) / (m + n),
  };
}
