// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting for events. A handler that runs meanwhile interrupts the sleep as
 * it does any other and the call is restarted; a signal ends it.
 */
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

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

/*
 * How many handlers of @t, which is current's, have run since this was asked
 * last: at least one, or 0 at @deadline, CLOCK_MONOTONIC in ns, negative for
 * none. Only current counts them, so there is nothing to lose between the
 * look at the count and the sleep: the handler interrupts it.
 */
long aem_wait_handler(struct aem_task *t, s64 deadline)
{
	ktime_t until = ns_to_ktime(deadline);
	ktime_t *expires = deadline < 0 ? NULL : &until;
	unsigned int ran;

	for (;;) {
		spin_lock_irq(&t->lock);
		ran = t->ran;
		t->ran = 0;
		spin_unlock_irq(&t->lock);
		if (ran)
			return min_t(unsigned int, ran, INT_MAX);
		if (signal_pending(current))
			return -ERESTARTNOHAND;
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending(current) &&
		    !schedule_hrtimeout(expires, HRTIMER_MODE_ABS)) {
			__set_current_state(TASK_RUNNING);
			return 0;
		}
		__set_current_state(TASK_RUNNING);
	}
}
