// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event layer on select(), for contrast: what a server did before there
 * was anything else. The C library's fd_set ends at 1024 descriptors, the
 * system call does not: the sets are our own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "server.h"

#define BITS	((int)(sizeof(long) * CHAR_BIT))

static int timer = -1, listening;
static int highest;	/* descriptor in a set */
static size_t words;
/* What is wanted, and what select() makes of it. */
static unsigned long *want_read, *want_write, *read_set, *write_set;

static void mark(unsigned long *set, int fd, bool on)
{
	unsigned long bit = 1UL << (fd % BITS);

	if (on)
		set[fd / BITS] |= bit;
	else
		set[fd / BITS] &= ~bit;
	if (on && fd > highest)
		highest = fd;
}

static bool is_marked(const unsigned long *set, int fd)
{
	return set[fd / BITS] >> (fd % BITS) & 1;
}

static int layer_open(int fd)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -1;
	words = (files.rlim_cur + BITS - 1) / BITS;
	want_read = calloc(words, sizeof(long));
	want_write = calloc(words, sizeof(long));
	read_set = calloc(words, sizeof(long));
	write_set = calloc(words, sizeof(long));
	timer = layer_timerfd();
	if (!want_read || !want_write || !read_set || !write_set || timer < 0)
		return -1;
	listening = fd;
	mark(want_read, listening, true);
	mark(want_read, timer, true);
	return 0;
}

static void layer_close(void)
{
	close(timer);
	free(want_read);
	free(want_write);
	free(read_set);
	free(write_set);
}

static int layer_accepting(bool on)
{
	mark(want_read, listening, on);
	return 0;
}

static int layer_add(struct connection *c)
{
	mark(want_read, c->fd, true);
	return 0;
}

static int layer_reading(struct connection *c, bool on)
{
	mark(want_read, c->fd, on);
	return 0;
}

static int layer_writing(struct connection *c, bool on)
{
	mark(want_write, c->fd, on);
	return 0;
}

/* Also from what select() has just told: the number may be another's soon. */
static void layer_remove(struct connection *c)
{
	mark(want_read, c->fd, false);
	mark(want_write, c->fd, false);
	mark(read_set, c->fd, false);
	mark(write_set, c->fd, false);
	while (highest > listening && !is_marked(want_read, highest) &&
	       !is_marked(want_write, highest))
		highest--;
}

static int layer_timer(long long due)
{
	return layer_timerfd_set(timer, due);
}

static void tell(int fd)
{
	struct connection *c;

	if (fd == listening) {
		layer_accept(listening);
		return;
	}
	if (fd == timer) {
		layer_timerfd_read(timer);
		return;
	}
	c = is_marked(read_set, fd) ? server_connection(fd) : NULL;
	if (c && c->reading)
		layer_read(c);
	c = is_marked(write_set, fd) ? server_connection(fd) : NULL;
	if (c)
		server_writable(c);
}

static int layer_wait(void)
{
	size_t used = (highest / BITS + 1) * sizeof(long);
	int top = highest, left, fd;

	memcpy(read_set, want_read, used);
	memcpy(write_set, want_write, used);
	left = select(top + 1, (fd_set *)read_set, (fd_set *)write_set, NULL,
		      NULL);
	if (left < 0)
		return -1;
	for (fd = 0; fd <= top && left > 0; fd++) {
		if (!is_marked(read_set, fd) && !is_marked(write_set, fd))
			continue;
		left -= is_marked(read_set, fd) + is_marked(write_set, fd);
		tell(fd);
	}
	return 0;
}

const struct event_layer layer_select = {
	.name = "select",
	.open = layer_open,
	.close = layer_close,
	.accepting = layer_accepting,
	.add = layer_add,
	.reading = layer_reading,
	.writing = layer_writing,
	.remove = layer_remove,
	.timer = layer_timer,
	.wait = layer_wait,
};
