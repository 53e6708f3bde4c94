// SPDX-License-Identifier: GPL-2.0-only
/* epoll, for what a program is told of connections that end. */
#include <errno.h>
#include <sys/epoll.h>

#include "probe.h"
#include "probe-native.h"

static int ends = -1;

/* Watches the connection `fd` for its end, and for nothing else. */
static void do_watch(const struct command *c)
{
	struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET };

	if (ends < 0)
		ends = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = number(c, "fd", -1);
	answer(c, epoll_ctl(ends, EPOLL_CTL_ADD, event.data.fd, &event));
}

/* Which connections have ended since, `FD:TIME;...`; waits until it is `least`, and says so. */
static void do_take(const struct command *c)
{
	long least = number(c, "least", 0);
	struct epoll_event event;
	struct told t = { 0 };
	int ret;

	if (least)
		entering("native-ends-take");
	for (;;) {
		ret = epoll_wait(ends, &event, 1, t.count < least ? -1 : 0);
		if (ret < 1)
			break;
		tell_more(&t, "%d:%lld", event.data.fd, now_ns());
		/* What more wakes who waits there is no news. */
		epoll_ctl(ends, EPOLL_CTL_DEL, event.data.fd, NULL);
	}
	if (ret < 0)
		answer(c, ret);
	else
		answer_told(c, &t);
}

const struct verb native_socket_verbs[] = {
	{ "native-ends-watch", do_watch },
	{ "native-ends-take", do_take },
	{ }
};
