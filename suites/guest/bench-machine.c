// SPDX-License-Identifier: GPL-2.0-only
/* What the benchmark needs of the machine: clock, memory, limits, priorities. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define DESCRIPTORS	4194304
/* Of free memory, in kB. */
#define NEARLY		2048
#define KEPT		(24 * 1024)

/* In place of the line that was begun: half a result is none. */
static void __attribute__((noreturn)) break_off(const char *key, const char *text)
{
	__fpurge(stdout);
	printf("{\"%s\":\"%s\"}\n", key, text);
	fflush(stdout);
	_exit(1);
}

void die(const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	break_off("error", text);
}

void mismatch(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	break_off("wrong", text);
}

long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/*
 * Not what is said to be available: the kernel counts directory entries in,
 * and each eventfd has one that stays.
 */
long free_kb(void)
{
	static const char key[] = "MemFree:";
	char text[4096];
	ssize_t len;
	char *at;
	int fd;

	fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("/proc/meminfo");
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		die("/proc/meminfo");
	text[len] = '\0';
	at = strstr(text, key);
	if (!at)
		die("/proc/meminfo has no MemFree");
	return strtol(at + strlen(key), NULL, 10);
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

void settle(long wanted)
{
	long before, now = free_kb();
	int still = 0, i;

	/* A minute at most: what a ring had is freed by a kernel thread. */
	for (i = 0; i < 1200; i++) {
		nap(50);
		before = now;
		now = free_kb();
		still = labs(now - before) < 256 ? still + 1 : 0;
		if (now >= wanted - NEARLY && still >= 3)
			return;
		/* Some of it the kernel keeps. */
		if (now >= wanted - KEPT && still >= 20)
			return;
	}
}

/* Negative without it, as no setting that we read is. */
long read_number(const char *path)
{
	char text[32];
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -1;
	text[len] = '\0';
	return strtol(text, NULL, 10);
}

/* A kernel without the setting has no such limit. Twice, it may refuse. */
void set(const char *path, const char *value)
{
	int fd;

	if (read_number(path) == strtol(value, NULL, 10))
		return;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

void raise_limits(void)
{
	struct rlimit files = { DESCRIPTORS, DESCRIPTORS };
	struct rlimit signals = { 65536, 65536 };

	set("/proc/sys/fs/nr_open", "4194304");
	set("/proc/sys/fs/file-max", "8388608");
	set("/proc/sys/fs/epoll/max_user_watches", "8388608");
	set("/proc/sys/aem/max_user_events", "8388608");
	/* Pages that each CPU keeps for itself are neither used nor free. */
	set("/proc/sys/vm/percpu_pagelist_high_fraction", "1000000");
	/* Nothing that is measured is to be throttled. */
	set("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	set("/sys/kernel/debug/sched/fair_server/cpu0/runtime", "0");
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("RLIMIT_NOFILE");
	if (setrlimit(RLIMIT_SIGPENDING, &signals) < 0)
		die("RLIMIT_SIGPENDING");
}

void *table(size_t count, size_t size)
{
	void *at;

	at = mmap(NULL, count * size, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

/* The table of them grows by waiting for all CPUs, which is no source's cost. */
void reserve_descriptors(unsigned int count)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, count + 64);

	if (fd >= 0)
		close(fd);
}

void run_fifo(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	int policy = priority ? SCHED_FIFO : SCHED_OTHER;

	errno = pthread_setschedparam(pthread_self(), policy, &param);
	if (errno)
		die("pthread_setschedparam");
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

void sort_figures(long long *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
}

double median(long long *values, unsigned int count)
{
	sort_figures(values, count);
	return (values[(count - 1) / 2] + values[count / 2]) / 2.0;
}

/* The least of some tries: a timer's interrupt may come between. */
long long time_nops(void)
{
	long long began, took, least = 0;
	int i, k;

	for (k = 0; k < 5; k++) {
		began = now_ns();
		for (i = 0; i < NOPS / 1000; i++)
			__asm__ volatile(".rept 1000\nnop\n.endr");
		took = now_ns() - began;
		if (!k || took < least)
			least = took;
	}
	return least;
}

double time_clock(void)
{
	long long began = now_ns(), last = began;
	int i;

	for (i = 0; i < 1000; i++)
		last = now_ns();
	return (last - began) / 1000.0;
}

unsigned int read_counts(char *text, unsigned int *counts, unsigned int most)
{
	unsigned int count = 0;
	char *piece;

	while (count < most && (piece = strsep(&text, ",")))
		counts[count++] = strtoul(piece, NULL, 10);
	return count;
}

void measure_apart(void (*measure)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setpgid(0, 0);
		measure();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	kill(-pid, SIGKILL);
	/* It has said why, unless it was killed. */
	if (WIFSIGNALED(status))
		die("a measurement was killed");
	if (status)
		_exit(1);
}
