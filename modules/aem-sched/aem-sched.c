// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-sched: the scheduler prefers a task that events wait for.
 *
 * From the moment that aem-core kicks a thread until the thread sees to what
 * it was kicked for, task_struct.aem_raised_on says where that happened. While
 * it does, the fair scheduler asks here:
 *
 *   wake_cpu   on which CPU to wake the task up: where the event was raised,
 *              whose caches have its data. No opinion where it may not run
 *              there, or would wait there for a realtime task.
 *   prefer     whether it may run before the one that runs: if that is an
 *              equal, with no events of its own and no lower nice value.
 *
 * That is all. The scheduler lets a task that is preferred run when it is
 * eligible, so it gets its share sooner and not more of it; tasks of other
 * classes it does not ask about.
 *
 * Contexts: both are called with interrupts off, under the task's pi_lock or
 * a run queue's lock, from whatever raises an event. They look at fields that
 * others write without a lock, at worst to give an answer that was right a
 * moment ago, and take none. They must not sleep, wake anybody up or print.
 *
 * Lifetime: attached from init to exit, where aem_detach_sched() waits for
 * those who are in here. There is no other state than the books, one set a
 * CPU, each written by that CPU with interrupts off.
 */
#include <linux/aem.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "aem-compat.h"

static DEFINE_PER_CPU(unsigned long, sched_steered);
static DEFINE_PER_CPU(unsigned long, sched_preferred);

/* Who wakes @p up is where the event was raised, most often. */
static bool sched_is_urgent_there(int cpu)
{
	return cpu == smp_processor_id() && rt_or_dl_task(current);
}

static int sched_wake_cpu(struct task_struct *p)
{
	int cpu = (int)READ_ONCE(p->aem_raised_on) - 1;

	/* The mask has the task's cpuset in it, and pi_lock keeps it. */
	if (cpu < 0 || !cpumask_test_cpu(cpu, p->cpus_ptr) || !cpu_active(cpu))
		return -1;
	if (sched_is_urgent_there(cpu))
		return -1;
	this_cpu_inc(sched_steered);
	return cpu;
}

static bool sched_prefer(struct task_struct *p, struct task_struct *curr)
{
	if (READ_ONCE(curr->aem_raised_on))
		return false;
	if (task_nice(p) > task_nice(curr))
		return false;
	this_cpu_inc(sched_preferred);
	return true;
}

static const struct aem_sched_ops sched_ops = {
	.wake_cpu = sched_wake_cpu,
	.prefer = sched_prefer,
};

/* The books: parameters that are read only, by root. */
static int sched_show(char *buffer, unsigned long __percpu *book)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(book, cpu));
	return sysfs_emit(buffer, "%lu\n", sum);
}

static int sched_steered_get(char *buffer, const struct kernel_param *kp)
{
	return sched_show(buffer, &sched_steered);
}

static int sched_preferred_get(char *buffer, const struct kernel_param *kp)
{
	return sched_show(buffer, &sched_preferred);
}

static const struct kernel_param_ops sched_steered_ops = {
	.get = sched_steered_get,
};

static const struct kernel_param_ops sched_preferred_ops = {
	.get = sched_preferred_get,
};

module_param_cb(steered, &sched_steered_ops, NULL, 0400);
MODULE_PARM_DESC(steered, "wake-ups on the CPU where the event was raised");
module_param_cb(preferred, &sched_preferred_ops, NULL, 0400);
MODULE_PARM_DESC(preferred, "times a task was preferred to the one that ran");

static int __init sched_module_init(void)
{
	return aem_attach_sched(&sched_ops);
}

static void __exit sched_module_exit(void)
{
	aem_detach_sched(&sched_ops);
}

module_init(sched_module_init);
module_exit(sched_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: affinity of tasks and events");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
