// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers that go by the CPU time of the thread that created them.
 *
 * A perf event, of the thread and of the kernel's own, interrupts when about
 * so much has been used. While the thread does not run it costs nothing, but
 * each time that the thread is scheduled it does, with interrupts off: so a
 * thread has few of them. What it counts is not what the scheduler does, to the
 * nanosecond. So an interrupt is a hint, and construct asks the scheduler,
 * which the program's clock shows, too. What is left then is waited for anew.
 *
 * Contexts: aem_cpu_overflow() runs in hardirq, where the thread runs, and may
 * wake it up: aem-core depends on !PREEMPT_RT.
 *
 * Locking: aem_timer.lock protects `due`, and whoever sets the period up holds
 * it; perf's locks are inside it. aem_cpu_overflow() takes none of ours: an
 * interrupt has the next one put off for good, until the timer is armed again.
 *
 * Lifetime: made by init and freed by release. `perf` goes with shutdown,
 * which waits for an interrupt that is under way. The thread is held, and
 * whoever looks at its time after its end sees what it came to.
 */
#include <linux/err.h>
#include <linux/math.h>
#include <linux/perf_event.h>
#include <linux/sched/cputime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "aem-compat.h"
#include "timer.h"

/* A period that no thread lives to see, and that can be added to a time. */
#define AEM_CPU_NEVER	((u64)(KTIME_MAX / 2))

/* A perf event's memory is charged to nobody: it counts in the quota. */
#define AEM_CPU_EVENTS	DIV_ROUND_UP(sizeof(struct perf_event), AEM_EVENT_COST)

/* Perf events of a thread, anybody's: each costs at every switch. */
#define AEM_CPU_THREAD_MAX	32

struct aem_cpu {
	struct perf_event *perf;
	struct task_struct *thread;
	ktime_t due;
};

static void aem_cpu_overflow(struct perf_event *perf,
			     struct perf_sample_data *data,
			     struct pt_regs *regs)
{
	/* It is read when this returns. */
	perf->hw.sample_period = AEM_CPU_NEVER;
	aem_timer_fire(perf->overflow_handler_context);
}

static struct perf_event *aem_cpu_perf(struct aem_timer *tm)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = AEM_CPU_NEVER,
	};

	return perf_event_create_kernel_counter(&attr, -1, current,
						aem_cpu_overflow, tm);
}

int aem_cpu_init(struct aem_timer *tm)
{
	struct aem_cpu *cpu;
	int ret;

	/* Only the thread itself creates some. */
	if (aem_perf_events() >= AEM_CPU_THREAD_MAX ||
	    !aem_event_charge(tm->ev, AEM_CPU_EVENTS))
		return -EAGAIN;
	cpu = kzalloc(sizeof(*cpu), AEM_GFP);
	if (!cpu) {
		ret = -ENOMEM;
		goto uncharge;
	}
	cpu->perf = aem_cpu_perf(tm);
	if (IS_ERR(cpu->perf)) {
		ret = PTR_ERR(cpu->perf);
		goto free;
	}
	cpu->thread = get_task_struct(current);
	tm->cpu = cpu;
	return 0;
free:
	kfree(cpu);
uncharge:
	aem_event_uncharge(tm->ev, AEM_CPU_EVENTS);
	return ret;
}

ktime_t aem_cpu_now(const struct aem_cpu *cpu)
{
	return task_sched_runtime(cpu->thread);
}

ktime_t aem_cpu_due(const struct aem_cpu *cpu)
{
	return cpu->due;
}

static void aem_cpu_after(struct aem_cpu *cpu, u64 period)
{
	perf_event_period(cpu->perf, clamp_t(u64, period, 1, AEM_CPU_NEVER));
}

/* Of one that is disarmed, or has just fired. */
void aem_cpu_arm(struct aem_timer *tm, ktime_t due)
{
	struct aem_cpu *cpu = tm->cpu;
	ktime_t left = due - aem_cpu_now(cpu);

	cpu->due = due;
	if (left <= 0) {
		/* Its thread may never run again by itself. */
		aem_timer_fire(tm);
		return;
	}
	/* Each switch hides some from perf: it looks before that adds up. */
	if (left > NSEC_PER_MSEC)
		left -= left / 8;
	aem_cpu_after(cpu, left);
}

void aem_cpu_disarm(struct aem_cpu *cpu)
{
	aem_cpu_after(cpu, AEM_CPU_NEVER);
}

void aem_cpu_shutdown(struct aem_cpu *cpu)
{
	perf_event_release_kernel(cpu->perf);
}

void aem_cpu_free(struct aem_timer *tm)
{
	if (!aem_timer_by_cpu(tm))
		return;
	aem_event_uncharge(tm->ev, AEM_CPU_EVENTS);
	put_task_struct(tm->cpu->thread);
	kfree(tm->cpu);
}
