// SPDX-License-Identifier: GPL-2.0-only
/* The event layer on epoll, level-triggered, with a timerfd. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "server.h"

#define BATCH		128
#define SECOND_MS	1000
/* Descriptors are told by generation and number; of these two there is one. */
#define LISTENING	((uint64_t)-1)
#define TIMER		((uint64_t)-2)

static int set = -1, timer = -1, listening;

static int control(int op, int fd, uint32_t events, uint64_t what)
{
	struct epoll_event event = { .events = events, .data.u64 = what };

	return epoll_ctl(set, op, fd, &event);
}

static void layer_close(void)
{
	close(timer);
	close(set);
}

static int layer_open(int fd)
{
	listening = fd;
	set = epoll_create1(EPOLL_CLOEXEC);
	timer = layer_timerfd();
	if (set < 0 || timer < 0 ||
	    control(EPOLL_CTL_ADD, timer, EPOLLIN, TIMER) < 0)
		return -1;
	return control(EPOLL_CTL_ADD, listening, EPOLLIN, LISTENING);
}

static int layer_accepting(bool on)
{
	return control(EPOLL_CTL_MOD, listening, on ? EPOLLIN : 0, LISTENING);
}

static int change(struct connection *c, int op, bool reading, bool writing)
{
	return control(op, c->fd,
		       (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0),
		       (uint64_t)c->generation << 32 | (uint32_t)c->fd);
}

static int layer_add(struct connection *c)
{
	return change(c, EPOLL_CTL_ADD, true, false);
}

static int layer_reading(struct connection *c, bool on)
{
	return change(c, EPOLL_CTL_MOD, on, c->writing);
}

static int layer_writing(struct connection *c, bool on)
{
	return change(c, EPOLL_CTL_MOD, c->reading, on);
}

/* Closing does it. */
static void layer_remove(struct connection *c)
{
	(void)c;
}

static int layer_timer(long long due)
{
	return layer_timerfd_set(timer, due);
}

/* Earlier events of the batch may have closed it. */
static struct connection *of(uint64_t what)
{
	struct connection *c = server_connection((int)(uint32_t)what);

	return c && c->generation == what >> 32 ? c : NULL;
}

static void tell(uint64_t what, uint32_t events)
{
	struct connection *c;

	if (what == LISTENING) {
		layer_accept(listening);
		return;
	}
	if (what == TIMER) {
		layer_timerfd_read(timer);
		return;
	}
	c = of(what);
	if (c && c->reading && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		layer_read(c);
	c = of(what);
	if (c && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		server_writable(c);
}

static int layer_wait(void)
{
	struct epoll_event events[BATCH];
	int count, i;

	count = epoll_wait(set, events, BATCH, SECOND_MS);
	for (i = 0; i < count; i++)
		tell(events[i].data.u64, events[i].events);
	return count < 0 ? -1 : 0;
}

const struct event_layer layer_epoll = {
	.name = "epoll",
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
