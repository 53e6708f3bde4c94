// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own timers: timerfd, and POSIX timers that send a signal. For
 * each the probe notes when it is due: what is told says how much later that
 * was, which is negative when it came early. Times are in nanoseconds.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

#define TIMERS		64

static struct timer {
	struct due due;
	bool is_fd;
	int fd;			/* of timerfd */
	timer_t posix;
} timers[TIMERS];

static int timer_count;
static sigset_t timer_signals;

/* The clock of a command; of another process's CPU time with `pid`. */
static int clock_in(const struct command *c, clockid_t *clock)
{
	int error = 0;

	if (given(c, "pid"))
		error = clock_getcpuclockid(number(c, "pid", 0), clock);
	else
		*clock = clock_of(c);
	errno = error;
	return error ? -1 : 0;
}

static int create_posix(struct timer *t, int index)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = native_signal(TIMER_SIGNAL),
		.sigev_value.sival_int = index,
	};

	ev._sigev_un._tid = syscall(SYS_gettid);
	block_native(TIMER_SIGNAL, &timer_signals);
	return timer_create(t->due.clock, &ev, &t->posix);
}

/* `native-timer via=timerfd|signal [clock=NAME | pid=PID]`: returns its number. */
static void do_create(const struct command *c)
{
	struct timer *t = &timers[timer_count];
	int ret;

	if (timer_count == TIMERS) {
		fail(c, ENOBUFS);
		return;
	}
	memset(t, 0, sizeof(*t));
	t->is_fd = !strcmp(word(c, "via") ?: "", "timerfd");
	if (clock_in(c, &t->due.clock) < 0) {
		answer(c, -1);
		return;
	}
	if (t->is_fd)
		t->fd = timerfd_create(t->due.clock, TFD_NONBLOCK | TFD_CLOEXEC);
	ret = t->is_fd ? t->fd : create_posix(t, timer_count);
	answer(c, ret < 0 ? -1 : timer_count++);
}

static struct timer *timer_in(const struct command *c)
{
	long id = number(c, "id", 0);

	if (id >= 0 && id < timer_count)
		return &timers[id];
	fail(c, EINVAL);
	return NULL;
}

/* `native-timer-set id=N ...`, as spec_of() has it. */
static void do_set(const struct command *c)
{
	struct timer *t = timer_in(c);
	struct itimerspec its;
	int flags, ret;

	if (!t)
		return;
	its = spec_of(c, t->due.clock, &flags);
	note_due(&t->due, &its, flags);
	if (t->is_fd)
		ret = timerfd_settime(t->fd, flags ? TFD_TIMER_ABSTIME : 0, &its, NULL);
	else
		ret = timer_settime(t->posix, flags, &its, NULL);
	answer(c, ret);
}

/* What is left until it expires, and its interval. */
static void do_get(const struct command *c)
{
	struct timer *t = timer_in(c);
	struct message m = { 0 };
	struct itimerspec its;
	int ret;

	if (!t)
		return;
	ret = t->is_fd ? timerfd_gettime(t->fd, &its) : timer_gettime(t->posix, &its);
	if (ret < 0) {
		answer(c, ret);
		return;
	}
	put_number(&m, "value", to_ns(&its.it_value));
	put_number(&m, "interval", to_ns(&its.it_interval));
	answer_with(c, ret, 0, &m);
}

static void tell_expired(struct told *told, int id, long count)
{
	tell_more(told, "%d:%ld:%ld", id, count, late_by(&timers[id].due, count));
}

static void take_timerfds(struct told *told)
{
	uint64_t count;
	int i;

	for (i = 0; i < timer_count; i++)
		if (timers[i].is_fd && read(timers[i].fd, &count, sizeof(count)) == sizeof(count))
			tell_expired(told, i, count);
}

static void take_signals(struct told *told, bool wait)
{
	static const struct timespec none;
	siginfo_t info;
	int id;

	while ((wait ? sigwaitinfo(&timer_signals, &info) :
		       sigtimedwait(&timer_signals, &info, &none)) > 0) {
		id = info.si_value.sival_int;
		tell_expired(told, id, 1 + timer_getoverrun(timers[id].posix));
		wait = false;
	}
}

/* What has expired; waits for something first, if it is to. Timers of one kind are waited for. */
static int collect(struct told *told, bool wait)
{
	struct pollfd polled[TIMERS];
	int i, n = 0;

	for (i = 0; i < timer_count; i++)
		if (timers[i].is_fd)
			polled[n++] = (struct pollfd){ .fd = timers[i].fd, .events = POLLIN };
	if (n && wait && poll(polled, n, -1) < 0 && errno != EINTR)
		return -1;
	if (n)
		take_timerfds(told);
	if (n < timer_count)
		take_signals(told, wait && !n);
	return 0;
}

/* `native-timer-take [least=N]`: what has expired, each as `id:count:late`. */
static void do_take(const struct command *c)
{
	long least = number(c, "least", 0);
	struct told t = { 0 };

	do {
		if (collect(&t, t.count < least) < 0) {
			answer(c, -1);
			return;
		}
	} while (t.count < least);
	answer_told(c, &t);
}

/* `native-sleep clock=NAME value=NS | ahead=NS`: how much later than due it is over. */
static void do_sleep(const struct command *c)
{
	struct message m = { 0 };
	struct itimerspec its;
	struct due due = { 0 };
	int error, flags;

	if (clock_in(c, &due.clock) < 0) {
		answer(c, -1);
		return;
	}
	its = spec_of(c, due.clock, &flags);
	note_due(&due, &its, flags);
	error = clock_nanosleep(due.clock, flags, &its.it_value, NULL);
	if (error) {
		fail(c, error);
		return;
	}
	put_number(&m, "late", late_by(&due, 1));
	answer_with(c, 0, 0, &m);
}

/* `native-clock clock=NAME reads=N`: its resolution, and whether it ever went back. */
static void do_clock(const struct command *c)
{
	long i, reads = number(c, "reads", 1000), back = 0;
	struct timespec resolution;
	struct message m = { 0 };
	long long last, now;
	clockid_t clock;

	if (clock_in(c, &clock) < 0 || clock_getres(clock, &resolution) < 0) {
		answer(c, -1);
		return;
	}
	last = clock_ns(clock);
	for (i = 0; i < reads; i++, last = now) {
		now = clock_ns(clock);
		back += now < last;
	}
	put_number(&m, "resolution", to_ns(&resolution));
	put_number(&m, "back", back);
	put_number(&m, "now", last);
	answer_with(c, 0, 0, &m);
}

/* `native-spend us=N`: of the calling thread's CPU time. */
static void do_spend(const struct command *c)
{
	spend(number(c, "us", 0));
	answer(c, 0);
}

const struct verb native_timer_verbs[] = {
	{ "native-timer", do_create },
	{ "native-timer-set", do_set },
	{ "native-timer-get", do_get },
	{ "native-timer-take", do_take },
	{ "native-sleep", do_sleep },
	{ "native-clock", do_clock },
	{ "native-spend", do_spend },
	{ }
};
