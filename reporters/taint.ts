// SPDX-License-Identifier: GPL-2.0-only

/** Taint by which the kernel says that something went wrong: M, B, D, W, L (Documentation/admin-guide/tainted-kernels). */
const faultTaint = [4, 5, 7, 9, 14].reduce((word, bit) => word | (1 << bit), 0);

/** Does a taint word tell of a fault? */
export function tainted(word: number): boolean {
  return (word & faultTaint) !== 0;
}

/** What a fault of the kernel has added to its taint word; 0 when none has. */
export function gainedByFault({ before, after }: { readonly before: number; readonly after: number }): number {
  return after & ~before & faultTaint;
}
