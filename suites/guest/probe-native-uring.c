// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring: by edge a multishot poll a channel, by level one that is over when
 * it has completed and is asked for again before the next look. Beside them
 * reads, whose completion is what is told.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"
#include "uring.h"

#define SUBMISSIONS	64

static struct uring ring;
static bool multishot;
/* Channels that are not asked for, or no more. */
static int idle[MAX_CHANNELS], idle_count;

/* `completions`: room for so many; a power of two. */
static int open_ring(struct uring *r, unsigned int completions)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE, .cq_entries = completions,
	};

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, completions < SUBMISSIONS ? completions : SUBMISSIONS,
			&params);
	if (r->fd < 0)
		return -1;
	/* Before 5.4 the rings are mapped one by one, before 5.5 completions may be lost. */
	if (!(params.features & IORING_FEAT_SINGLE_MMAP) ||
	    !(params.features & IORING_FEAT_NODROP)) {
		errno = ENOSYS;
		return close_after(r->fd, -1);
	}
	return uring_map(r, &params) < 0 ? close_after(r->fd, -1) : 0;
}

static void close_ring(struct uring *r)
{
	munmap(r->sqes, r->sqes_size);
	munmap(r->rings, r->rings_size);
	close(r->fd);
}

/* Submits what is queued, and waits for a completion if it is to. */
static int enter(struct uring *r, bool wait)
{
	int ret = syscall(SYS_io_uring_enter, r->fd, r->queued, wait ? 1 : 0,
			  IORING_ENTER_GETEVENTS, NULL, 0);

	if (ret < 0)
		return -1;
	r->queued -= ret;
	return 0;
}

static struct io_uring_sqe *next_sqe(struct uring *r)
{
	struct io_uring_sqe *sqe;

	while (r->queued > r->sq_mask)
		if (enter(r, false) < 0)
			return NULL;
	sqe = &r->sqes[*r->sq_tail & r->sq_mask];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

static void queue(struct uring *r)
{
	r->queued++;
	__atomic_store_n(r->sq_tail, *r->sq_tail + 1, __ATOMIC_RELEASE);
}

static int queue_polls(void)
{
	struct io_uring_sqe *sqe;
	int i;

	for (; idle_count; idle_count--) {
		i = idle[idle_count - 1];
		sqe = next_sqe(&ring);
		if (!sqe)
			return -1;
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->fd = channels[i].reader;
		sqe->len = multishot ? IORING_POLL_ADD_MULTI : 0;
		sqe->poll32_events = POLLIN;
		sqe->user_data = i;
		queue(&ring);
	}
	return 0;
}

static int open_uring(bool edge)
{
	multishot = edge;
	for (idle_count = 0; idle_count < channel_count; idle_count++)
		idle[idle_count] = idle_count;
	if (open_ring(&ring, MAX_CHANNELS) < 0 || queue_polls() < 0)
		return -1;
	return enter(&ring, false);
}

static int collect_uring(bool wait)
{
	const struct io_uring_cqe *cqe;
	unsigned int head, tail;

	if (queue_polls() < 0 || enter(&ring, wait) < 0)
		return -1;
	head = *ring.cq_head;
	tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
	for (; head != tail; head++) {
		cqe = &ring.cqes[head & ring.cq_mask];
		if (cqe->res < 0) {
			__atomic_store_n(ring.cq_head, head + 1, __ATOMIC_RELEASE);
			errno = -cqe->res;
			return -1;
		}
		if (!(cqe->flags & IORING_CQE_F_MORE))
			idle[idle_count++] = cqe->user_data;
		native_told(cqe->user_data);
	}
	__atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
	return 0;
}

static void close_uring(void)
{
	close_ring(&ring);
}

const struct facility uring_facility = { "io_uring", open_uring, collect_uring, close_uring };

/* Reads that complete later */

#define READS	64

static struct uring reads;
static int read_pipes[READS][2];
static char buffers[READS][16];
static unsigned int read_count;

/*
 * `uring-reads count=N [room=N]`: asks for what is not there yet, from a pipe
 * each, with room for so many completions.
 */
static void do_reads(const struct command *c)
{
	unsigned int i, count = number(c, "count", 1);
	struct io_uring_sqe *sqe;

	if (count > READS) {
		fail(c, EINVAL);
		return;
	}
	if (open_ring(&reads, number(c, "room", READS)) < 0) {
		answer(c, -1);
		return;
	}
	for (i = 0; i < count; i++) {
		sqe = next_sqe(&reads);
		if (!sqe || pipe(read_pipes[i]) < 0) {
			answer(c, -1);
			return;
		}
		sqe->opcode = IORING_OP_READ;
		sqe->fd = read_pipes[i][0];
		sqe->addr = (uintptr_t)buffers[i];
		sqe->len = sizeof(buffers[i]);
		sqe->user_data = i;
		queue(&reads);
	}
	read_count = count;
	answer(c, enter(&reads, false));
}

/* `uring-give number=N text=TEXT`: what read N is to get. */
static void do_give(const struct command *c)
{
	const char *text = word(c, "text") ?: "x";
	unsigned long i = number(c, "number", 0);

	if (i >= read_count)
		fail(c, EBADF);
	else
		answer(c, write(read_pipes[i][1], text, strlen(text)) < 0 ? -1 : 0);
}

/* `uring-done least=N`: completions, each as `number:result:text`. */
static void do_done(const struct command *c)
{
	unsigned long long number_of;
	const struct io_uring_cqe *cqe;
	long least = number(c, "least", 0);
	struct told t = { 0 };
	unsigned int head;

	do {
		if (enter(&reads, t.count < least) < 0) {
			answer(c, -1);
			return;
		}
		head = *reads.cq_head;
		while (head != __atomic_load_n(reads.cq_tail, __ATOMIC_ACQUIRE)) {
			cqe = &reads.cqes[head++ & reads.cq_mask];
			number_of = cqe->user_data;
			tell_more(&t, "%llu:%d:%.*s", number_of, cqe->res,
				  cqe->res > 0 ? cqe->res : 0, buffers[cqe->user_data]);
			__atomic_store_n(reads.cq_head, head, __ATOMIC_RELEASE);
		}
	} while (t.count < least);
	answer_told(c, &t);
}

const struct verb uring_verbs[] = {
	{ "uring-reads", do_reads },
	{ "uring-give", do_give },
	{ "uring-done", do_done },
	{ }
};
