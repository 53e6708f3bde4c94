// SPDX-License-Identifier: GPL-2.0-only
import { stripPrefix } from '../../../lib/printk.ts';

/**
 * Did the emulator run code that is in memory no more?
 *
 * Linux changes its own code while it runs, and puts an int3 in the place until it is done. QEMU
 * before 8.1 with a thread for each processor may keep what it translated of that int3 when the new
 * instruction is there already: then Linux gets a breakpoint of nobody's, and panics. What gives it
 * away is the dump of the code, in which the byte that trapped is no int3. No real processor does
 * that, and neither does KVM.
 *
 * `console`: the lines up to the panic.
 */
export function ranStaleCode(console: readonly string[]): boolean {
  const lines = console.map(stripPrefix);
  const oops = lines.findIndex((line) => line.includes('Oops:'));
  if (!/^Oops: int3\b/.test(lines[oops] ?? '')) return false;
  const code = lines.slice(oops).find((line) => line.startsWith('Code: '));
  // The byte that trapped is before the one in brackets, at which the processor goes on.
  const trapped = /([0-9a-f]{2}) <[0-9a-f]{2}>/.exec(code ?? '')?.[1];
  return trapped !== undefined && trapped !== 'cc';
}
