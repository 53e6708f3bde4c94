/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel has of its own for events, for the probe: each facility
 * watches the same channels, and what it tells is counted in one place.
 */
#ifndef PROBE_NATIVE_H
#define PROBE_NATIVE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define MAX_CHANNELS	4096

/* A pipe: it has something to read, or not. Neither end blocks. */
struct channel {
	int reader, writer;
};

/* Facilities are used by the thread that opened them. */
struct facility {
	const char *name;
	/* Watches all channels, by level or by edge; -1 with errno. */
	int (*open)(bool edge);
	/* Passes what is due to native_told(); waits for something first, if it is to. */
	int (*collect)(bool wait);
	void (*close)(void);
};

extern struct channel channels[MAX_CHANNELS];
extern int channel_count;

extern const struct facility epoll_facility, poll_facility, signal_facility, signalfd_facility;
extern const struct facility aio_facility;	/* probe-native-aio.c */
extern const struct facility uring_facility;	/* probe-native-uring.c */

void native_told(int channel);

/* What is told otherwise than by number: `a;b;c`, of which the last may be cut off. */
struct told {
	int count;
	size_t len;
	char text[3072];
};

void tell_more(struct told *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct command;
/* The count, and the text as `told`. */
void answer_told(const struct command *c, const struct told *t);

/* Blocks a realtime signal of its own for each use; for sigtimedwait() and signalfd(). */
enum { CHANNEL_SIGNAL, TIMER_SIGNAL, QUEUE_SIGNAL };
int native_signal(int use);
void block_native(int use, sigset_t *set);

#endif /* PROBE_NATIVE_H */
