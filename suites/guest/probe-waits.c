// SPDX-License-Identifier: GPL-2.0-only
/*
 * More system calls that wait: one entry each, with what it waits for and what
 * another thread does to have it come.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define FIFO	"/tmp/probe-fifo"
#define QUEUE	"/probe"

/* What the call that waits now has made; only one does. */
static int fds[2] = { -1, -1 };
static int ipc_id = -1, waiter;
static pid_t child;
static mqd_t queue = -1;
static atomic_uint word32;
static aio_context_t aio;

static long close_all(long ret)
{
	int i, saved = errno;

	for (i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	errno = saved;
	return ret;
}

/* To the last byte: whoever writes one more has to wait. */
static void fill(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	char block[4096] = { 0 };
	size_t size;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	for (size = sizeof(block); size; size = size > 1 ? 1 : 0)
		while (write(fd, block, size) > 0)
			;
	fcntl(fd, F_SETFL, flags);
}

static long drain_other(void)
{
	int flags = fcntl(fds[1], F_GETFL);
	char block[4096];

	fcntl(fds[1], F_SETFL, flags | O_NONBLOCK);
	while (read(fds[1], block, sizeof(block)) > 0)
		;
	return 0;
}

static long write_other(void)
{
	return write(fds[1], "x", 1);
}

/* Sockets and pipes */

static long enter_recv(const struct command *c)
{
	char byte;

	(void)c;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -1;
	return close_all(recv(fds[0], &byte, 1, 0));
}

static long enter_send(const struct command *c)
{
	(void)c;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -1;
	fill(fds[0]);
	return close_all(send(fds[0], "x", 1, 0));
}

static long enter_write(const struct command *c)
{
	int pipe_fds[2];

	(void)c;
	if (pipe(pipe_fds) < 0)
		return -1;
	fds[0] = pipe_fds[1];
	fds[1] = pipe_fds[0];
	fill(fds[0]);
	return close_all(write(fds[0], "x", 1));
}

static struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0probe-wait" };

/* Room for no connection that is not accepted, beyond the first. */
static int listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
			listen(fd, 0) < 0))
		return -1;
	return fd;
}

static int connection(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd;
}

static long enter_accept(const struct command *c)
{
	int fd;

	(void)c;
	fds[0] = listener();
	fd = accept(fds[0], NULL, NULL);
	if (fd < 0)
		return close_all(-1);
	close(fd);
	return close_all(0);
}

static long feed_accept(void)
{
	fds[1] = connection();
	return fds[1];
}

static long enter_connect(const struct command *c)
{
	int first, fd;

	(void)c;
	fds[0] = listener();
	first = connection();
	fd = connection();
	if (first >= 0)
		close(first);
	if (fd < 0)
		return close_all(-1);
	close(fd);
	return close_all(0);
}

static long feed_connect(void)
{
	fds[1] = accept(fds[0], NULL, NULL);
	return fds[1];
}

static long enter_open(const struct command *c)
{
	(void)c;
	unlink(FIFO);
	if (mkfifo(FIFO, 0600) < 0)
		return -1;
	fds[0] = open(FIFO, O_RDONLY | O_CLOEXEC);
	return close_all(fds[0] < 0 ? -1 : 0);
}

static long feed_open(void)
{
	int fd = open(FIFO, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* Descriptors that can be waited for */

static long enter_pselect(const struct command *c)
{
	sigset_t mask;
	fd_set set;

	(void)c;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -1;
	sigemptyset(&mask);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	return close_all(pselect(fds[0] + 1, &set, NULL, NULL, NULL, &mask));
}

static long enter_epoll_pwait(const struct command *c)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	sigset_t mask;
	long ret;

	(void)c;
	sigemptyset(&mask);
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, fds[0], &event) < 0)
		return -1;
	ret = epoll_pwait(fd, &event, 1, -1, &mask);
	waiter = errno;
	close(fd);
	errno = waiter;
	return close_all(ret);
}

