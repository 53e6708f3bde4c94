// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers, and what their handlers see. Times are in nanoseconds.
 *
 * For each timer that a command arms the probe notes when it is due, by the
 * clock that it goes by: a handler says how much later it runs, which is
 * negative when it was called early.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe.h"

#define SLOTS		4096
#define NSEC_PER_SEC	1000000000L

static struct due timers[SLOTS];

/* Of `timer-many`. */
static struct many {
	long due;
	atomic_int ran;
} *many;
static atomic_long many_ran, many_wrong;
static long many_count, many_least, many_most;

static struct due *timer_of(int id)
{
	return &timers[(unsigned int)id % SLOTS];
}

/* Of the clock that libc knows. */
static clockid_t shown_by(clockid_t clock)
{
	return clock == CLOCK_AEMEVENT ? CLOCK_MONOTONIC : clock;
}

long to_ns(const struct timespec *t)
{
	return t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

struct timespec to_timespec(long ns)
{
	return (struct timespec){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}

static long shown_ns(clockid_t clock)
{
	return clock_ns(shown_by(clock));
}

/* The handler */

static void timer_handler(int id, void *arg)
{
	int overrun = aemPOSIX_timer_getoverrun(id);
	struct due *tm = timer_of(id);
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, id);
	put_number(&m, "arg", (long)arg);
	put_number(&m, "overrun", overrun);
	put_number(&m, "late", late_by(tm, 1 + overrun));
	finish_call(&m, id);
	errno = saved;
}

static void many_handler(int id, void *arg)
{
	struct many *one = &many[(long)arg];
	long late = now_ns() - one->due;
	struct message m = { 0 };

	(void)id;
	if (atomic_fetch_add(&one->ran, 1))
		atomic_fetch_add(&many_wrong, 1);
	if (late < many_least)
		many_least = late;
	if (late > many_most)
		many_most = late;
	if (atomic_fetch_add(&many_ran, 1) + 1 != many_count)
		return;
	put_text(&m, "{");
	put_string(&m, "did", "many");
	send_message(&m);
}

/* Verbs */

/* A clock's number, or its name. */
clockid_t clock_of(const struct command *c)
{
	static const struct {
		const char *name;
		clockid_t clock;
	} clocks[] = {
		{ "aemevent", CLOCK_AEMEVENT },
		{ "monotonic", CLOCK_MONOTONIC },
		{ "realtime", CLOCK_REALTIME },
		{ "boottime", CLOCK_BOOTTIME },
		{ "process-cpu", CLOCK_PROCESS_CPUTIME_ID },
		{ "thread-cpu", CLOCK_THREAD_CPUTIME_ID },
	};
	const char *name = word(c, "clock");
	size_t i;

	for (i = 0; name && i < sizeof(clocks) / sizeof(clocks[0]); i++)
		if (!strcmp(name, clocks[i].name))
			return clocks[i].clock;
	return number(c, "clock", CLOCK_AEMEVENT);
}

static void do_create(const struct command *c)
{
	struct sigevent ev = {
		.sigev_notify = number(c, "notify", SIGEV_AEM),
		.sigev_notify_function = handler_of(c, timer_handler),
		.sigev_value.sival_ptr = (void *)number(c, "arg", 0),
	};
	const char *null = word(c, "null") ?: "";
	struct sigevent *evp = strcmp(null, "event") ? &ev : NULL;
	int id = 0, *idp = strcmp(null, "id") ? &id : NULL;
	clockid_t clock = clock_of(c);
	struct message m = { 0 };
	int ret;

	if (given(c, "flags"))
		ret = aemPOSIX_timer_create_flags(clock, evp, idp, number(c, "flags", 0));
	else
		ret = aemPOSIX_timer_create(clock, evp, idp);
	if (!ret)
		*timer_of(id) = (struct due){ .clock = clock };
	put_number(&m, "id", id);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

static void do_delete(const struct command *c)
{
	answer(c, aemPOSIX_timer_delete(number(c, "id", 0)));
}

static void put_spec(struct message *m, const struct itimerspec *spec)
{
	put_number(m, "value", to_ns(&spec->it_value));
	put_number(m, "interval", to_ns(&spec->it_interval));
}

/*
 * `value=` from now on, `at=` by the clock, or `ahead=` of what it shows; with
 * `interval=`. Or `sec=`, `nsec=`, `isec=` and `insec=` as they are, which may
 * be none.
 */
struct itimerspec spec_of(const struct command *c, clockid_t clock, int *flags)
{
	struct itimerspec spec = {
		.it_interval = to_timespec(number(c, "interval", 0)),
		.it_value = to_timespec(number(c, "value", 0)),
	};

	*flags = 0;
	if (given(c, "at"))
		spec.it_value = to_timespec(number(c, "at", 0));
	if (given(c, "ahead"))
		spec.it_value = to_timespec(shown_ns(clock) + number(c, "ahead", 0));
	if (given(c, "at") || given(c, "ahead"))
		*flags = TIMER_ABSTIME;
	if (given(c, "flags"))
		*flags = number(c, "flags", 0);
	if (given(c, "sec") || given(c, "nsec")) {
		spec.it_value.tv_sec = number(c, "sec", 0);
		spec.it_value.tv_nsec = number(c, "nsec", 0);
	}
	if (given(c, "isec") || given(c, "insec")) {
		spec.it_interval.tv_sec = number(c, "isec", 0);
		spec.it_interval.tv_nsec = number(c, "insec", 0);
	}
	return spec;
}

/* A relative time is over no earlier than the time since before the call. */
void note_due(struct due *tm, const struct itimerspec *spec, int flags)
{
	bool absolute = flags & TIMER_ABSTIME;

	tm->base = !absolute && tm->clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : tm->clock;
	tm->due = to_ns(&spec->it_value) + (absolute ? 0 : shown_ns(tm->base));
	tm->interval = to_ns(&spec->it_interval);
	tm->expirations = 0;
}

long late_by(struct due *tm, long count)
{
	tm->expirations += count;
	return shown_ns(tm->base) - tm->due - (tm->expirations - 1) * tm->interval;
}

/* The old one is told with `old`. */
static void do_set(const struct command *c)
{
	int id = number(c, "id", 0), flags, ret;
	struct due *tm = timer_of(id), before = *tm;
	struct itimerspec spec, old = { 0 };
	const char *null = word(c, "null") ?: "";
	struct message m = { 0 };

	spec = spec_of(c, tm->clock, &flags);
	note_due(tm, &spec, flags);
	ret = aemPOSIX_timer_settime(id, flags, strcmp(null, "value") ? &spec : NULL,
				     given(c, "old") ? &old : NULL);
	if (ret < 0)
		*tm = before;
	put_spec(&m, &old);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

static void do_get(const struct command *c)
{
	const char *null = word(c, "null") ?: "";
	struct itimerspec spec = { 0 };
	struct message m = { 0 };
	int ret;

	ret = aemPOSIX_timer_gettime(number(c, "id", 0), strcmp(null, "value") ? &spec : NULL);
	put_spec(&m, &spec);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

static void do_overrun(const struct command *c)
{
	answer(c, aemPOSIX_timer_getoverrun(number(c, "id", 0)));
}

/* Sets the system's clock by so much. */
static void do_clock_step(const struct command *c)
{
	struct timespec t = to_timespec(shown_ns(CLOCK_REALTIME) + number(c, "by", 0));

	answer(c, clock_settime(CLOCK_REALTIME, &t));
}

/* Keeps the thread busy until the clock has gone on by so much. */
static void do_pass(const struct command *c)
{
	clockid_t clock = clock_of(c);
	long until = shown_ns(clock) + number(c, "value", 0);

	while (shown_ns(clock) < until)
		;
	answer(c, 0);
}

/* Waits until the timer has expired so often, told or not. */
static void do_await(const struct command *c)
{
	struct aem_books books = { 0 };
	long count = number(c, "raised", 1);
	int ret;

	do {
		ret = aemCORE_event_books(number(c, "id", 0), &books);
		sched_yield();
	} while (!ret && (long)books.raised < count);
	answer(c, ret);
}

static int arm_many(const struct command *c, long i, int *id)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_AEM,
		.sigev_notify_function = (void *)many_handler,
		.sigev_value.sival_ptr = (void *)i,
	};
	struct itimerspec spec = { 0 };

	/* Each later than the one before it, so that none expires too soon. */
	many[i].due = now_ns() + number(c, "value", 0);
	spec.it_value = to_timespec(many[i].due);
	return aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, id) ?:
	       aemPOSIX_timer_settime(*id, TIMER_ABSTIME, &spec, NULL);
}

/*
 * Makes and arms `count` timers; when all have expired there is a notice. What
 * it took, the first and the second half of them, is told.
 */
static void do_many(const struct command *c)
{
	long i, count = number(c, "count", 0), began, half = 0;
	struct message m = { 0 };
	int id = 0, first = 0;

	many = calloc(count, sizeof(*many));
	many_count = count;
	many_least = INT64_MAX;
	many_most = INT64_MIN;
	atomic_store(&many_ran, 0);
	began = now_ns();
	for (i = 0; many && i < count && !arm_many(c, i, &id); i++) {
		if (i == count / 2)
			half = now_ns();
		first = first ?: id;
	}
	put_number(&m, "armed", i);
	put_number(&m, "first", first);
	put_number(&m, "last", id);
	put_number(&m, "half", half - began);
	put_number(&m, "rest", now_ns() - half);
	answer_with(c, i == count ? 0 : -1, i == count ? 0 : errno, &m);
}

/* What became of them. */
static void do_many_ran(const struct command *c)
{
	struct message m = { 0 };

	put_number(&m, "ran", atomic_load(&many_ran));
	put_number(&m, "wrong", atomic_load(&many_wrong));
	put_number(&m, "least", many_least);
	put_number(&m, "most", many_most);
	answer_with(c, 0, 0, &m);
}

/* The handler's actions; false for one that is not known here. */
bool act_on_timer(const char *name, int id, long arg, long *ret)
{
	struct itimerspec spec = { .it_value = to_timespec(arg) };

	if (!strcmp(name, "rearm")) {
		note_due(timer_of(id), &spec, 0);
		*ret = aemPOSIX_timer_settime(id, 0, &spec, NULL);
	} else if (!strcmp(name, "disarm")) {
		spec.it_value.tv_sec = 0;
		spec.it_value.tv_nsec = 0;
		*ret = aemPOSIX_timer_settime(arg ?: id, 0, &spec, NULL);
	} else if (!strcmp(name, "delete")) {
		*ret = aemPOSIX_timer_delete(arg ?: id);
	} else {
		return false;
	}
	return true;
}

const struct verb timer_verbs[] = {
	{ "timer-create", do_create },
	{ "timer-delete", do_delete },
	{ "timer-set", do_set },
	{ "timer-get", do_get },
	{ "timer-overrun", do_overrun },
	{ "timer-await", do_await },
	{ "timer-many", do_many },
	{ "timer-many-ran", do_many_ran },
	{ "clock-step", do_clock_step },
	{ "pass", do_pass },
	{ }
};
