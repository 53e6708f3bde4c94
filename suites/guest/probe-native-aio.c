// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's asynchronous I/O, io_submit(2): a poll a channel, which is over
 * when it has completed, and is asked for again before the next look.
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

static aio_context_t context;
static struct iocb requests[MAX_CHANNELS];
/* Channels that are not asked for, or no more. */
static int idle[MAX_CHANNELS], idle_count;

/* Asks for all that is not asked for. */
static int submit_polls(void)
{
	struct iocb *one;
	int i;

	for (; idle_count; idle_count--) {
		i = idle[idle_count - 1];
		one = &requests[i];
		*one = (struct iocb){
			.aio_data = i,
			.aio_lio_opcode = IOCB_CMD_POLL,
			.aio_fildes = channels[i].reader,
			.aio_buf = POLLIN,
		};
		if (syscall(SYS_io_submit, context, 1, &one) != 1)
			return -1;
	}
	return 0;
}

static int open_aio(bool edge)
{
	if (edge) {
		errno = EOPNOTSUPP;
		return -1;
	}
	context = 0;
	if (syscall(SYS_io_setup, channel_count, &context) < 0)
		return -1;
	for (idle_count = 0; idle_count < channel_count; idle_count++)
		idle[idle_count] = idle_count;
	return submit_polls();
}

static int collect_aio(bool wait)
{
	static struct io_event events[MAX_CHANNELS];
	static const struct timespec none;
	int i, n;

	if (submit_polls() < 0)
		return -1;
	n = syscall(SYS_io_getevents, context, wait ? 1 : 0, channel_count, events,
		    wait ? NULL : &none);
	for (i = 0; i < n; i++) {
		idle[idle_count++] = events[i].data;
		if (!(events[i].res & POLLIN)) {
			errno = EIO;
			return -1;
		}
		native_told(events[i].data);
	}
	return n < 0 ? -1 : 0;
}

static void close_aio(void)
{
	syscall(SYS_io_destroy, context);
}

const struct facility aio_facility = { "aio", open_aio, collect_aio, close_aio };
