// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for events, or for a signal. In aem_wait_signal() a handler that runs
 * meanwhile interrupts the sleep as it does any other and the call is
 * restarted; aem_wait_handler() hands the handlers' calls to its caller.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>

#include "core.h"

/* Sleeps until a signal is delivered. */
long aem_wait_signal(void)
{
	while (!signal_pending(current)) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending(current))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return -ERESTARTNOHAND;
}

/* How many handlers have run since the last time. */
static unsigned int aem_take_ran(struct aem_task *t)
{
	unsigned int ran;

	/* Another process's end may count one more: the next time, then. */
	if (!READ_ONCE(t->ran))
		return 0;
	spin_lock_irq(&t->lock);
	ran = t->ran;
	t->ran = 0;
	spin_unlock_irq(&t->lock);
	return min_t(unsigned int, ran, INT_MAX);
}

/*
 * A kick alone has nothing to be done on the way to user mode but to push an
 * upcall, which this does without a frame. Returns true when there is more.
 */
static bool aem_more_than_kicked(void)
{
	if (task_sigpending(current) || task_work_pending(current))
		return true;
	clear_notify_signal();
	return false;
}

/**
 * aem_wait_handler - wait until handlers have run
 * @t: of current
 * @wait: see there
 *
 * A thread that waits is at rest, so its handlers need no frame on top of it:
 * it is handed the batch. Otherwise this is what an upcall does.
 *
 * Context: process, may sleep.
 * Return: with a batch 0, else how many handlers have run since this was
 * asked last: at least one, or 0 at the deadline; -EINVAL, -ERESTARTNOHAND.
 */
long aem_wait_handler(struct aem_task *t, struct aem_wait *wait)
{
	ktime_t until = ns_to_ktime(wait->deadline);
	ktime_t *expires = wait->deadline < 0 ? NULL : &until;
	unsigned int ran;
	long next;
	bool kicked;

	if (wait->batch) {
		next = aem_task_next(t);
		if (next < 0)
			return next;
		wait->batch = next;
		if (next)
			return 0;
	} else if (t->depth) {
		/*
		 * A level that a call before this one began, and did not end,
		 * has its top here: that call has been left.
		 */
		aem_task_unwind_to(t, wait->frame + 1);
		if (t->depth)
			aem_task_settle(t);
	}
	for (;;) {
		ran = aem_take_ran(t);
		if (ran)
			return ran;
		if (signal_pending(current)) {
			if (aem_more_than_kicked())
				return -ERESTARTNOHAND;
			/* What it was kicked for is seen to below. */
		}
		wait->batch = aem_task_serve(t, wait->frame, &kicked);
		if (wait->batch)
			return 0;
		set_current_state(TASK_INTERRUPTIBLE);
		/* A handler may have run before its kick was taken back. */
		if (!READ_ONCE(t->ran) && !signal_pending(current) &&
		    !schedule_hrtimeout(expires, HRTIMER_MODE_ABS)) {
			__set_current_state(TASK_RUNNING);
			return aem_take_ran(t);
		}
		__set_current_state(TASK_RUNNING);
	}
}

/**
 * aem_wait_untold - the program does not learn what aem_wait_handler() said
 * @t: of current
 * @wait: what would have been told
 * @ret: what it returned
 *
 * The batch is taken back, for an upcall, and so is the count of handlers.
 *
 * Context: process, may sleep.
 */
void aem_wait_untold(struct aem_task *t, struct aem_wait *wait, long ret)
{
	if (ret < 0)
		return;
	if (wait->batch) {
		aem_level_drop(t);
		return;
	}
	spin_lock_irq(&t->lock);
	t->ran += ret;
	spin_unlock_irq(&t->lock);
}
