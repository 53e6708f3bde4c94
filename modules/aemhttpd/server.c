// SPDX-License-Identifier: GPL-2.0-only
/* Connections: they come, have so much time, and go. See server.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define NSEC_PER_MSEC	1000000LL
#define NSEC_PER_SEC	1000000000LL
/* Descriptors that are no connections': some for the files that are sent. */
#define SPARE		16
/* After a time without descriptors or memory. */
#define RETRY_MS	100

const struct event_layer *layer;

static struct server_options options;
static int listening;
static unsigned int limit, count;
/* By descriptor; of one that is closed the generation is kept. */
static struct connection **table;
static uint32_t *generations;
static struct connection queues[WAITS];
static bool accepting;
static long long retry;		/* when to accept again, or 0 */
static long long armed;		/* when the layer is to call, or 0 */

long long server_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

int server_open(const struct server_options *chosen, int fd,
		const struct event_layer *first)
{
	struct rlimit files;
	int i;

	options = *chosen;
	listening = fd;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -1;
	limit = files.rlim_cur;
	if (limit <= SPARE) {
		errno = EMFILE;
		return -1;
	}
	if (options.connections > limit - SPARE)
		options.connections = limit - SPARE;
	table = calloc(limit, sizeof(*table));
	generations = calloc(limit, sizeof(*generations));
	if (!table || !generations)
		return -1;
	for (i = 0; i < WAITS; i++) {
		queues[i].next = &queues[i];
		queues[i].prev = &queues[i];
	}
	layer = first;
	accepting = true;
	return layer->open(listening);
}

struct connection *server_connection(int fd)
{
	return fd >= 0 && (unsigned int)fd < limit ? table[fd] : NULL;
}

void server_each(void (*visit)(struct connection *c))
{
	unsigned int i;

	for (i = 0; i < limit; i++)
		if (table[i])
			visit(table[i]);
}

static void arm(long long due)
{
	if (armed && armed <= due)
		return;
	/* Without a timer there is no server that holds out. */
	if (layer->timer(due) < 0 && errno != ENODEV)
		die("the timer");
	armed = due;
}

static void unlink_connection(struct connection *c)
{
	c->prev->next = c->next;
	c->next->prev = c->prev;
}

void connection_wait(struct connection *c, enum wait_for what)
{
	struct connection *queue = &queues[what];

	unlink_connection(c);
	c->waits = what;
	c->deadline = server_now() + options.ms[what] * NSEC_PER_MSEC;
	c->prev = queue->prev;
	c->next = queue;
	c->prev->next = c;
	queue->prev = c;
	arm(c->deadline);
}

/* Whether connections are wanted: while there is room. */
static void accept_or_not(void)
{
	bool on = count < options.connections && !retry;

	if (on == accepting)
		return;
	accepting = on;
	if (layer->accepting(on) < 0 && errno != ENODEV)
		die("the listening socket");
}

bool server_accepts(void)
{
	return accepting;
}

void connection_drop(struct connection *c)
{
	struct linger at_once = { .l_onoff = 1 };

	unlink_connection(c);
	layer->remove(c);
	serve_forget(c);
	table[c->fd] = NULL;
	/* What its peer does not take is not kept for it. */
	if (c->reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->fd);
	free(c);
	count--;
	accept_or_not();
}

void server_accepted(int fd)
{
	struct connection *c;

	c = (unsigned int)fd < limit ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->generation = ++generations[fd];
	c->file = -1;
	c->fresh = true;
	c->reading = true;
	c->next = c;
	c->prev = c;
	table[fd] = c;
	count++;
	connection_wait(c, WAIT_HEAD);
	accept_or_not();
	if (layer->add(c) < 0 && errno != ENODEV)
		connection_drop(c);
}

void server_accept_failed(void)
{
	retry = server_now() + RETRY_MS * NSEC_PER_MSEC;
	accept_or_not();
	arm(retry);
}

void server_data(struct connection *c, char *data, int len)
{
	if (len > 0)
		serve_data(c, data, len);
	else if (len)
		connection_drop(c);
	else
		serve_end(c);
}

void server_writable(struct connection *c)
{
	if (c->phase == PHASE_SEND || c->out_len)
		serve_on(c);
}

/* Only those that wait already: who takes a turn and is not done waits again. */
static void take_turns(void)
{
	struct connection *queue = &queues[WAIT_TURN];
	struct connection *last = queue->prev, *c;
	bool more = last != queue;

	while (more) {
		c = queue->next;
		more = c != last;
		serve_on(c);
	}
}

void server_timer(void)
{
	long long now = server_now(), first = 0;
	struct connection *queue;
	int i;

	armed = 0;
	if (retry && retry <= now) {
		retry = 0;
		accept_or_not();
	}
	take_turns();
	for (i = 0; i < WAITS; i++) {
		queue = &queues[i];
		while (i != WAIT_TURN && queue->next != queue &&
		       queue->next->deadline <= now)
			serve_late(queue->next);
		if (queue->next != queue &&
		    (!first || queue->next->deadline < first))
			first = queue->next->deadline;
	}
	if (retry && (!first || retry < first))
		first = retry;
	if (first)
		arm(first);
}

static void release_one(struct connection *c)
{
	layer->release(c);
}

static void add_one(struct connection *c)
{
	if (layer->add(c) < 0 ||
	    (!c->reading && layer->reading(c, false) < 0) ||
	    (c->writing && layer->writing(c, true) < 0))
		connection_drop(c);
}

int server_switch(const struct event_layer *next)
{
	if (layer->release)
		server_each(release_one);
	layer->close();
	layer = next;
	if (layer->open(listening) < 0)
		return -1;
	server_each(add_one);
	if (!accepting && layer->accepting(false) < 0)
		return -1;
	armed = 0;
	server_timer();
	return 0;
}
