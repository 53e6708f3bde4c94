// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocking system calls, entered on command and reported when they return:
 * `entering` is sent right before, so that the test knows where the thread is.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

/* Written to by `feed`, waited for by those that wait for a descriptor. */
static int pipe_fds[2] = { -1, -1 };
static atomic_int futex_word;
static int sem_id = -1, msg_id = -1;

long close_after(int fd, long ret)
{
	int error = errno;

	close(fd);
	errno = error;
	return ret;
}

struct timespec *timespec_of(const struct command *c, struct timespec *t)
{
	long ms = number(c, "ms", -1);

	if (ms < 0)
		return NULL;
	t->tv_sec = ms / 1000;
	t->tv_nsec = ms % 1000 * 1000000;
	return t;
}

static long call_read(const struct command *c)
{
	char byte;

	(void)c;
	return read(pipe_fds[0], &byte, 1);
}

static long call_poll(const struct command *c)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };

	return poll(&p, 1, number(c, "ms", -1));
}

static long call_ppoll(const struct command *c)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };
	struct timespec t;

	return ppoll(&p, 1, timespec_of(c, &t), NULL);
}

static long call_select(const struct command *c)
{
	struct timeval t = { number(c, "ms", 0) / 1000, number(c, "ms", 0) % 1000 * 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	return select(pipe_fds[0] + 1, &set, NULL, NULL, given(c, "ms") ? &t : NULL);
}

static long call_epoll(const struct command *c)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(fd, EPOLL_CTL_ADD, pipe_fds[0], &event);
	return close_after(fd, epoll_wait(fd, &event, 1, number(c, "ms", -1)));
}

static long call_nanosleep(const struct command *c)
{
	struct timespec t;

	return nanosleep(timespec_of(c, &t), NULL);
}

static long call_clock_nanosleep(const struct command *c)
{
	struct timespec t;
	long long until = now_ns() + number(c, "ms", 0) * 1000000;
	int error;

	t.tv_sec = until / 1000000000;
	t.tv_nsec = until % 1000000000;
	error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	errno = error;
	return error ? -1 : 0;
}

static long call_futex(const struct command *c)
{
	struct timespec t;

	return syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, timespec_of(c, &t), NULL, 0);
}

static long call_wait4(const struct command *c)
{
	int status;

	return wait4(number(c, "pid", -1), &status, 0, NULL) < 0 ? -1 : status;
}

static long call_pause(const struct command *c)
{
	(void)c;
	return pause();
}

static long call_sigsuspend(const struct command *c)
{
	sigset_t none;

	(void)c;
	sigemptyset(&none);
	return sigsuspend(&none);
}

static long call_sigtimedwait(const struct command *c)
{
	struct timespec t;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigtimedwait(&set, NULL, timespec_of(c, &t));
}

static long call_semop(const struct command *c)
{
	struct sembuf take = { .sem_op = -1 };
	struct timespec t;

	return semtimedop(sem_id, &take, 1, timespec_of(c, &t));
}

static long call_msgrcv(const struct command *c)
{
	struct { long type; char text[8]; } message;

	(void)c;
	return msgrcv(msg_id, &message, sizeof(message.text), 0, 0);
}

/* The first request of a ring that has been set up so. */
int submit(int fd, const struct io_uring_params *params, const struct io_uring_sqe *request)
{
	struct io_uring_sqe *sqe;
	char *sq;

	sq = mmap(NULL, params->sq_off.array + sizeof(__u32), PROT_READ | PROT_WRITE,
		  MAP_SHARED, fd, IORING_OFF_SQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   IORING_OFF_SQES);
	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = *request;
	*(__u32 *)(sq + params->sq_off.array) = 0;
	__atomic_store_n((__u32 *)(sq + params->sq_off.tail), 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0) == 1 ? 0 : -1;
}

static long call_io_uring(const struct command *c)
{
	struct io_uring_params params = { 0 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);
	const struct io_uring_sqe poll = {
		.opcode = IORING_OP_POLL_ADD,
		.fd = pipe_fds[0],
		.poll32_events = POLLIN,
	};

	(void)c;
	if (fd < 0 || submit(fd, &params, &poll) < 0)
		return -1;
	return close_after(fd, syscall(SYS_io_uring_enter, fd, 0, 1,
				       IORING_ENTER_GETEVENTS, NULL, 0));
}

