// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event layer on io_uring: a request accepts a connection, since one for
 * all of them would accept more than are wanted; and one a connection receives
 * all that is sent to it, into buffers that the kernel picks. What there is to
 * submit goes with the call that waits.
 *
 * A request is known by what it is for, its descriptor and its generation; one
 * whose connection has gone completes and is passed over. Closing does not end
 * a request, so it is cancelled.
 *
 * io_uring does not wait for what is not to block. So a socket is blocking
 * until its request has been submitted, and from then on not, since sendfile()
 * has no flag for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"
#include "uring.h"

#define SUBMISSIONS	1024
#define COMPLETIONS	8192
#define BUFFERS		512	/* a power of two */
#define BUFFER		4096
#define GROUP		0
#define NSEC_PER_SEC	1000000000LL

enum what { ACCEPT = 1, RECEIVE, ROOM, TIMER, CANCEL };

/* layer_state.a: which requests there are of a connection. */
#define RECEIVES	1
#define POLLS		2
#define CANCELS		4	/* the one that receives */

static struct uring ring;

static struct io_uring_buf_ring *buffers;
static char *memory;
static uint16_t buffers_tail;
static int listening;
static bool accepts, accept_wanted;
static unsigned int timer;	/* its number; 0 without one */
static unsigned int timers;
static struct __kernel_timespec timer_due;
/* Sockets whose request is queued: not to block once it is submitted. */
static struct { int fd; uint32_t generation; } blocking[SUBMISSIONS];
static unsigned int blocking_count;

/* 8 bits, 24 bits and 32 bits. */
static uint64_t name(enum what what, int fd, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)fd << 8 | what;
}

static struct connection *find(int fd, uint32_t generation)
{
	struct connection *c = server_connection(fd);

	return c && c->generation == generation ? c : NULL;
}

static void give_back(uint16_t id)
{
	struct io_uring_buf *buffer = &buffers->bufs[buffers_tail & (BUFFERS - 1)];

	buffer->addr = (uintptr_t)(memory + (size_t)id * BUFFER);
	buffer->len = BUFFER;
	buffer->bid = id;
	__atomic_store_n(&buffers->tail, ++buffers_tail, __ATOMIC_RELEASE);
}

static int provide_buffers(void)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = BUFFERS,
		.bgid = GROUP,
	};
	uint16_t i;

	buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf),
		       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memory = mmap(NULL, BUFFERS * BUFFER, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED || memory == MAP_FAILED)
		return -1;
	reg.ring_addr = (uintptr_t)buffers;
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PBUF_RING,
		    &reg, 1) < 0)
		return -1;
	for (i = 0; i < BUFFERS; i++)
		give_back(i);
	return 0;
}

static void stop_blocking(void)
{
	int on = 1;
	unsigned int i;

	for (i = 0; i < blocking_count; i++)
		if (find(blocking[i].fd, blocking[i].generation))
			ioctl(blocking[i].fd, FIONBIO, &on);
	blocking_count = 0;
}

/* Submits what is queued, and waits for something if it is told to. */
static int enter(unsigned int least)
{
	int ret;

	ret = syscall(SYS_io_uring_enter, ring.fd, ring.queued, least,
		      least ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	if (ret < 0)
		return -1;
	ring.queued -= ret;
	if (!ring.queued)
		stop_blocking();
	return 0;
}

/* What the kernel does not take now it takes in the end. */
static void submit_all(void)
{
	while (ring.queued)
		if (enter(0) < 0 && errno != EBUSY && errno != EAGAIN &&
		    errno != EINTR)
			die("io_uring_enter");
}

static struct io_uring_sqe *next_sqe(enum what what, int fd, uint32_t generation)
{
	struct io_uring_sqe *sqe;
	unsigned int tail;

	if (ring.queued == SUBMISSIONS)
		submit_all();
	tail = *ring.sq_tail;
	sqe = &ring.sqes[tail & ring.sq_mask];
	memset(sqe, 0, sizeof(*sqe));
	sqe->fd = fd;
	sqe->user_data = name(what, fd, generation);
	ring.queued++;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
	return sqe;
}

static void cancel(enum what what, int fd, uint32_t generation)
{
	struct io_uring_sqe *sqe = next_sqe(CANCEL, fd, generation);

	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->fd = -1;
	sqe->addr = name(what, fd, generation);
}

static void queue_accept(void)
{
	struct io_uring_sqe *sqe = next_sqe(ACCEPT, listening, 0);

	sqe->opcode = IORING_OP_ACCEPT;
	sqe->accept_flags = SOCK_CLOEXEC;
	accepts = true;
}

static void queue_receive(struct connection *c)
{
	struct io_uring_sqe *sqe;
	int off = 0;

	if (blocking_count == SUBMISSIONS)
		submit_all();
	sqe = next_sqe(RECEIVE, c->fd, c->generation);
	ioctl(c->fd, FIONBIO, &off);
	blocking[blocking_count].fd = c->fd;
	blocking[blocking_count++].generation = c->generation;
	sqe->opcode = IORING_OP_RECV;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	c->layer.a |= RECEIVES;
	/* What it is sent meanwhile is not to be waited for. */
	if (c->phase == PHASE_SEND)
		submit_all();
}

static int layer_open(int fd)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETIONS,
	};
	int off = 0;

	listening = fd;
	if (ioctl(listening, FIONBIO, &off) < 0)
		return -1;
	ring.fd = syscall(SYS_io_uring_setup, SUBMISSIONS, &params);
	if (ring.fd < 0)
		return -1;
	if (!(params.features & IORING_FEAT_SINGLE_MMAP)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (uring_map(&ring, &params) < 0 || provide_buffers() < 0)
		return -1;
	accept_wanted = true;
	queue_accept();
	return 0;
}

