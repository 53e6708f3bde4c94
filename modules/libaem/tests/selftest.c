// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What libaem does by itself, tried without an AEM kernel: open(), ioctl()
 * and brk() are taken over by a stand-in for it, and an upcall is a signal
 * with the frame and the flags that aem-core would use. TAP on stdout.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aem.h>

#include "stand-in.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* As the kernel takes it, which is not as the C library does. */
struct kernel_sigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	unsigned long mask;
};

#define KERNEL_SA_RESTORER	0x04000000UL

/* What the stand-in was told, and what it is to answer. */
static struct {
	int core_fd;
	int opens;
	int attaches;
	int keepalives;
	int live;
	bool pexit_loaded;
	unsigned int pexit_nr;
	struct aem_attach attach;
	struct aem_evctl ctl;
	struct aem_timer_set timer;
	struct aem_wait wait;
	struct aem_pexit_args args;
	struct aem_vmtable table;
	void *brk;
	struct aem_ring ring;
	struct aem_call calls[4];
	unsigned int nr_calls;
	unsigned int next_call;
	unsigned int wait_batch;
} kernel = { .core_fd = -1, .pexit_nr = 7 };

int __wrap_open(const char *path, int flags, ...)
{
	if (!strcmp(path, "/dev/aem-core"))
		kernel.opens++;
	else if (strcmp(path, "/dev/aem-pexit") || !kernel.pexit_loaded)
		return __real_open("/dev/aem-not-there", flags);
	return __real_open("/dev/null", flags);
}

static int fail(int err)
{
	errno = err;
	return -1;
}

static int fake_entry(const struct aem_entry *entry)
{
	if (!kernel.pexit_loaded || entry->sys_nr != kernel.pexit_nr)
		return fail(EINVAL);
	memcpy(&kernel.args, (void *)(uintptr_t)entry->args,
	       sizeof(kernel.args));
	return 42;
}

/* The calls that are left, two at a time, in the part of the ring of a level. */
static unsigned int fake_batch(void)
{
	unsigned int first = 8 * kernel.ring.depth, count = 0;

	while (count < 2 && kernel.next_call < kernel.nr_calls)
		kernel.ring.calls[first + count++] =
			kernel.calls[kernel.next_call++];
	return count ? AEM_BATCH(first, count) : 0;
}

static unsigned int fake_next(void)
{
	unsigned int batch = fake_batch();

	if (!batch)
		kernel.ring.depth--;
	return batch;
}

static int fake_wait(struct aem_wait *wait)
{
	if (wait->batch)
		kernel.ring.depth--;
	kernel.wait = *wait;
	wait->batch = kernel.wait_batch;
	kernel.wait_batch = 0;
	return wait->batch ? 0 : 3;
}

/* A timer's old setting is its new one, a second later. */
static int fake_evctl(const struct aem_evctl *ctl)
{
	kernel.ctl = *ctl;
	if (ctl->opt == EVTIMER_SET) {
		struct aem_timer_set *set = (void *)(uintptr_t)ctl->arg;

		kernel.timer = *set;
		set->spec.interval_sec++;
		set->spec.value_sec++;
	}
	return 0;
}

static int fake_vmtable(struct aem_vmtable *table)
{
	kernel.table = *table;
	table->addr = 0x10000;
	table->brk = 0x20000;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	va_list list;
	void *arg;

	va_start(list, cmd);
	arg = va_arg(list, void *);
	va_end(list);
	if (fd < 0)
		return fail(EBADF);
	if (cmd != GET_SYSNR)
		kernel.core_fd = fd;
	switch (cmd) {
	case GET_SYSNR:
		*(__u32 *)arg = kernel.pexit_nr;
		return 0;
	case AEM_IOC_ATTACH:
		kernel.attaches++;
		kernel.attach = *(struct aem_attach *)arg;
		((struct aem_attach *)arg)->ring = (uintptr_t)&kernel.ring;
		return 0;
	case AEM_IOC_ENTRY:
		return fake_entry(arg);
	case AEM_IOC_EVCTL:
		return fake_evctl(arg);
	case AEM_IOC_VMTABLE:
		return fake_vmtable(arg);
	case AEM_IOC_NEXT:
		return fake_next();
	case AEM_IOC_WAIT:
		return fake_wait(arg);
	case AEM_IOC_LIVE:
		return kernel.live ? kernel.live-- : 0;
	case AEM_IOC_KEEPALIVE:
		kernel.keepalives++;
		return fail(EINTR);
	default:
		return fail(ENOTTY);
	}
}

