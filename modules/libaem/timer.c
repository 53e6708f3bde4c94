// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-timer: POSIX timers whose expiration is an event. */
#include <errno.h>
#include <stdint.h>

#include <aem.h>

#include "lib.h"

static struct aem_kind timer = { .module = "timer" };

int aemTimer_init(void)
{
	return aem_kind_init(&timer);
}

int aemPOSIX_timer_create_flags(int clock, struct sigevent *ev, int *id,
				unsigned int flags)
{
	struct aem_timer_args args = {
		.head.size = sizeof(args),
		.head.flags = flags,
		.clock = clock,
	};
	int ret;

	if (!ev || ev->sigev_notify != SIGEV_AEM || !id) {
		errno = EINVAL;
		return -1;
	}
	args.head.handler = (uintptr_t)ev->sigev_notify_function;
	args.cookie = (uintptr_t)ev->sigev_value.sival_ptr;
	ret = aem_kind_entry(&timer, &args);
	if (ret < 0)
		return -1;
	*id = ret;
	return 0;
}

int aemPOSIX_timer_create(int clock, struct sigevent *ev, int *id)
{
	return aemPOSIX_timer_create_flags(clock, ev, id, 0);
}

static int aem_timer_control(int id, unsigned long opt, void *arg)
{
	return aem_evctl(id, opt, (uintptr_t)arg);
}

int aemPOSIX_timer_delete(int id)
{
	/* Of other kinds' events there is none. */
	if (aem_timer_control(id, EVTIMER_OVERRUN, NULL) < 0)
		return -1;
	return aemCORE_event_shutdown(id);
}

static void aem_timer_from(struct itimerspec *value,
			   const struct aem_timer_spec *spec)
{
	value->it_interval.tv_sec = spec->interval_sec;
	value->it_interval.tv_nsec = spec->interval_nsec;
	value->it_value.tv_sec = spec->value_sec;
	value->it_value.tv_nsec = spec->value_nsec;
}

int aemPOSIX_timer_settime(int id, int flags, struct itimerspec *value,
			   struct itimerspec *ovalue)
{
	struct aem_timer_set set = { .flags = flags };

	if (!value) {
		errno = EINVAL;
		return -1;
	}
	set.spec.interval_sec = value->it_interval.tv_sec;
	set.spec.interval_nsec = value->it_interval.tv_nsec;
	set.spec.value_sec = value->it_value.tv_sec;
	set.spec.value_nsec = value->it_value.tv_nsec;
	if (aem_timer_control(id, EVTIMER_SET, &set) < 0)
		return -1;
	if (ovalue)
		aem_timer_from(ovalue, &set.spec);
	return 0;
}

int aemPOSIX_timer_gettime(int id, struct itimerspec *value)
{
	struct aem_timer_spec spec;

	if (!value) {
		errno = EINVAL;
		return -1;
	}
	if (aem_timer_control(id, EVTIMER_GET, &spec) < 0)
		return -1;
	aem_timer_from(value, &spec);
	return 0;
}

int aemPOSIX_timer_getoverrun(int id)
{
	return aem_timer_control(id, EVTIMER_OVERRUN, NULL);
}
