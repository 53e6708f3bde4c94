// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-timer: POSIX timers whose expiration is an event.
 *
 * A timer is the private part of its event. It expires by an hrtimer, or by
 * what cpu.c has for CPU time, which raises the event and stays off. A periodic
 * timer is put on again when its handler is about to be called: by then the
 * expirations that have passed are known, and those that no call stands for are
 * the overrun count. So, however short the interval is and however long the
 * handler takes, there is one interrupt a call, and nothing to be kept but a
 * number.
 *
 * The hrtimers expire in softirq. A program may have very many timers, and
 * have them expire at once: interrupts stay enabled while they are seen to.
 *
 * The clocks are the system's. A relative time on CLOCK_REALTIME is measured
 * by CLOCK_MONOTONIC, because setting the clock does not change how long it
 * is; an absolute one moves with the clock.
 *
 * Contexts: aem_timer_expired() runs in softirq and aem_timer_fire() in any,
 * all else in process context.
 *
 * Locking: aem_timer.lock protects the timer, and whoever cancels or sets up
 * its hrtimer holds it. It sleeps, is taken in process context only, and
 * inside it are the locks of the event's owner and perf's. aem_timer_fire()
 * takes no lock of ours: it only sets `fired`, which is cleared when the
 * hrtimer is known to be off. It may be on its way out then, and raise the
 * event once more: construct finds that nothing has expired.
 *
 * Lifetime: `gone` is set by shutdown, which waits for an expiration that is
 * under way. From then on the hrtimer stays off, and the memory goes with the
 * event.
 */
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/posix-timers.h>
#include <linux/sched.h>
#include <linux/time64.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "timer.h"

static ktime_t aem_timer_now(const struct aem_timer *tm)
{
	switch (tm->base) {
	case CLOCK_THREAD_CPUTIME_ID:
		return aem_cpu_now(tm->cpu);
	case CLOCK_REALTIME:
		return ktime_get_real();
	case CLOCK_BOOTTIME:
		return ktime_get_boottime();
	default:
		return ktime_get();
	}
}

/* From the clock that the caller's time namespace shows to the system's. */
static ktime_t aem_timer_host_time(const struct aem_timer *tm, ktime_t t)
{
	struct timespec64 ahead = { };
	s64 ns;

	if (tm->clock == CLOCK_MONOTONIC)
		timens_add_monotonic(&ahead);
	else if (tm->clock == CLOCK_BOOTTIME)
		timens_add_boottime(&ahead);
	ns = timespec64_to_ns(&ahead);
	if (ns <= 0)
		return ktime_add_safe(t, -ns);
	return t > ns ? t - ns : 0;
}

void aem_timer_fire(struct aem_timer *tm)
{
	WRITE_ONCE(tm->fired, true);
	aem_raise(tm->ev);
}

static enum hrtimer_restart aem_timer_expired(struct hrtimer *hrt)
{
	aem_timer_fire(container_of(hrt, struct aem_timer, hrt));
	return HRTIMER_NORESTART;
}

/* As clock_getcpuclockid() and pthread_getcpuclockid() have them. */
static int aem_timer_cpu_clock(clockid_t clock)
{
	pid_t pid = CPUCLOCK_PID(clock);

	if (CPUCLOCK_WHICH(clock) >= CPUCLOCK_MAX)
		return -EINVAL;
	if (!CPUCLOCK_PERTHREAD(clock) || CPUCLOCK_WHICH(clock) != CPUCLOCK_SCHED)
		return -EOPNOTSUPP;
	if (pid && pid != task_pid_vnr(current))
		return -EOPNOTSUPP;
	return CLOCK_THREAD_CPUTIME_ID;
}

static int aem_timer_clock(s32 clock)
{
	switch (clock) {
	case CLOCK_AEMEVENT:
		return CLOCK_MONOTONIC;
	case CLOCK_MONOTONIC:
	case CLOCK_REALTIME:
	case CLOCK_BOOTTIME:
	case CLOCK_THREAD_CPUTIME_ID:
		return clock;
	case CLOCK_PROCESS_CPUTIME_ID:
		return -EOPNOTSUPP;
	}
	return clock < 0 ? aem_timer_cpu_clock(clock) : -EINVAL;
}

static int aem_timer_init(struct aem_event *ev, const void *argp)
{
	struct aem_timer *tm = aem_event_priv(ev);
	const struct aem_timer_args *args = argp;
	int clock;

	if (args->pad)
		return -EINVAL;
	clock = aem_timer_clock(args->clock);
	if (clock < 0)
		return clock;
	tm->ev = ev;
	tm->clock = clock;
	tm->base = clock;
	tm->cookie = args->cookie;
	mutex_init(&tm->lock);
	if (aem_timer_by_cpu(tm))
		return aem_cpu_init(tm);
	hrtimer_init(&tm->hrt, tm->base, HRTIMER_MODE_ABS_SOFT);
	return 0;
}

