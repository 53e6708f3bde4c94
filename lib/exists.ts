// SPDX-License-Identifier: GPL-2.0-only
import { access } from 'node:fs/promises';

/** Is there something of this name that this process can reach? */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
