/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark: what it costs to be told of events, by AEM and by what else
 * there is. Run on one CPU; it prints JSON lines, see bench.c.
 *
 * A mechanism has sources, numbered from 0. Most of them stay idle; ACTIVE of
 * them, in the middle, are raised. Everything but raise() is called in the
 * consumer's thread.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define ACTIVE	64	/* sources that are raised; also the larger burst */

struct mechanism {
	const char *name;
	unsigned int most;	/* idle sources; 0 for any number */
	bool descriptors;	/* one a source */
	bool computes;	/* the consumer, instead of waiting: take() is not called */
	int (*open)(unsigned int sources);
	int (*add)(unsigned int source);
	int (*flush)(void);	/* after the last add(); may be NULL */
	int (*raise)(unsigned int source);
	/* Waits until there is something, then delivers what there is. */
	int (*take)(void);
	int (*drop)(unsigned int source);	/* may be NULL: close() does it */
	int (*look)(unsigned int source);	/* it up by its number; may be NULL */
	/* Bytes of a source that are its kind's, not the mechanism's; may be NULL. */
	long (*own_bytes)(void);
	void (*close)(void);
};

extern const struct mechanism bench_aem, bench_aem_upcall, bench_aem_computing;
extern const struct mechanism bench_epoll, bench_epoll_edge, bench_epoll_edge_unread;
extern const struct mechanism bench_poll;
extern const struct mechanism bench_signal, bench_signalfd, bench_signal_computing;
extern const struct mechanism bench_uring_poll, bench_uring_read;

/* bench.c: what every mechanism calls for each event that it was told of. */
void deliver(unsigned int source);

/* bench-more.c: what it costs to have one more, beside those that are there. */
#define MORE	256
void measure_more(const struct mechanism *m, unsigned int sources);
void print_more(FILE *line);

/* bench-entries.c: how often a thread enters the kernel; negative: no telling. */
int count_entries(pid_t thread);
long long read_entries(int counter);

/* bench-machine.c */
long long now_ns(void);
long free_kb(void);	/* memory */
void settle(long wanted);	/* until so much is free, as some is freed late */
void set(const char *path, const char *value);	/* a setting, where there is one */
void raise_limits(void);
void *table(size_t count, size_t size);	/* zeroed, its pages there; never freed */
void reserve_descriptors(unsigned int count);
void run_fifo(int priority);	/* the calling thread; 0 for an ordinary one */
long long time_nops(void);	/* of NOPS instructions */
double time_clock(void);	/* to read it once */
long read_number(const char *path);	/* negative without one */
void sort_figures(long long *values, unsigned int count);
double median(long long *values, unsigned int count);	/* sorts them */
/* Numbers with commas between, at most so many; returns how many. */
unsigned int read_counts(char *text, unsigned int *counts, unsigned int most);
/* In a process of its own, which ends with what it has started. */
void measure_apart(void (*measure)(void));
void __attribute__((noreturn)) die(const char *what);
/* What was told is not what happened. */
void __attribute__((noreturn, format(printf, 1, 2))) mismatch(const char *format, ...);

#define NOPS	1000000

#endif /* BENCH_H */