int __wrap_brk(void *addr)
{
	kernel.brk = addr;
	return 0;
}

/* The calls are what the dispatcher finds when the signal enters it. */
static void upcall(void)
{
	struct kernel_sigaction sa = {
		.handler = kernel.attach.dispatcher,
		.flags = SA_SIGINFO | SA_RESTART | SA_NODEFER |
			 KERNEL_SA_RESTORER,
		.restorer = kernel.attach.restorer,
	};

	union sigval batch;

	kernel.ring.depth++;
	batch.sival_int = fake_batch();
	/* The compiler is told that sigqueue() comes back to this file. */
	atomic_signal_fence(memory_order_seq_cst);
	if (syscall(SYS_rt_sigaction, SIGURG, &sa, NULL, sizeof(sa.mask)) < 0 ||
	    sigqueue(getpid(), SIGURG, batch))
		abort();
	atomic_signal_fence(memory_order_seq_cst);
}

static void will_call(uintptr_t handler, unsigned int nr)
{
	unsigned int i;

	kernel.next_call = 0;
	kernel.nr_calls = nr;
	for (i = 0; i < nr; i++)
		kernel.calls[i] = (struct aem_call) {
			.handler = handler,
			.state = AEM_CALL_READY,
			.args = { i, 2, 3, 4, 5, UINT64_MAX },
		};
}

static atomic_uint handled, wrong;

static void on_args(int a, char *b, int c, unsigned long d, int e, long f)
{
	if (a != (int)handled || b != (char *)2 || c != 3 || d != 4 ||
	    e != 5 || f != -1)
		wrong++;
	handled++;
	errno = ENOTBLK;
}

static bool dispatches(void)
{
	handled = 0;
	wrong = 0;
	will_call((uintptr_t)on_args, 4);
	upcall();
	return handled == 4 && !wrong;
}

static bool dispatches_none_revoked(void)
{
	handled = 0;
	wrong = 0;
	will_call((uintptr_t)on_args, 3);
	kernel.calls[2].state = AEM_CALL_REVOKED;
	upcall();
	return handled == 2 && !wrong;
}

/* A thread that waits makes its calls without a frame. */
static bool dispatches_in_wait(void)
{
	handled = 0;
	wrong = 0;
	will_call((uintptr_t)on_args, 2);
	kernel.ring.depth++;
	kernel.wait_batch = fake_batch();
	return aem_evwait(NULL) == 3 && handled == 2 && !wrong &&
	       kernel.wait.batch && !kernel.ring.depth;
}

static bool keeps_errno(void)
{
	will_call((uintptr_t)on_args, 1);
	errno = EXDEV;
	upcall();
	return errno == EXDEV;
}

static void on_nested(int a)
{
	(void)a;
	if (!handled++)
		upcall();
}

static bool nests(void)
{
	handled = 0;
	will_call((uintptr_t)on_nested, 3);
	upcall();
	return handled == 3;
}

static void *trace[64];
static atomic_int trace_len;

static void on_trace(int a)
{
	(void)a;
	trace_len = backtrace(trace, ARRAY_SIZE(trace));
}

/* The way back from a handler leads through the frame to the program. */
static bool unwinds(void)
{
	uintptr_t from = (uintptr_t)unwinds;
	void *own[1];
	int i;

	if (backtrace(own, 1) != 1)
		return false;
	will_call((uintptr_t)on_trace, 1);
	upcall();
	for (i = 0; i < trace_len; i++)
		if ((uintptr_t)trace[i] > from &&
		    (uintptr_t)trace[i] < from + 512)
			return true;
	return false;
}

static bool opens_once(void)
{
	return !aemCORE_init() && !aemCORE_init() && kernel.opens == 1;
}

/* The program was started without its standard streams. */
static bool no_standard_stream(void)
{
	return !aemCORE_event_stop(1) && kernel.core_fd > STDERR_FILENO;
}

static bool attaches_once(void)
{
	return aem_evwait(NULL) == 3 && aem_evwait(NULL) == 3 &&
	       kernel.attaches == 1;
}

static bool keepalive(void)
{
	aem_evkeepalive();
	return errno == EINTR && kernel.keepalives == 1;
}

static bool without_module(void)
{
	kernel.pexit_loaded = false;
	return aemPEXIT_init() == -1 && errno == ENOENT &&
	       aemPEXIT_notify_register(1, on_args) == -1 && errno == ENOENT;
}

