// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handler processes: what a handler does in one, and what tells of their ends.
 *
 * A gate is a FIFO /tmp/gate-N of the test's. Each line that the test writes
 * to it lets one of those who are at it pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

/* In the memory of each process: what one does to it another does not see. */
static atomic_long counter;

static const char *gate_path(long gate, char *path, size_t size)
{
	snprintf(path, size, "/tmp/gate-%ld", gate);
	return path;
}

static void tell_of_gate(long gate)
{
	struct message m = { 0 };

	put_text(&m, "{");
	put_number(&m, "gate", gate);
	put_number(&m, "pid", getpid());
	send_message(&m);
}

static void wait_at(long gate)
{
	char path[32], line;
	int fd;

	/* For both, so that it neither waits for a writer nor sees one leave. */
	fd = open(gate_path(gate, path, sizeof(path)), O_RDWR | O_CLOEXEC);
	if (fd < 0 || read(fd, &line, 1) != 1)
		_exit(96);
	close(fd);
}

/* Becomes a program that is at the gate. */
static long become_other(long gate)
{
	char path[32], script[64];

	gate_path(gate, path, sizeof(path));
	snprintf(script, sizeof(script), "read line < %s", path);
	return execl("/bin/sh", "sh", "-c", script, NULL);
}

/* An event of its own, started: its id. */
static long register_own(long flags)
{
	int eid = aemEXAMPLE_register(example_handler, 0, flags);

	return eid > 0 && aemCORE_event_start(eid) < 0 ? -1 : eid;
}

static void *become_other_thread(void *gate)
{
	/* It has something that ends with its program, as the first one has. */
	if (register_own(0) < 0)
		_exit(95);
	become_other((long)gate);
	_exit(94);
}

/* As become_other(), but it is a second thread that does. */
static long become_other_by_thread(long gate)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, become_other_thread, (void *)gate);
	while (!errno)
		pause();
	return -1;
}

/* A child by fork(): what waiting for it says; 0 is what it returned. */
static long fork_plain(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid < 0 || waitpid(pid, &status, 0) < 0 ? -1 : status;
}

/* Uses more memory than its control group may have. */
static long eat(long megabytes)
{
	size_t size = megabytes << 20;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -1;
	memset(at, 1, size);
	return 0;
}

/* For a handler. False when there is nothing to report, else `ret` is. */
bool act_in_process(const char *name, long arg, long *ret)
{
	if (!strcmp(name, "gate")) {
		tell_of_gate(arg);
		wait_at(arg);
		return false;
	}
	/* When nobody listens any more. */
	if (!strcmp(name, "silent-gate")) {
		wait_at(arg);
		return false;
	}
	if (!strcmp(name, "count"))
		*ret = atomic_fetch_add(&counter, arg) + arg;
	else if (!strcmp(name, "exec"))
		*ret = become_other(arg);
	else if (!strcmp(name, "thread-exec"))
		*ret = become_other_by_thread(arg);
	else if (!strcmp(name, "exec-probe"))
		*ret = execl("/proc/self/exe", "probe", NULL);
	else if (!strcmp(name, "eat"))
		*ret = eat(arg);
	else if (!strcmp(name, "syscall"))
		*ret = syscall(arg);
	else if (!strcmp(name, "own"))
		*ret = register_own(arg);
	else if (!strcmp(name, "fork"))
		*ret = fork_plain();
	else if (!strcmp(name, "kill"))
		*ret = kill(getpid(), arg);
	else
		return false;
	return true;
}

/* Adds to the counter and tells what it is then. */
static void do_count(const struct command *c)
{
	long add = number(c, "add", 0);

	answer(c, atomic_fetch_add(&counter, add) + add);
}

/* How many processes its user may have, from here on; without `max` no limit. */
static void do_processes(const struct command *c)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NPROC, &limit) < 0) {
		answer(c, -1);
		return;
	}
	limit.rlim_cur = given(c, "max") ? (rlim_t)number(c, "max", 0) : limit.rlim_max;
	answer(c, setrlimit(RLIMIT_NPROC, &limit));
}

/* Answers when a process has ended, whoever's it is, also when it has been reaped. */
static void do_await_end(const struct command *c)
{
	struct pollfd p = { .events = POLLIN };
	int ret;

	p.fd = syscall(SYS_pidfd_open, number(c, "pid", 0), 0);
	if (p.fd < 0) {
		/* EINVAL: its session or its group has its number still. */
		answer(c, errno == ESRCH || errno == EINVAL ? 0 : -1);
		return;
	}
	do {
		ret = poll(&p, 1, -1);
	} while (ret < 0 && errno == EINTR);
	answer(c, ret < 0 ? -1 : 0);
	close(p.fd);
}

const struct verb handler_verbs[] = {
	{ "count", do_count },
	{ "processes", do_processes },
	{ "await-end", do_await_end },
	{ }
};