/* Its memory goes with the program, which has no other layer after this one. */
static void layer_close(void)
{
	close(ring.fd);
}

static int layer_accepting(bool on)
{
	accept_wanted = on;
	if (on && !accepts)
		queue_accept();
	else if (!on && accepts)
		cancel(ACCEPT, listening, 0);
	return 0;
}

static int layer_add(struct connection *c)
{
	c->layer = (struct layer_state){ 0 };
	queue_receive(c);
	return 0;
}

static int layer_reading(struct connection *c, bool on)
{
	if (on && !(c->layer.a & RECEIVES)) {
		queue_receive(c);
	} else if (!on && (c->layer.a & (RECEIVES | CANCELS)) == RECEIVES) {
		c->layer.a |= CANCELS;
		cancel(RECEIVE, c->fd, c->generation);
	}
	return 0;
}

static int layer_writing(struct connection *c, bool on)
{
	struct io_uring_sqe *sqe;

	/* One that is not wanted any more is passed over when it completes. */
	if (!on || c->layer.a & POLLS)
		return 0;
	sqe = next_sqe(ROOM, c->fd, c->generation);
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->poll32_events = POLLOUT;
	c->layer.a |= POLLS;
	return 0;
}

static void layer_remove(struct connection *c)
{
	if (c->layer.a & RECEIVES)
		cancel(RECEIVE, c->fd, c->generation);
	if (c->layer.a & POLLS)
		cancel(ROOM, c->fd, c->generation);
}

static int layer_timer(long long due)
{
	struct io_uring_sqe *sqe;

	if (timer) {
		sqe = next_sqe(CANCEL, 0, 0);
		sqe->opcode = IORING_OP_TIMEOUT_REMOVE;
		sqe->fd = -1;
		sqe->addr = name(TIMER, 0, timer);
	}
	timer = ++timers ?: ++timers;
	timer_due.tv_sec = due / NSEC_PER_SEC;
	timer_due.tv_nsec = due % NSEC_PER_SEC;
	sqe = next_sqe(TIMER, 0, timer);
	sqe->opcode = IORING_OP_TIMEOUT;
	sqe->fd = -1;
	sqe->addr = (uintptr_t)&timer_due;
	sqe->len = 1;
	sqe->timeout_flags = IORING_TIMEOUT_ABS;
	return 0;
}

static void accepted(int res)
{
	accepts = false;
	if (res >= 0)
		server_accepted(res);
	else if (res == -EMFILE || res == -ENFILE || res == -ENOBUFS ||
		 res == -ENOMEM)
		server_accept_failed();
	if (!accepts && accept_wanted)
		queue_accept();
}

static void received(int fd, uint32_t generation, int res, uint32_t flags)
{
	uint16_t id = flags >> IORING_CQE_BUFFER_SHIFT;
	struct connection *c = find(fd, generation);

	if (c && !(flags & IORING_CQE_F_MORE))
		c->layer.a &= ~(RECEIVES | CANCELS);
	/* Cancelled, or there was no buffer: nothing of the stream is lost. */
	if (c && res != -ECANCELED && res != -ENOBUFS)
		server_data(c, flags & IORING_CQE_F_BUFFER ?
			    memory + (size_t)id * BUFFER : NULL, res);
	if (flags & IORING_CQE_F_BUFFER)
		give_back(id);
	c = find(fd, generation);
	if (c && c->reading && !(c->layer.a & RECEIVES))
		queue_receive(c);
}

static void room(int fd, uint32_t generation)
{
	struct connection *c = find(fd, generation);

	if (!c)
		return;
	c->layer.a &= ~POLLS;
	if (c->writing)
		server_writable(c);
	c = find(fd, generation);
	if (c && c->writing)
		layer_writing(c, true);
}

static void tell(const struct io_uring_cqe *cqe)
{
	int fd = (uint32_t)cqe->user_data >> 8;
	uint32_t generation = cqe->user_data >> 32;

	switch ((enum what)(cqe->user_data & 0xff)) {
	case ACCEPT:
		accepted(cqe->res);
		break;
	case RECEIVE:
		received(fd, generation, cqe->res, cqe->flags);
		break;
	case ROOM:
		room(fd, generation);
		break;
	case TIMER:
		if (generation != timer)
			break;
		timer = 0;
		server_timer();
		break;
	case CANCEL:
		break;
	}
}

static int layer_wait(void)
{
	struct io_uring_cqe cqe;
	unsigned int head, tail;

	if (enter(1) < 0 && errno != EBUSY && errno != EAGAIN)
		return -1;
	head = *ring.cq_head;
	tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
	for (; head != tail; head++) {
		cqe = ring.cqes[head & ring.cq_mask];
		__atomic_store_n(ring.cq_head, head + 1, __ATOMIC_RELEASE);
		tell(&cqe);
	}
	return 0;
}

const struct event_layer layer_uring = {
	.name = "io_uring",
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
