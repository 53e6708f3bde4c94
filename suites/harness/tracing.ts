// SPDX-License-Identifier: GPL-2.0-only
/** Where the kernel tells what its tracepoints say. */
export const tracing = '/sys/kernel/tracing';

/** A command of the guest's shell: tracefs is there, and the working folder. */
export const enterTracing = `grep -q ' ${tracing} ' /proc/mounts || mount -t tracefs tracefs ${tracing}; cd ${tracing}`;