static ktime_t aem_timer_due(const struct aem_timer *tm)
{
	if (aem_timer_by_cpu(tm))
		return aem_cpu_due(tm->cpu);
	return hrtimer_get_expires(&tm->hrt);
}

/* Has it expire then. Called with the lock held. */
static void aem_timer_on(struct aem_timer *tm, ktime_t due)
{
	if (aem_timer_by_cpu(tm))
		aem_cpu_arm(tm, due);
	else
		hrtimer_start(&tm->hrt, due, HRTIMER_MODE_ABS_SOFT);
}

/*
 * It has fired: how many times has it expired, and on with it. Called with the
 * lock held.
 */
static u64 aem_timer_count(struct aem_timer *tm)
{
	ktime_t due = aem_timer_due(tm), late = aem_timer_now(tm) - due;
	u64 expirations;

	WRITE_ONCE(tm->fired, false);
	/* Other clocks that show less were set back since. */
	if (aem_timer_by_cpu(tm) && late < 0) {
		if (!tm->gone)
			aem_timer_on(tm, due);
		return 0;
	}
	if (!tm->interval) {
		tm->armed = false;
		return 1;
	}
	expirations = 1 + div64_u64(max_t(ktime_t, late, 0), tm->interval);
	if (!tm->gone)
		aem_timer_on(tm, ktime_add_safe(due, tm->interval * expirations));
	return expirations;
}

static int aem_timer_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct aem_timer *tm = aem_event_priv(ev);
	u64 expirations;

	mutex_lock(&tm->lock);
	expirations = tm->untold;
	if (READ_ONCE(tm->fired))
		expirations += aem_timer_count(tm);
	if (expirations) {
		tm->untold = 0;
		tm->told_before = tm->told;
		tm->told = expirations;
	}
	mutex_unlock(&tm->lock);
	/* It was set anew since it was raised. */
	if (!expirations)
		return -EAGAIN;
	d->call.args[1] = tm->cookie;
	return 0;
}

static void aem_timer_undo(struct aem_event *ev, struct aem_delivery *d)
{
	struct aem_timer *tm = aem_event_priv(ev);

	mutex_lock(&tm->lock);
	tm->untold += tm->told;
	tm->told = tm->told_before;
	mutex_unlock(&tm->lock);
}

static void aem_timer_shutdown(struct aem_event *ev)
{
	struct aem_timer *tm = aem_event_priv(ev);

	mutex_lock(&tm->lock);
	tm->gone = true;
	if (aem_timer_by_cpu(tm))
		aem_cpu_shutdown(tm->cpu);
	else
		hrtimer_cancel(&tm->hrt);
	mutex_unlock(&tm->lock);
}

static void aem_timer_release(struct aem_event *ev)
{
	aem_cpu_free(aem_event_priv(ev));
}

/* Is the next expiration the one after that which has passed? */
static bool aem_timer_passed(const struct aem_timer *tm, ktime_t left)
{
	if (!aem_timer_by_cpu(tm))
		return READ_ONCE(tm->fired);
	/* It may fire before it is due, and be due before it fires. */
	return left <= 0 && (tm->interval || READ_ONCE(tm->fired));
}

/* Until the next expiration; 0 without one. Called with the lock held. */
static ktime_t aem_timer_left(struct aem_timer *tm)
{
	ktime_t left;
	u64 since;

	if (!tm->armed)
		return 0;
	left = ktime_sub(aem_timer_due(tm), aem_timer_now(tm));
	if (aem_timer_passed(tm, left)) {
		if (!tm->interval)
			return 0;
		/* The one after the last that has passed. */
		if (left > 0)
			return ktime_add_safe(left, tm->interval);
		div64_u64_rem(-left, tm->interval, &since);
		left = tm->interval - since;
	}
	/* What is about to expire is not disarmed. */
	return max_t(ktime_t, left, 1);
}

/* Called with the lock held. */
static void aem_timer_look(struct aem_timer *tm, struct aem_timer_spec *spec)
{
	struct timespec64 value = ktime_to_timespec64(aem_timer_left(tm));
	struct timespec64 interval = ktime_to_timespec64(tm->interval);

	spec->interval_sec = interval.tv_sec;
	spec->interval_nsec = interval.tv_nsec;
	spec->value_sec = value.tv_sec;
	spec->value_nsec = value.tv_nsec;
}

/*
 * Whatever it was about to do it does not: nothing that has happened before is
 * told of any more. Called with the lock held.
 */
