// SPDX-License-Identifier: GPL-2.0-only

/** Is a test part of a run on this flavour of the kernel? Without flavours of its own it is part of all. */
export function runsOn({ flavours }: { readonly flavours?: readonly string[] | undefined }, flavour: string): boolean {
  return flavours === undefined || flavours.includes(flavour);
}
