/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers, and what has those of CPU time expire. */
#ifndef AEM_TIMER_H
#define AEM_TIMER_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/time.h>
#include <linux/types.h>

#include "aem-kernel.h"

struct aem_cpu;

struct aem_timer {
	union {
		struct hrtimer hrt;
		struct aem_cpu *cpu;	/* of one by CPU time */
	};
	struct aem_event *ev;
	struct mutex lock;	/* of all but `fired` */
	u64 cookie;
	ktime_t interval;	/* 0: it expires once */
	u64 untold;	/* expirations counted, of which no handler was told */
	u64 told;	/* those that the last call stands for; 0 without one */
	u64 told_before;	/* and the one before it, should that be undone */
	clockid_t clock;
	clockid_t base;		/* by which the hrtimer goes */
	bool armed;		/* once more at least, `fired` included */
	bool fired;		/* and construct has not counted it yet */
	bool gone;
};

static inline bool aem_timer_by_cpu(const struct aem_timer *tm)
{
	return tm->clock == CLOCK_THREAD_CPUTIME_ID;
}

/* main.c; any context */
void aem_timer_fire(struct aem_timer *tm);

/*
 * cpu.c; process context. All but the first two and the last are called with
 * the timer's lock held.
 */
int aem_cpu_init(struct aem_timer *tm);
ktime_t aem_cpu_now(const struct aem_cpu *cpu);
ktime_t aem_cpu_due(const struct aem_cpu *cpu);
void aem_cpu_arm(struct aem_timer *tm, ktime_t due);
void aem_cpu_disarm(struct aem_cpu *cpu);
void aem_cpu_shutdown(struct aem_cpu *cpu);
void aem_cpu_free(struct aem_timer *tm);

#endif
