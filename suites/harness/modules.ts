// SPDX-License-Identifier: GPL-2.0-only
/** Commands of the guest's shell that load AEM's modules; `name` is without aem-. */

export const insmod = (name: string): string => `insmod /lib/aem/aem-${name}.ko`;

/** As every test has to leave it. */
export const ensureLoaded = (name: string): string => `test -e /sys/module/aem_${name} || ${insmod(name)}`;
