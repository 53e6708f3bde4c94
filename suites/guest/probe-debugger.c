// SPDX-License-Identifier: GPL-2.0-only
/*
 * `probe debugger PID seize|attach`: traces a thread, which goes on. What it is
 * told on stdin, line by line, it does and then says so on stdout:
 *
 *   interrupt   `stopped`: the thread is stopped
 *   continue    `continued`
 *   wait        `stop N`: the thread has stopped by signal N
 *   stops       `stops N`: how often it stopped since, for whatever reason; goes on
 *   step        `stepping`: it goes on, instruction by instruction, to the next
 *               line; then `stepped N entered M`: so many steps, of which so
 *               many led into a handler
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static pid_t traced;

static void say(const char *text)
{
	if (printf("%s\n", text) < 0 || fflush(stdout))
		_exit(99);
}

/* Waits until it stops; by which signal. */
static int next_stop(void)
{
	int status;

	if (waitpid(traced, &status, __WALL) != traced || !WIFSTOPPED(status))
		_exit(98);
	return WSTOPSIG(status);
}

static void go_on(int signo)
{
	if (ptrace(PTRACE_CONT, traced, NULL, signo) < 0)
		_exit(97);
}

static int count_stops(void)
{
	int status, count = 0;

	while (waitpid(traced, &status, __WALL | WNOHANG) == traced && WIFSTOPPED(status)) {
		count++;
		go_on(WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	}
	return count;
}

static bool told(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Of a step into a handler the kernel says no more than SIGTRAP. */
static bool entered_handler(void)
{
	siginfo_t info;

	return !ptrace(PTRACE_GETSIGINFO, traced, NULL, &info) && info.si_code == SIGTRAP;
}

/* On one CPU: a tracer on another waits a tick until its thread is off its own. */
static void share_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0 ||
	    sched_setaffinity(traced, sizeof(set), &set) < 0)
		_exit(93);
}

static void step(char *line, size_t size)
{
	long steps = 0, entered = 0;
	int signo = 0;

	share_cpu();
	say("stepping");
	while (!told()) {
		if (ptrace(PTRACE_SINGLESTEP, traced, NULL, signo) < 0)
			_exit(96);
		signo = next_stop();
		if (signo == SIGTRAP) {
			signo = 0;
			entered += entered_handler();
		}
		steps++;
	}
	if (!fgets(line, size, stdin))
		_exit(95);
	go_on(signo);
	snprintf(line, size, "stepped %ld entered %ld", steps, entered);
	say(line);
}

static void obey(char *line, size_t size)
{
	if (!strcmp(line, "interrupt\n")) {
		if (ptrace(PTRACE_INTERRUPT, traced, NULL, NULL) < 0)
			_exit(94);
		next_stop();
		say("stopped");
	} else if (!strcmp(line, "continue\n")) {
		go_on(0);
		say("continued");
	} else if (!strcmp(line, "wait\n")) {
		snprintf(line, size, "stop %d", next_stop());
		say(line);
	} else if (!strcmp(line, "stops\n")) {
		snprintf(line, size, "stops %d", count_stops());
		say(line);
	} else if (!strcmp(line, "step\n")) {
		step(line, size);
	}
}

int debugger_main(int argc, char *argv[])
{
	bool attach = argc > 1 && !strcmp(argv[1], "attach");
	char line[64];

	traced = argc > 0 ? atoi(argv[0]) : 0;
	if (ptrace(attach ? PTRACE_ATTACH : PTRACE_SEIZE, traced, NULL, NULL) < 0)
		return 1;
	if (attach) {
		next_stop();
		go_on(0);
	}
	/* One line at a time, so that told() sees the next. */
	setvbuf(stdin, NULL, _IONBF, 0);
	say("ready");
	while (fgets(line, sizeof(line), stdin))
		obey(line, sizeof(line));
	return 0;
}
