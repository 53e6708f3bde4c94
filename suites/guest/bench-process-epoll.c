// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peers: the owner learns of events by epoll, and forks for each; or it
 * hands each to a worker that was forked ahead, which then ends and is
 * replaced, or goes on to the next. Nobody has to wait for a child.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "bench-process.h"

static int epoll;
static int fds[EVENTS];
static int pool[2];	/* the owner's end, the workers' */

/* As EVF_NOCLDWAIT: no zombie, no SIGCHLD. */
static int ignore_children(void)
{
	struct sigaction action = {
		.sa_handler = SIG_IGN,
		.sa_flags = SA_NOCLDWAIT,
	};

	return sigaction(SIGCHLD, &action, NULL);
}

static int open_events(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	unsigned int i;

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || ignore_children() < 0)
		return -1;
	for (i = 0; i < EVENTS; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		event.data.u32 = i;
		if (fds[i] < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
			return -1;
	}
	return 0;
}

static int event_raise(unsigned int source)
{
	uint64_t one = 1;

	return write(fds[source], &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* Calls what has each event handled; returns how many there were. */
static int take_events(int (*hand_over)(unsigned int source))
{
	struct epoll_event events[EVENTS];
	uint64_t count;
	int i, n;

	n = epoll_wait(epoll, events, EVENTS, -1);
	for (i = 0; i < n; i++) {
		if (read(fds[events[i].data.u32], &count, sizeof(count)) != sizeof(count))
			return -1;
		/* Two that were merged are not one: it will be missed. */
		if (count == 1 && hand_over(events[i].data.u32) < 0)
			return -1;
	}
	return n;
}

static int fork_for(unsigned int source)
{
	pid_t child = _Fork();

	if (child)
		return child;
	handled(source);
	_exit(0);
}

static int fork_take(void)
{
	return take_events(fork_for);
}

static void __attribute__((noreturn)) work(bool once)
{
	unsigned int source;

	do {
		if (read(pool[1], &source, sizeof(source)) != sizeof(source))
			_exit(1);
		handled(source);
	} while (!once);
	_exit(0);
}

static int add_workers(int count, bool once)
{
	pid_t child;

	while (count-- > 0) {
		child = _Fork();
		if (child < 0)
			return -1;
		if (!child)
			work(once);
	}
	return 0;
}

/* A worker ends with its owner: nothing more can come. */
static int pool_open(bool once)
{
	if (open_events() < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pool) < 0)
		return -1;
	return add_workers(EVENTS, once);
}

static int hand_to_worker(unsigned int source)
{
	return write(pool[0], &source, sizeof(source)) == sizeof(source) ? 0 : -1;
}

static int once_open(void)
{
	return pool_open(true);
}

static int once_take(void)
{
	int n = take_events(hand_to_worker);

	return n < 0 || add_workers(n, true) < 0 ? -1 : n;
}

static int reused_open(void)
{
	return pool_open(false);
}

static int reused_take(void)
{
	return take_events(hand_to_worker);
}

const struct process_mechanism process_fork = {
	.name = "fork",
	.open = open_events,
	.raise = event_raise,
	.take = fork_take,
};

const struct process_mechanism process_pool_once = {
	.name = "pool-once",
	.open = once_open,
	.raise = event_raise,
	.take = once_take,
};

const struct process_mechanism process_pool = {
	.name = "pool",
	.open = reused_open,
	.raise = event_raise,
	.take = reused_take,
};
