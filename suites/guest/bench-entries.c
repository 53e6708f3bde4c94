// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often a thread enters the kernel by a system call, the return from a
 * signal's or an upcall's frame among them: counted by the kernel, at its
 * tracepoint. A kernel without it gives no figure.
 *
 * The counter is the CPU's, with a filter: one of the thread's would have
 * every switch of threads look after it, a while longer than it is there.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define TRACEPOINT	"/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id"

int count_entries(pid_t thread)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
	};
	long id = read_number(TRACEPOINT);
	char filter[32];
	int counter;

	if (id < 0)
		return -1;
	attr.config = id;
	counter = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (counter < 0)
		die("perf_event_open");
	snprintf(filter, sizeof(filter), "common_pid == %d", thread);
	if (ioctl(counter, PERF_EVENT_IOC_SET_FILTER, filter) < 0 ||
	    ioctl(counter, PERF_EVENT_IOC_RESET) < 0)
		die("counting system calls");
	return counter;
}

long long read_entries(int counter)
{
	long long count;

	if (read(counter, &count, sizeof(count)) != sizeof(count))
		die("counting system calls");
	close(counter);
	return count;
}