static long enter_eventfd(const struct command *c)
{
	eventfd_t value;

	(void)c;
	fds[0] = eventfd(0, EFD_CLOEXEC);
	return close_all(eventfd_read(fds[0], &value));
}

static long feed_eventfd(void)
{
	return eventfd_write(fds[0], 1);
}

static long enter_timerfd(const struct command *c)
{
	uint64_t count;

	(void)c;
	fds[0] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return close_all(read(fds[0], &count, sizeof(count)));
}

static long feed_timerfd(void)
{
	struct itimerspec soon = { .it_value = { 0, 1 } };

	return timerfd_settime(fds[0], 0, &soon, NULL);
}

static void block_usr2(sigset_t *set)
{
	waiter = syscall(SYS_gettid);
	sigemptyset(set);
	sigaddset(set, SIGUSR2);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static long feed_signal(void)
{
	return syscall(SYS_tgkill, getpid(), waiter, SIGUSR2);
}

static long enter_signalfd(const struct command *c)
{
	struct signalfd_siginfo info;
	sigset_t set;

	(void)c;
	block_usr2(&set);
	fds[0] = signalfd(-1, &set, SFD_CLOEXEC);
	return close_all(read(fds[0], &info, sizeof(info)) == sizeof(info) ?
			 (long)info.ssi_signo : -1);
}

static long enter_sigwaitinfo(const struct command *c)
{
	sigset_t set;

	(void)c;
	block_usr2(&set);
	return sigwaitinfo(&set, NULL);
}

static long enter_inotify(const struct command *c)
{
	char event[512];

	(void)c;
	unlink(FIFO);
	fds[0] = inotify_init1(IN_CLOEXEC);
	if (inotify_add_watch(fds[0], "/tmp", IN_CREATE) < 0)
		return close_all(-1);
	return close_all(read(fds[0], event, sizeof(event)) > 0 ? 0 : -1);
}

static long feed_inotify(void)
{
	return mkfifo(FIFO, 0600);
}

/* Processes, futexes, queues */

static long enter_waitid(const struct command *c)
{
	siginfo_t info;

	(void)c;
	if (pipe(fds) < 0)
		return -1;
	child = fork();
	if (!child) {
		char byte;

		close(fds[1]);
		_exit(read(fds[0], &byte, 1) == 1 ? 7 : 1);
	}
	return close_all(waitid(P_PID, child, &info, WEXITED) < 0 ? -1 : info.si_status);
}

/* When a call with `ms=` is over, by a clock; NULL without. */
static struct timespec *deadline_of(const struct command *c, clockid_t clock,
				    struct timespec *t)
{
	long ms = number(c, "ms", -1);

	if (ms < 0)
		return NULL;
	clock_gettime(clock, t);
	t->tv_sec += ms / 1000;
	t->tv_nsec += ms % 1000 * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
	return t;
}

static long enter_futex_waitv(const struct command *c)
{
	struct timespec t;
	struct { uint64_t value, address; uint32_t flags, reserved; } futex = {
		.address = (uintptr_t)&word32,
		.flags = 2,	/* of 32 bits */
	};

	atomic_store(&word32, 0);
	return syscall(SYS_futex_waitv, &futex, 1, 0,
		       deadline_of(c, CLOCK_MONOTONIC, &t), CLOCK_MONOTONIC);
}

static long feed_futex(void)
{
	atomic_store(&word32, 1);
	return syscall(SYS_futex, &word32, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static long enter_semop(const struct command *c)
{
	struct sembuf take = { .sem_op = -1 };

	(void)c;
	ipc_id = semget(IPC_PRIVATE, 1, 0600);
	return semop(ipc_id, &take, 1);
}

static long feed_semop(void)
{
	struct sembuf give = { .sem_op = 1 };

	return semop(ipc_id, &give, 1);
}

struct note {
	long type;
	char text[1024];
};

static long enter_msgsnd(const struct command *c)
{
	struct note note = { .type = 1 };

	(void)c;
	ipc_id = msgget(IPC_PRIVATE, 0600);
	while (!msgsnd(ipc_id, &note, sizeof(note.text), IPC_NOWAIT))
		;
	return msgsnd(ipc_id, &note, sizeof(note.text), 0);
}

static long feed_msgsnd(void)
{
	struct note note;

	return msgrcv(ipc_id, &note, sizeof(note.text), 0, 0);
}

/* Of one message of one byte. */
static bool make_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 1 };

	mq_unlink(QUEUE);
	queue = mq_open(QUEUE, O_RDWR | O_CREAT | O_CLOEXEC, 0600, &attr);
	return queue >= 0;
}

static long enter_mq_receive(const struct command *c)
{
	struct timespec t;
	char byte;

	if (!make_queue())
		return -1;
	return mq_timedreceive(queue, &byte, 1, NULL,
			       deadline_of(c, CLOCK_REALTIME, &t));
}

static long feed_mq_receive(void)
{
	return mq_send(queue, "x", 1, 0);
}

static long enter_mq_send(const struct command *c)
{
	(void)c;
	if (!make_queue() || mq_send(queue, "x", 1, 0) < 0)
		return -1;
	return mq_send(queue, "x", 1, 0);
}

static long feed_mq_send(void)
{
	char byte;

	return mq_receive(queue, &byte, 1, NULL);
}

static long enter_io_getevents(const struct command *c)
{
	struct io_event event;

	(void)c;
	if (!aio && syscall(SYS_io_setup, 1, &aio) < 0)
		return -1;
	return syscall(SYS_io_getevents, aio, 1, 1, &event, NULL);
}

static long feed_io_getevents(void)
{
	static char byte;
	struct iocb io = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_nbytes = 1 }, *list = &io;
	long ret;

	io.aio_fildes = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	io.aio_buf = (uintptr_t)&byte;
	ret = syscall(SYS_io_submit, aio, 1, &list);
	close(io.aio_fildes);
	return ret;
}

