// SPDX-License-Identifier: GPL-2.0-only
/*
 * `probe tracer PID`: stops a process where it has announced a handler
 * process and has not made it yet, which takes it no time by itself. Says
 * `ready`, then `announced` when the process is there, and lets it go on at a
 * line on stdin.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static void say(const char *what)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "%s\n", what);

	if (write(1, line, len) < 0)
		_exit(99);
}

/* Waits until it stops. False: it has ended. */
static bool stopped(pid_t pid, int *status)
{
	return waitpid(pid, status, __WALL) == pid && WIFSTOPPED(*status);
}

/* At its way into ioctl(AEM_IOC_FORK)? */
static bool announces(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       info.entry.nr == SYS_ioctl && info.entry.args[1] == AEM_IOC_FORK;
}

/* To where it comes out of the call, before it goes back to its program. */
static bool run_to_announcement(pid_t pid)
{
	bool announced = false, seen;
	int status, signo = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, signo) < 0 || !stopped(pid, &status))
			return false;
		signo = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			/* A signal is passed on; others are stops of the tracer's. */
			if (!(status >> 16))
				signo = WSTOPSIG(status);
			continue;
		}
		seen = announces(pid);
		if (announced && !seen)
			return true;
		announced = seen;
	}
}

int tracer_main(int argc, char *argv[])
{
	pid_t pid = argc > 0 ? atoi(argv[0]) : 0;
	int status;
	char byte;

	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || !stopped(pid, &status))
		return 1;
	say("ready");
	if (!run_to_announcement(pid))
		return 2;
	say("announced");
	if (read(0, &byte, 1) != 1)
		return 3;
	return ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0 ? 4 : 0;
}
