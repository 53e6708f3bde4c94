// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocking system calls that wait until some time and have no restart of
 * their own: each waits `ms` for what does not come.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static long call_epoll_pwait(const struct command *c)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return close_after(fd, epoll_pwait(fd, &event, 1, number(c, "ms", 0), &none));
}

static long call_epoll_pwait2(const struct command *c)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct timespec t;
	struct epoll_event event;

	return close_after(fd, syscall(SYS_epoll_pwait2, fd, &event, 1,
				   timespec_of(c, &t), NULL, 0));
}

static long call_io_uring_enter(const struct command *c)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);
	struct timespec t;
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)timespec_of(c, &t) };

	return close_after(fd, syscall(SYS_io_uring_enter, fd, 0, 1,
				IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
				&arg, sizeof(arg)));
}

static long call_io_getevents(const struct command *c)
{
	struct timespec t;
	aio_context_t context = 0;
	struct io_event event;
	int ret, error;

	if (syscall(SYS_io_setup, 1, &context) < 0)
		return -1;
	ret = syscall(SYS_io_getevents, context, 1, 1, &event,
		      timespec_of(c, &t));
	error = errno;
	syscall(SYS_io_destroy, context);
	errno = error;
	return ret;
}

static int socket_with_timeout(const struct command *c, int option)
{
	long ms = number(c, "ms", 0);
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* An address of its own, that the kernel chooses. */
	struct sockaddr_un self = { .sun_family = AF_UNIX };

	if (bind(fd, (struct sockaddr *)&self, sizeof(self.sun_family)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time)) < 0)
		return -1;
	return fd;
}

static long call_recv(const struct command *c)
{
	int fd = socket_with_timeout(c, SO_RCVTIMEO);
	char byte;

	return close_after(fd, recv(fd, &byte, 1, 0));
}

/* To another one that nobody reads from, until it is full. */
static long call_send(const struct command *c)
{
	int fd = socket_with_timeout(c, SO_SNDTIMEO);
	int to = socket_with_timeout(c, SO_RCVTIMEO);
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);

	if (getsockname(to, (struct sockaddr *)&peer, &len) < 0 ||
	    connect(fd, (struct sockaddr *)&peer, len) < 0)
		return -1;
	while (send(fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	errno = 0;
	return close_after(to, close_after(fd, send(fd, "x", 1, 0)));
}

/* Of the call below, for those that feed it. */
static int patient_fd;

static long call_patient_recv(const struct command *c)
{
	char byte;

	patient_fd = socket_with_timeout(c, SO_RCVTIMEO);
	return close_after(patient_fd, recv(patient_fd, &byte, 1, 0));
}

/* First takes the time-out away, then sends what it waits for. */
static long feed_patient_recv(void)
{
	const struct timeval none = { 0 };
	struct timeval now;
	struct sockaddr_un self;
	socklen_t len = sizeof(now), self_len = sizeof(self);

	if (getsockopt(patient_fd, SOL_SOCKET, SO_RCVTIMEO, &now, &len) < 0)
		return -1;
	if (now.tv_sec || now.tv_usec)
		return setsockopt(patient_fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	if (getsockname(patient_fd, (struct sockaddr *)&self, &self_len) < 0)
		return -1;
	return sendto(patient_fd, "x", 1, 0, (struct sockaddr *)&self, self_len);
}

const struct wait_call timed_calls[] = {
	{ "timed_epoll_pwait", call_epoll_pwait, NULL },
	{ "timed_epoll_pwait2", call_epoll_pwait2, NULL },
	{ "timed_io_uring_enter", call_io_uring_enter, NULL },
	{ "timed_io_getevents", call_io_getevents, NULL },
	{ "timed_recv", call_recv, NULL },
	{ "timed_send", call_send, NULL },
	{ "patient_recv", call_patient_recv, feed_patient_recv },
	{ }
};
