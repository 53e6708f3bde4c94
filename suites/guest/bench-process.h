/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark of handler processes: what it costs that a process of its own
 * handles an event. Run on one CPU; it prints JSON lines, see bench-process.c.
 *
 * open(), take() and what they start run in the owner's thread, raise() in the
 * producer's. Whoever handles an event calls handled(), once.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#define EVENTS	8	/* sources; also the larger burst, and each pool's size */

struct process_mechanism {
	const char *name;
	int (*open)(void);
	int (*raise)(unsigned int source);
	/* Waits until there is something, then has it handled. */
	int (*take)(void);
};

extern const struct process_mechanism process_aem_fork, process_aem_capsule;
extern const struct process_mechanism process_fork, process_pool_once, process_pool;

/* bench-process.c: in the process that handles an event. */
void handled(unsigned int source);

#endif /* BENCH_PROCESS_H */