static void aem_timer_disarm(struct aem_timer *tm)
{
	if (aem_timer_by_cpu(tm))
		aem_cpu_disarm(tm->cpu);
	else
		hrtimer_cancel(&tm->hrt);
	tm->armed = false;
	WRITE_ONCE(tm->fired, false);
	tm->interval = 0;
	tm->untold = 0;
	tm->told = 0;
	tm->told_before = 0;
	aem_event_recall(tm->ev);
}

/* Of a timer that is disarmed. Called with the lock held. */
static void aem_timer_arm(struct aem_timer *tm, ktime_t value, ktime_t interval,
			  bool absolute)
{
	tm->base = tm->clock;
	if (!absolute && tm->clock == CLOCK_REALTIME)
		tm->base = CLOCK_MONOTONIC;
	if (absolute)
		value = aem_timer_host_time(tm, value);
	else
		value = ktime_add_safe(aem_timer_now(tm), value);
	tm->armed = true;
	tm->interval = interval;
	aem_event_start(tm->ev);
	if (!aem_timer_by_cpu(tm)) {
		hrtimer_init(&tm->hrt, tm->base, HRTIMER_MODE_ABS_SOFT);
		tm->hrt.function = aem_timer_expired;
	}
	aem_timer_on(tm, value);
}

/* What is too far away to be told is as far as can be. */
static int aem_timer_read(s64 sec, s64 nsec, ktime_t *t)
{
	if (sec < 0 || nsec < 0 || nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*t = ktime_set(sec, nsec);
	return 0;
}

static int aem_timer_change(struct aem_timer *tm, struct aem_timer_set *set)
{
	struct aem_timer_spec old;
	ktime_t value, interval;
	int ret = -EINVAL;

	if (set->flags & ~TIMER_ABSTIME || set->pad ||
	    aem_timer_read(set->spec.value_sec, set->spec.value_nsec, &value) ||
	    aem_timer_read(set->spec.interval_sec, set->spec.interval_nsec,
			   &interval))
		return -EINVAL;

	mutex_lock(&tm->lock);
	if (!tm->gone) {
		aem_timer_look(tm, &old);
		aem_timer_disarm(tm);
		if (value)
			aem_timer_arm(tm, value, interval,
				      set->flags & TIMER_ABSTIME);
		set->spec = old;
		ret = 0;
	}
	mutex_unlock(&tm->lock);
	return ret;
}

static int aem_timer_settime(struct aem_timer *tm, void __user *arg)
{
	struct aem_timer_set set;
	int ret;

	if (copy_from_user(&set, arg, sizeof(set)))
		return -EFAULT;
	ret = aem_timer_change(tm, &set);
	if (!ret && copy_to_user(arg, &set, sizeof(set)))
		ret = -EFAULT;
	return ret;
}

static int aem_timer_gettime(struct aem_timer *tm, void __user *arg)
{
	struct aem_timer_spec spec;

	mutex_lock(&tm->lock);
	aem_timer_look(tm, &spec);
	mutex_unlock(&tm->lock);
	return copy_to_user(arg, &spec, sizeof(spec)) ? -EFAULT : 0;
}

static int aem_timer_overrun(struct aem_timer *tm)
{
	u64 told;

	mutex_lock(&tm->lock);
	told = tm->told;
	mutex_unlock(&tm->lock);
	/* INT_MAX is DELAYTIMER_MAX. */
	return told ? min_t(u64, told - 1, INT_MAX) : 0;
}

static int aem_timer_control(struct aem_event *ev, u64 opt, u64 arg)
{
	struct aem_timer *tm = aem_event_priv(ev);

	switch (opt) {
	case EVTIMER_SET:
		return aem_timer_settime(tm, u64_to_user_ptr(arg));
	case EVTIMER_GET:
		return aem_timer_gettime(tm, u64_to_user_ptr(arg));
	case EVTIMER_OVERRUN:
		return arg ? -EINVAL : aem_timer_overrun(tm);
	default:
		return -EINVAL;
	}
}

static struct aem_kind aem_timer_kind = {
	.owner = THIS_MODULE,
	.name = "timer",
	.args_size = sizeof(struct aem_timer_args),
	.priv_size = sizeof(struct aem_timer),
	.init = aem_timer_init,
	.construct = aem_timer_construct,
	.undo = aem_timer_undo,
	.shutdown = aem_timer_shutdown,
	.release = aem_timer_release,
	.control = aem_timer_control,
};

static int __init aem_timer_module_init(void)
{
	return aem_kind_register(&aem_timer_kind);
}

static void __exit aem_timer_module_exit(void)
{
	aem_kind_unregister(&aem_timer_kind);
}

module_init(aem_timer_module_init);
module_exit(aem_timer_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: POSIX timers");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