/* A ring's buffer is taken away from it: when the read into it has ended. */
static long enter_unregister_buffers(const struct command *c)
{
	static char buffer[4096];
	struct iovec iov = { buffer, sizeof(buffer) };
	struct io_uring_params params = { 0 };
	struct io_uring_sqe read = {
		.opcode = IORING_OP_READ_FIXED,
		.addr = (uintptr_t)buffer,
		.len = 1,
	};
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	(void)c;
	if (fd < 0 || pipe(fds) < 0)
		return -1;
	read.fd = fds[0];
	if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1) < 0 ||
	    submit(fd, &params, &read) < 0)
		return close_all(close_after(fd, -1));
	return close_all(close_after(fd, syscall(SYS_io_uring_register, fd,
						 IORING_UNREGISTER_BUFFERS, NULL, 0)));
}

const struct wait_call wait_calls[] = {
	{ "recv", enter_recv, write_other },
	{ "send", enter_send, drain_other },
	{ "write", enter_write, drain_other },
	{ "accept", enter_accept, feed_accept },
	{ "connect", enter_connect, feed_connect },
	{ "open", enter_open, feed_open },
	{ "pselect", enter_pselect, write_other },
	{ "epoll_pwait", enter_epoll_pwait, write_other },
	{ "eventfd", enter_eventfd, feed_eventfd },
	{ "timerfd", enter_timerfd, feed_timerfd },
	{ "signalfd", enter_signalfd, feed_signal },
	{ "sigwaitinfo", enter_sigwaitinfo, feed_signal },
	{ "inotify", enter_inotify, feed_inotify },
	{ "waitid", enter_waitid, write_other },
	{ "futex_waitv", enter_futex_waitv, feed_futex },
	{ "semop_untimed", enter_semop, feed_semop },
	{ "msgsnd", enter_msgsnd, feed_msgsnd },
	{ "mq_receive", enter_mq_receive, feed_mq_receive },
	{ "mq_send", enter_mq_send, feed_mq_send },
	{ "io_getevents", enter_io_getevents, feed_io_getevents },
	{ "unregister_buffers", enter_unregister_buffers, write_other },
	{ }
};
