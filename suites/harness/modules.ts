// SPDX-License-Identifier: GPL-2.0-only
/** AEM's modules, and commands of the guest's shell that load them; `name` is without aem-. */

/** Where a module is in the guest. */
export const modulePath = (name: string): string => `/lib/aem/aem-${name}.ko`;

export const insmod = (name: string): string => `insmod ${modulePath(name)}`;

/** As every test has to leave it. */
export const ensureLoaded = (name: string): string => `test -e /sys/module/aem_${name} || ${insmod(name)}`;