static bool without_init(void)
{
	kernel.pexit_loaded = true;
	return aemPEXIT_notify_register_flags(99, on_args, EVF_ONESHOT) == 42 &&
	       kernel.args.pid == 99 &&
	       kernel.args.head.flags == EVF_ONESHOT &&
	       kernel.args.head.size == sizeof(kernel.args) &&
	       kernel.args.head.handler == (uintptr_t)on_args;
}

static bool swapped_module(void)
{
	kernel.pexit_nr++;
	return aemPEXIT_notify_register(99, on_args) == 42;
}

static bool bad_timers(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	int id;

	if (aemPOSIX_timer_create(CLOCK_AEMEVENT, NULL, &id) != -1 ||
	    errno != EINVAL ||
	    aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, &id) != -1 ||
	    errno != EINVAL)
		return false;
	ev.sigev_notify = SIGEV_AEM;
	return aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, NULL) == -1 &&
	       errno == EINVAL &&
	       aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, &id) == -1 &&
	       errno == ENOENT &&
	       aemPOSIX_timer_settime(7, 0, NULL, NULL) == -1 &&
	       errno == EINVAL && aemPOSIX_timer_gettime(7, NULL) == -1 &&
	       errno == EINVAL;
}

static bool timer_settings(void)
{
	struct itimerspec new = { { 1, 2 }, { 3, 4 } }, old;

	return !aemPOSIX_timer_settime(7, TIMER_ABSTIME, &new, &old) &&
	       kernel.ctl.eid == 7 && kernel.timer.flags == TIMER_ABSTIME &&
	       kernel.timer.spec.interval_sec == 1 &&
	       kernel.timer.spec.interval_nsec == 2 &&
	       kernel.timer.spec.value_sec == 3 &&
	       kernel.timer.spec.value_nsec == 4 &&
	       old.it_interval.tv_sec == 2 && old.it_interval.tv_nsec == 2 &&
	       old.it_value.tv_sec == 4 && old.it_value.tv_nsec == 4;
}

