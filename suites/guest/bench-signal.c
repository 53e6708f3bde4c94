// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queued real-time signals: the source is the signal's value. Nothing is
 * registered for a source, so an idle one costs nothing.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static pid_t process, thread;
static int fd = -1;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	deliver(info->si_value.sival_int);
}

static int signal_open(unsigned int sources)
{
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO,
	};

	(void)sources;
	process = getpid();
	thread = gettid();
	return sigaction(SIGRTMIN, &action, NULL);
}

static int signalfd_open(unsigned int sources)
{
	sigset_t set;

	(void)sources;
	process = getpid();
	thread = gettid();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd;
}

static int signal_add(unsigned int source)
{
	(void)source;
	return 0;
}

static int signal_raise(unsigned int source)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIGRTMIN;
	info.si_code = SI_QUEUE;
	info.si_pid = process;
	info.si_value.sival_int = source;
	return syscall(SYS_rt_tgsigqueueinfo, process, thread, SIGRTMIN, &info);
}

/* Returns when handlers have run: all that was queued. */
static int signal_take(void)
{
	pause();
	return errno == EINTR ? 1 : -1;
}

static int signalfd_take(void)
{
	struct signalfd_siginfo infos[ACTIVE];
	ssize_t len;
	size_t i;

	len = read(fd, infos, sizeof(infos));
	for (i = 0; len > 0 && i < len / sizeof(*infos); i++)
		deliver(infos[i].ssi_int);
	return len < 0 ? -1 : 1;
}

static void signal_close(void)
{
	if (fd >= 0)
		close(fd);
}

const struct mechanism bench_signal = {
	.name = "signal",
	.open = signal_open,
	.add = signal_add,
	.raise = signal_raise,
	.take = signal_take,
	.close = signal_close,
};

const struct mechanism bench_signal_computing = {
	.name = "signal-computing",
	.most = 100000,
	.computes = true,
	.open = signal_open,
	.add = signal_add,
	.raise = signal_raise,
	.close = signal_close,
};

const struct mechanism bench_signalfd = {
	.name = "signalfd",
	.open = signalfd_open,
	.add = signal_add,
	.raise = signal_raise,
	.take = signalfd_take,
	.close = signal_close,
};
