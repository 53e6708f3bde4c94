// SPDX-License-Identifier: GPL-2.0-only
/* Limits that a process is held to, and what comes of going on beyond them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

/* `native-limit resource=NAME max=N`: soft and hard, for good. */
static void do_limit(const struct command *c)
{
	static const struct {
		const char *name;
		int resource;
	} resources[] = {
		{ "processes", RLIMIT_NPROC },
		{ "signals", RLIMIT_SIGPENDING },
		{ "files", RLIMIT_NOFILE },
		{ "address-space", RLIMIT_AS },
	};
	const char *name = word(c, "resource") ?: "";
	struct rlimit limit;
	size_t i;

	limit.rlim_cur = number(c, "max", 0);
	limit.rlim_max = limit.rlim_cur;
	for (i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		if (!strcmp(name, resources[i].name)) {
			answer(c, setrlimit(resources[i].resource, &limit));
			return;
		}
	}
	fail(c, EINVAL);
}

static void answer_reached(const struct command *c, long count, int error)
{
	struct message m = { 0 };

	put_string(&m, "stopped", error ? strerrorname_np(error) ?: "?" : "");
	answer_with(c, count, 0, &m);
}

/* `native-queue count=N`: signals to itself, numbered; how many it could send, and why no more. */
static void do_queue(const struct command *c)
{
	long i, count = number(c, "count", 1);
	union sigval value = { 0 };
	int error = 0;
	sigset_t set;

	block_native(QUEUE_SIGNAL, &set);
	for (i = 0; i < count && !error; i++) {
		value.sival_int = i;
		if (sigqueue(getpid(), native_signal(QUEUE_SIGNAL), value) < 0)
			error = errno;
	}
	answer_reached(c, i - !!error, error);
}

/* The numbers of those that are there, in the order in which they come. */
static void do_queued(const struct command *c)
{
	static const struct timespec none;
	struct told t = { 0 };
	siginfo_t info;
	sigset_t set;

	block_native(QUEUE_SIGNAL, &set);
	while (sigtimedwait(&set, &info, &none) > 0)
		tell_more(&t, "%d", info.si_value.sival_int);
	answer_told(c, &t);
}

/* `native-inotify count=N name=NAME`: watches of so many files, NAME000 and on. */
static void do_inotify(const struct command *c)
{
	long i, count = number(c, "count", 1);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), error = 0;
	char name[256];

	if (fd < 0) {
		answer(c, -1);
		return;
	}
	for (i = 0; i < count && !error; i++) {
		snprintf(name, sizeof(name), "%s%03ld", word(c, "name"), i);
		if (inotify_add_watch(fd, name, IN_OPEN) < 0)
			error = errno;
	}
	answer_reached(c, i - !!error, error);
}

/* `native-timers count=N`: POSIX timers. */
static void do_timers(const struct command *c)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	long i, count = number(c, "count", 1);
	int error = 0;
	timer_t timer;

	for (i = 0; i < count && !error; i++)
		if (timer_create(CLOCK_MONOTONIC, &ev, &timer) < 0)
			error = errno;
	answer_reached(c, i - !!error, error);
}

/* `native-forks count=N`: children at the same time, which end before it answers. */
static void do_forks(const struct command *c)
{
	long i, count = number(c, "count", 1);
	int error = 0, gate[2];
	char byte;
	pid_t pid;

	if (pipe(gate) < 0) {
		answer(c, -1);
		return;
	}
	for (i = 0; i < count && !error; i++) {
		pid = fork();
		if (!pid) {
			close(gate[1]);
			_exit(read(gate[0], &byte, 1) != 0);
		}
		if (pid < 0)
			error = errno;
	}
	close(gate[0]);
	close(gate[1]);
	while (wait(NULL) > 0)
		;
	answer_reached(c, i - !!error, error);
}

/* `native-map mib=N [touch=1]`: memory, which is given back. */
static void do_map(const struct command *c)
{
	size_t size = (size_t)number(c, "mib", 1) << 20, at;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED) {
		answer(c, -1);
		return;
	}
	for (at = 0; given(c, "touch") && at < size; at += 4096)
		map[at] = 1;
	munmap(map, size);
	answer(c, 0);
}

/* `native-where ms=N`: the CPUs that the calling thread is seen on while it is busy, as a mask. */
static void do_where(const struct command *c)
{
	long long end = now_ns() + number(c, "ms", 1) * 1000000LL;
	unsigned long seen = 0;
	int cpu;

	do {
		cpu = sched_getcpu();
		if (cpu >= 0 && cpu < 64)
			seen |= 1UL << cpu;
		sched_yield();
	} while (now_ns() < end);
	answer(c, seen);
}

/* `native-bind irq=N cpu=N`: the interrupt is to be handled on that CPU alone. */
static void do_bind(const struct command *c)
{
	long cpu = number(c, "cpu", 0);
	char path[64], text[16];
	int fd, len, ret = -1;

	snprintf(path, sizeof(path), "/proc/irq/%ld/smp_affinity_list", number(c, "irq", 0));
	len = snprintf(text, sizeof(text), "%ld\n", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		ret = close_after(fd, write(fd, text, len) == len ? 0 : -1);
	answer(c, ret);
}

const struct verb native_limit_verbs[] = {
	{ "native-limit", do_limit },
	{ "native-queue", do_queue },
	{ "native-queued", do_queued },
	{ "native-inotify", do_inotify },
	{ "native-timers", do_timers },
	{ "native-forks", do_forks },
	{ "native-map", do_map },
	{ "native-where", do_where },
	{ "native-bind", do_bind },
	{ }
};