static bool bad_module_names(void)
{
	static const char * const names[] = {
		NULL, "", "a/b", "1234567890123456789012345678",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (aemCORE_sysnr(names[i]) != -1 || errno != EINVAL)
			return false;
	return aemCORE_sysnr("123456789012345678901234567") == -1 &&
	       errno == ENOENT;
}

static bool wrappers(void)
{
	return !aemCORE_event_start(5) && kernel.ctl.opt == EVJOBSTART &&
	       !aemCORE_event_stop(5) && kernel.ctl.opt == EVJOBSTOP &&
	       !aemCORE_event_shutdown(5) && kernel.ctl.opt == EVJOBSHTDN &&
	       !aemCORE_event_priority(AEM_EID_ALL, 31) &&
	       kernel.ctl.opt == EVJOBPRIO && kernel.ctl.arg == 31 &&
	       kernel.ctl.eid == UINT_MAX &&
	       !aemCORE_event_priority(5, -1) &&
	       kernel.ctl.arg > AEM_PRIO_MAX;
}

static bool brk_zone(void)
{
	kernel.brk = NULL;
	return aemCORE_vmtable_init(TBL_UZONE, 8192) == (void *)0x10000 &&
	       kernel.table.zone == TBL_UZONE && kernel.table.size == 8192 &&
	       kernel.brk == (void *)0x20000;
}

static bool own_zone(void)
{
	kernel.brk = NULL;
	return !aem_evctl(0, EVTBLINIT, TBL_VZONE) &&
	       kernel.table.zone == TBL_VZONE && !kernel.table.size &&
	       !kernel.brk;
}

static bool bad_zones(void)
{
	return aem_evctl(0, EVTBLINIT, 1UL << 32) == -1 && errno == EINVAL &&
	       !aemCORE_vmtable_init(-1, 0) && errno == EINVAL;
}

static bool deadlines(void)
{
	struct timespec minute = { .tv_sec = 60, .tv_nsec = 5 };
	struct timespec far = { .tv_sec = LONG_MAX, .tv_nsec = 999999999 };
	struct timespec now;
	__s64 ns;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return false;
	ns = (now.tv_sec + 60) * 1000000000LL + now.tv_nsec + 5;
	return aem_evwait(&minute) == 3 && kernel.wait.deadline >= ns &&
	       aem_evwait(&far) == 3 && kernel.wait.deadline == INT64_MAX &&
	       aem_evwait(NULL) == 3 && kernel.wait.deadline < 0;
}

static bool bad_timeouts(void)
{
	static const struct timespec bad[] = {
		{ .tv_sec = -1 },
		{ .tv_nsec = -1 },
		{ .tv_nsec = 1000000000 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (aem_evwait(&bad[i]) != -1 || errno != EINVAL)
			return false;
	return true;
}

static bool child_says(bool (*says)(void))
{
	int status;
	pid_t pid;

	/* The child's end must not write out what is buffered here. */
	if (fflush(stdout))
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid)
		_exit(says() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && !status;
}

static bool starts_afresh(void)
{
	return fcntl(kernel.core_fd, F_GETFD) < 0 && errno == EBADF &&
	       !aemCORE_init() && kernel.opens == 2 &&
	       aem_evwait(NULL) == 3 && kernel.attaches == 2;
}

static bool fork_child(void)
{
	return child_says(starts_afresh);
}

static atomic_int forked;

static void on_fork(int a)
{
	(void)a;
	forked = fork();
	if (forked < 0)
		abort();
}

/* In the child the handler returns into the program as well. */
static bool fork_in_handler(void)
{
	int status;

	if (fflush(stdout))
		abort();
	will_call((uintptr_t)on_fork, 1);
	upcall();
	if (!forked)
		_exit(0);
	return waitpid(forked, &status, 0) == forked && !status;
}

/*
 * Ends in exit() with two events that main's end waits for. What is left of
 * them is the exit status, told by the first to register and last to run.
 */
static void tell_live(void)
{
	_exit(kernel.live);
}

static void on_exit_call(int a)
{
	(void)a;
	exit(0);
}

static bool exit_leaves(int live, bool attach, uintptr_t handler)
{
	int status;
	pid_t pid;

	if (fflush(stdout))
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid)
		return waitpid(pid, &status, 0) == pid &&
		       WIFEXITED(status) && WEXITSTATUS(status) == live;
	kernel.live = 2;
	if (attach && aem_evwait(NULL) != 3)
		_exit(99);
	if (handler) {
		will_call(handler, 1);
		upcall();
	}
	exit(0);
}

static bool exit_waits(void)
{
	return exit_leaves(0, true, 0);
}

static bool exit_of_fork_child(void)
{
	return exit_leaves(2, false, 0);
}

static bool exit_in_handler(void)
{
	return exit_leaves(2, true, (uintptr_t)on_exit_call);
}

/* In this order: the first ones see the library as it starts. */
static const struct {
	bool (*passes)(void);
	const char *what;
} tests[] = {
	{ opens_once, "opens /dev/aem-core once" },
	{ no_standard_stream, "its descriptor is none of the standard streams'" },
	{ attaches_once, "gives the thread a context once" },
	{ keepalive, "aem_evkeepalive() asks the kernel to sleep" },
	{ without_module, "says that a module is not loaded" },
	{ without_init, "registers without aemPEXIT_init()" },
	{ swapped_module, "finds the new number of a swapped module" },
	{ bad_module_names, "refuses names that are no module's" },
	{ bad_timers, "refuses timers that tell nobody" },
	{ timer_settings, "sets a timer, and says what it was set to" },
	{ wrappers, "wrappers stand for their operation" },
	{ brk_zone, "TBL_UZONE: tells the C library the new break" },
	{ own_zone, "TBL_VZONE: leaves the break alone" },
	{ bad_zones, "refuses zones that it does not know" },
	{ deadlines, "aem_evwait(): time-outs become deadlines" },
	{ bad_timeouts, "aem_evwait(): refuses bad time-outs" },
	{ dispatches, "calls handler after handler with its arguments" },
	{ dispatches_none_revoked, "calls none that was revoked" },
	{ dispatches_in_wait, "aem_evwait(): makes the calls itself" },
	{ keeps_errno, "keeps errno" },
	{ nests, "an upcall may interrupt a handler" },
	{ unwinds, "unwinding goes through the frame" },
	{ fork_child, "a fork child starts afresh" },
	{ fork_in_handler, "a handler may fork" },
	{ exit_waits, "exit waits for EVF_KEEPALIVE" },
	{ exit_of_fork_child, "exit of a fork child does not" },
	{ exit_in_handler, "exit in a handler does not" },
};

int main(void)
{
	unsigned int i, failed = 0;

	if (atexit(tell_live) || close(STDIN_FILENO) < 0)
		abort();
	printf("1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		bool passed = tests[i].passes();

		printf("%sok %u - %s\n", passed ? "" : "not ", i + 1,
		       tests[i].what);
		failed += !passed;
	}
	if (fflush(stdout))
		failed++;
	_exit(failed ? 1 : 0);
}
