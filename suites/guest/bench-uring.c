// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: an eventfd a source; either polled by a multishot request and
 * read by another once it is ready, or with a read outstanding. What there is
 * to submit goes with the call that waits.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "uring.h"

#define SUBMISSIONS	256
#define COMPLETIONS	4096
/* In user_data: a read, not a poll. */
#define READ		0x100000000ULL

static struct uring ring;

static int *fds;
static uint64_t *counts;

static int uring_open(unsigned int sources)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETIONS,
	};

	fds = table(sources, sizeof(*fds));
	counts = table(sources, sizeof(*counts));
	ring.fd = syscall(SYS_io_uring_setup, SUBMISSIONS, &params);
	if (ring.fd < 0)
		return -1;
	if (!(params.features & IORING_FEAT_SINGLE_MMAP)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return uring_map(&ring, &params);
}

/* Submits what is queued and waits for `least` completions. */
static int enter(unsigned int least)
{
	unsigned int submitted = ring.queued;
	int ret;

	ret = syscall(SYS_io_uring_enter, ring.fd, submitted, least,
		      least ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	if (ret < 0)
		return -1;
	if ((unsigned int)ret != submitted) {
		errno = EBUSY;
		return -1;
	}
	ring.queued = 0;
	return 0;
}

static struct io_uring_sqe *next_sqe(void)
{
	struct io_uring_sqe *sqe;
	unsigned int tail;

	if (ring.queued == SUBMISSIONS && enter(0) < 0)
		die("io_uring_enter");
	tail = *ring.sq_tail;
	sqe = &ring.sqes[tail & ring.sq_mask];
	memset(sqe, 0, sizeof(*sqe));
	ring.queued++;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
	return sqe;
}

static void queue_poll(unsigned int source)
{
	struct io_uring_sqe *sqe = next_sqe();

	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = fds[source];
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->poll32_events = POLLIN;
	sqe->user_data = source;
}

static void queue_read(unsigned int source)
{
	struct io_uring_sqe *sqe = next_sqe();

	sqe->opcode = IORING_OP_READ;
	sqe->fd = fds[source];
	sqe->off = -1;
	sqe->addr = (uintptr_t)&counts[source];
	sqe->len = sizeof(counts[source]);
	sqe->user_data = READ | source;
}

/* Blocking ones: io_uring does not wait for what is not to block. */
static int uring_add(unsigned int source)
{
	fds[source] = eventfd(0, EFD_CLOEXEC);
	return fds[source] < 0 ? -1 : 0;
}

static int poll_add(unsigned int source)
{
	if (uring_add(source) < 0)
		return -1;
	queue_poll(source);
	return 0;
}

static int read_add(unsigned int source)
{
	if (uring_add(source) < 0)
		return -1;
	queue_read(source);
	return 0;
}

static int uring_flush(void)
{
	return enter(0);
}

static int uring_raise(unsigned int source)
{
	uint64_t one = 1;

	return write(fds[source], &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* As in epoll: two that were merged are not one. */
static int complete_read(const struct io_uring_cqe *cqe)
{
	unsigned int source = cqe->user_data;

	if (cqe->res != sizeof(counts[source])) {
		errno = cqe->res < 0 ? -cqe->res : EIO;
		return -1;
	}
	if (counts[source] == 1)
		deliver(source);
	return 0;
}

static int complete_poll(const struct io_uring_cqe *cqe)
{
	if (cqe->res < 0) {
		errno = -cqe->res;
		return -1;
	}
	queue_read(cqe->user_data);
	/* A multishot request may end, and is then to be made again. */
	if (!(cqe->flags & IORING_CQE_F_MORE))
		queue_poll(cqe->user_data);
	return 0;
}

/* The polls that completed are read by the next call. */
static int poll_take(void)
{
	const struct io_uring_cqe *cqe;
	unsigned int head, tail;
	int ret = 0;

	if (enter(1) < 0)
		return -1;
	head = *ring.cq_head;
	tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
	for (; head != tail && !ret; head++) {
		cqe = &ring.cqes[head & ring.cq_mask];
		ret = cqe->user_data & READ ? complete_read(cqe) : complete_poll(cqe);
	}
	__atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
	return ret;
}

static int read_take(void)
{
	const struct io_uring_cqe *cqe;
	unsigned int head, tail;
	int ret = 0;

	if (enter(1) < 0)
		return -1;
	head = *ring.cq_head;
	tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
	for (; head != tail && !ret; head++) {
		cqe = &ring.cqes[head & ring.cq_mask];
		ret = complete_read(cqe);
		if (!ret)
			queue_read(cqe->user_data);
	}
	__atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
	return ret;
}

static void uring_close(void)
{
	close(ring.fd);
}

const struct mechanism bench_uring_poll = {
	.name = "io_uring-poll",
	.descriptors = true,
	.open = uring_open,
	.add = poll_add,
	.flush = uring_flush,
	.raise = uring_raise,
	.take = poll_take,
	.close = uring_close,
};

const struct mechanism bench_uring_read = {
	.name = "io_uring-read",
	.descriptors = true,
	.open = uring_open,
	.add = read_add,
	.flush = uring_flush,
	.raise = uring_raise,
	.take = read_take,
	.close = uring_close,
};
