// SPDX-License-Identifier: GPL-2.0-only
/* epoll and poll: an eventfd a source, read once it is ready. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"

static int *fds;
static struct pollfd *polled;
static nfds_t polled_count;
static int epoll;
static uint32_t wanted;

static int event_add(unsigned int source)
{
	fds[source] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return fds[source] < 0 ? -1 : 0;
}

static int event_raise(unsigned int source)
{
	uint64_t one = 1;

	return write(fds[source], &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

static int event_take(unsigned int source)
{
	uint64_t count;

	if (read(fds[source], &count, sizeof(count)) != sizeof(count))
		return -1;
	/* Two that were merged are not one: it will be missed. */
	if (count == 1)
		deliver(source);
	return 0;
}

static int epoll_open_for(unsigned int sources, uint32_t events)
{
	fds = table(sources, sizeof(*fds));
	wanted = events;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll;
}

static int level_open(unsigned int sources)
{
	return epoll_open_for(sources, EPOLLIN);
}

static int edge_open(unsigned int sources)
{
	return epoll_open_for(sources, EPOLLIN | EPOLLET);
}

static int epoll_add(unsigned int source)
{
	struct epoll_event event = { .events = wanted, .data.u32 = source };

	if (event_add(source) < 0)
		return -1;
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fds[source], &event);
}

static int epoll_take(void)
{
	struct epoll_event events[ACTIVE];
	int i, n;

	n = epoll_wait(epoll, events, ACTIVE, -1);
	for (i = 0; i < n; i++)
		if (event_take(events[i].data.u32) < 0)
			return -1;
	return n;
}

/* Each write is an edge, so the counter may be left as it is. */
static int epoll_take_unread(void)
{
	struct epoll_event events[ACTIVE];
	int i, n;

	n = epoll_wait(epoll, events, ACTIVE, -1);
	for (i = 0; i < n; i++)
		deliver(events[i].data.u32);
	return n;
}

static int epoll_drop(unsigned int source)
{
	if (epoll_ctl(epoll, EPOLL_CTL_DEL, fds[source], NULL) < 0)
		return -1;
	return close(fds[source]);
}

static void epoll_close(void)
{
	close(epoll);
}

static int poll_open(unsigned int sources)
{
	fds = table(sources, sizeof(*fds));
	polled = table(sources, sizeof(*polled));
	polled_count = sources;
	return 0;
}

static int poll_add(unsigned int source)
{
	if (event_add(source) < 0)
		return -1;
	polled[source].fd = fds[source];
	polled[source].events = POLLIN;
	return 0;
}

static int poll_take(void)
{
	unsigned int source;
	int n, left;

	n = poll(polled, polled_count, -1);
	for (source = 0, left = n; left > 0; source++) {
		if (!polled[source].revents)
			continue;
		left--;
		if (event_take(source) < 0)
			return -1;
	}
	return n;
}

static int poll_drop(unsigned int source)
{
	return close(fds[source]);
}

static void poll_close(void)
{
}

const struct mechanism bench_epoll = {
	.name = "epoll",
	.descriptors = true,
	.open = level_open,
	.add = epoll_add,
	.raise = event_raise,
	.take = epoll_take,
	.drop = epoll_drop,
	.close = epoll_close,
};

const struct mechanism bench_epoll_edge = {
	.name = "epoll-edge",
	.descriptors = true,
	.open = edge_open,
	.add = epoll_add,
	.raise = event_raise,
	.take = epoll_take,
	.drop = epoll_drop,
	.close = epoll_close,
};

const struct mechanism bench_epoll_edge_unread = {
	.name = "epoll-edge-unread",
	.most = 100000,
	.descriptors = true,
	.open = edge_open,
	.add = epoll_add,
	.raise = event_raise,
	.take = epoll_take_unread,
	.drop = epoll_drop,
	.close = epoll_close,
};

const struct mechanism bench_poll = {
	.name = "poll",
	.most = 1000,
	.descriptors = true,
	.open = poll_open,
	.add = poll_add,
	.raise = event_raise,
	.take = poll_take,
	.drop = poll_drop,
	.close = poll_close,
};
