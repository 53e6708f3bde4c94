// SPDX-License-Identifier: GPL-2.0-only
/* What layers share that are told that there is something, and get it by themselves. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "server.h"

#define PIECE		16384	/* as much as aem-ip hands over at most */
#define ACCEPTS		64	/* in a row, before others are looked at */
#define NSEC_PER_SEC	1000000000LL

void layer_read(struct connection *c)
{
	static char data[PIECE];
	ssize_t len;

	len = recv(c->fd, data, sizeof(data), MSG_DONTWAIT);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	server_data(c, data, len < 0 ? -errno : len);
}

void layer_accept(int listening)
{
	int fd, i;

	for (i = 0; i < ACCEPTS && server_accepts(); i++) {
		fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			server_accepted(fd);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			return;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			server_accept_failed();
			return;
		default:
			/* Of the connection, which has gone. */
			break;
		}
	}
}

int layer_timerfd(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

int layer_timerfd_set(int fd, long long due)
{
	struct itimerspec spec = {
		.it_value.tv_sec = due / NSEC_PER_SEC,
		.it_value.tv_nsec = due % NSEC_PER_SEC,
	};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void layer_timerfd_read(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) == sizeof(count))
		server_timer();
}