static long call_evwait(const struct command *c)
{
	struct timespec t;

	return aem_evwait(timespec_of(c, &t));
}

static long call_evkeepalive(const struct command *c)
{
	(void)c;
	errno = 0;
	aem_evkeepalive();
	return 0;
}

static const struct wait_call basic_calls[] = {
	{ "read", call_read, NULL },
	{ "poll", call_poll, NULL },
	{ "ppoll", call_ppoll, NULL },
	{ "select", call_select, NULL },
	{ "epoll_wait", call_epoll, NULL },
	{ "nanosleep", call_nanosleep, NULL },
	{ "clock_nanosleep", call_clock_nanosleep, NULL },
	{ "futex", call_futex, NULL },
	{ "wait4", call_wait4, NULL },
	{ "pause", call_pause, NULL },
	{ "sigsuspend", call_sigsuspend, NULL },
	{ "sigtimedwait", call_sigtimedwait, NULL },
	{ "semop", call_semop, NULL },
	{ "msgrcv", call_msgrcv, NULL },
	{ "io_uring", call_io_uring, NULL },
	{ "evwait", call_evwait, NULL },
	{ "evkeepalive", call_evkeepalive, NULL },
	{ }
};

static const struct wait_call *const call_tables[] = {
	basic_calls, wait_calls, timed_calls,
};

void entering(const char *name)
{
	struct message m = { 0 };

	put_text(&m, "{");
	put_string(&m, "entering", name);
	put_number(&m, "tid", syscall(SYS_gettid));
	send_message(&m);
}

static const struct wait_call *find_call(const char *name)
{
	const struct wait_call *call;
	size_t i;

	for (i = 0; i < sizeof(call_tables) / sizeof(call_tables[0]); i++)
		for (call = call_tables[i]; call->name; call++)
			if (!strcmp(call->name, name))
				return call;
	return NULL;
}

static void do_call(const struct command *c)
{
	const char *name = word(c, "name");
	const struct wait_call *call = find_call(name);
	struct message m = { 0 };
	long long start;
	int error;
	long long ended;
	long ret;

	if (!call) {
		fail(c, ENOSYS);
		return;
	}
	entering(name);
	/*
	 * A call that counts `ticks` begins with the last one, which may be a while
	 * ago: the host had no time for the guest's CPU that keeps them.
	 */
	start = clock_ns(given(c, "ticks") ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC);
	errno = 0;
	ret = call->enter(c);
	error = errno;
	ended = now_ns();
	put_number(&m, "elapsed", ended - start);
	put_number(&m, "ended", ended);
	answer_with(c, ret, ret < 0 ? error : 0, &m);
}

/* Makes what the calls wait for; once, before the first. */
static void do_prepare(const struct command *c)
{
	int ret = pipe(pipe_fds);

	sem_id = semget(IPC_PRIVATE, 1, 0600);
	msg_id = msgget(IPC_PRIVATE, 0600);
	answer(c, ret < 0 || sem_id < 0 || msg_id < 0 ? -1 : 0);
}

/* Gives the call what it waits for; for another thread than the one in it. */
static void do_feed(const struct command *c)
{
	struct { long type; char text[8]; } message = { .type = 1 };
	struct sembuf give = { .sem_op = 1 };
	const char *what = word(c, "what");
	const struct wait_call *call = find_call(what);
	long ret = 0;

	if (!strcmp(what, "pipe")) {
		ret = write(pipe_fds[1], "x", 1);
	} else if (!strcmp(what, "futex")) {
		atomic_store(&futex_word, 1);
		ret = syscall(SYS_futex, &futex_word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	} else if (!strcmp(what, "sem")) {
		ret = semop(sem_id, &give, 1);
	} else if (!strcmp(what, "msg")) {
		ret = msgsnd(msg_id, &message, sizeof(message.text), 0);
	} else if (call && call->feed) {
		ret = call->feed();
	} else {
		fail(c, ENOSYS);
		return;
	}
	answer(c, ret < 0 ? -1 : 0);
}

const struct verb call_verbs[] = {
	{ "call", do_call },
	{ "prepare", do_prepare },
	{ "feed", do_feed },
	{ }
};
