// SPDX-License-Identifier: LGPL-2.1-or-later
/* Waiting for events: on demand, and at main's end. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <aem.h>

#include "lib.h"

#define NSEC_PER_SEC	1000000000LL

/*
 * An event may also end without a handler: another thread shuts it down, or
 * its module is drained. Nothing tells the thread that waits, so it looks.
 */
static const struct timespec look_again = { .tv_sec = 1 };

void aem_evkeepalive(void)
{
	int fd;

	fd = aem_core_attach();
	if (fd < 0)
		return;
	/* Comes back with EINTR, which is left to the caller to see. */
	(void)ioctl(fd, AEM_IOC_KEEPALIVE);
}

/* On CLOCK_MONOTONIC in ns; one too far away to be told is the last one. */
static int aem_deadline(const struct timespec *timeout, __s64 *deadline)
{
	struct timespec now;
	__s64 sec;

	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
	    timeout->tv_nsec >= NSEC_PER_SEC) {
		errno = EINVAL;
		return -1;
	}
	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return -1;
	if (__builtin_add_overflow(timeout->tv_sec, now.tv_sec, &sec) ||
	    __builtin_mul_overflow(sec, NSEC_PER_SEC, deadline) ||
	    __builtin_add_overflow(*deadline, timeout->tv_nsec + now.tv_nsec,
				   deadline))
		*deadline = INT64_MAX;
	return 0;
}

static int aem_wait_until(int fd, const struct timespec *timeout)
{
	struct aem_wait wait = {
		.deadline = -1,
		.frame = (uintptr_t)__builtin_frame_address(0),
	};
	int ran;

	if (timeout && aem_deadline(timeout, &wait.deadline) < 0)
		return -1;
	/* Each call ends the batch that the one before it has told. */
	for (;;) {
		ran = ioctl(fd, AEM_IOC_WAIT, &wait);
		/* A handler closed what was not its own: another one does. */
		if (ran < 0 && errno == EBADF && wait.batch)
			ran = ioctl(aem_reopen(), AEM_IOC_WAIT, &wait);
		if (ran < 0 || !wait.batch)
			return ran;
		/* A child has seen one handler run, and has none to wait for. */
		if (!aem_make_batch(wait.batch))
			return 1;
	}
}

int aem_evwait(const struct timespec *timeout)
{
	int fd;

	fd = aem_core_attach();
	if (fd < 0)
		return -1;
	return aem_wait_until(fd, timeout);
}

/*
 * At exit(). A fork child that registered nothing has no context and waits
 * for nothing; a handler that exits means it.
 */
static void aem_exit(void)
{
	int fd = aem_core_attached();

	if (fd < 0 || aem_dispatching())
		return;
	while (ioctl(fd, AEM_IOC_LIVE) > 0) {
		if (aem_wait_until(fd, &look_again) < 0 && errno != EINTR)
			return;
	}
}

/* A fork child inherits it. No handler can be the first to come here. */
int aem_wait_at_exit(void)
{
	static bool registered;

	if (__atomic_exchange_n(&registered, true, __ATOMIC_ACQ_REL))
		return 0;
	if (!atexit(aem_exit))
		return 0;
	__atomic_store_n(&registered, false, __ATOMIC_RELEASE);
	errno = ENOMEM;
	return -1;
}
