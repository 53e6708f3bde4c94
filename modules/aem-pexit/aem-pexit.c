// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-pexit: an event when a process ends.
 *
 * A watch (the event's private part) belongs to a target, and there is one
 * target for all watches of one process, found by its struct pid: a process
 * is its thread group, whatever thread leads it and whatever program it runs.
 *
 * The process-exit activation point is passed with tasklist_lock held and
 * interrupts disabled, so it does little: it takes the target out of the
 * table, notes the status and tells the first watches. However many more
 * there are is left to a work item.
 *
 * Lifetime: a target is counted: one reference for each of its watches, one
 * for being in the table, one for the work item. It holds its struct pid.
 * Being in the table is over when the process has ended or when the last
 * watch has gone.
 *
 * Locking: pexit_lock protects the table, the targets and their lists of
 * watches, and makes "ended" and the lists change together. It is taken in
 * any context, with interrupts disabled, inside tasklist_lock; aem_raise()
 * is called inside it, which keeps the watch from being shut down meanwhile.
 */
#include <linux/aem.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "aem-kernel.h"

/* Watches told in one go with interrupts disabled. */
#define PEXIT_BATCH	64

struct pexit_target {
	struct hlist_node node;
	struct pid *pid;
	unsigned int refs;	/* under pexit_lock */
	bool ended;
	int status;		/* as wait(2) reports it, once ended */
	struct list_head watches;	/* to be told; empty in the end */
	struct work_struct work;
};

struct pexit_watch {
	struct list_head node;	/* on watches until told or shut down */
	struct aem_event *ev;
	struct pexit_target *target;
};

static DEFINE_SPINLOCK(pexit_lock);
static DEFINE_HASHTABLE(pexit_targets, 10);
static struct workqueue_struct *pexit_wq;

static void pexit_target_put(struct pexit_target *target)
{
	if (--target->refs)
		return;
	put_pid(target->pid);
	kfree(target);
}

static struct pexit_target *pexit_target_find(struct pid *pid)
{
	struct pexit_target *target;

	hash_for_each_possible(pexit_targets, target, node, (unsigned long)pid)
		if (target->pid == pid)
			return target;
	return NULL;
}

static void pexit_target_unhash(struct pexit_target *target)
{
	if (hash_hashed(&target->node)) {
		hash_del(&target->node);
		pexit_target_put(target);
	}
}

/* Tells up to a batch of watches; called with the lock held. True: all. */
static bool pexit_tell(struct pexit_target *target)
{
	struct pexit_watch *watch;
	int i;

	for (i = 0; i < PEXIT_BATCH; i++) {
		watch = list_first_entry_or_null(&target->watches,
						 struct pexit_watch, node);
		if (!watch)
			return true;
		list_del_init(&watch->node);
		aem_raise(watch->ev);
	}
	return list_empty(&target->watches);
}

static void pexit_work(struct work_struct *work)
{
	struct pexit_target *target;
	bool done;

	target = container_of(work, struct pexit_target, work);
	do {
		spin_lock_irq(&pexit_lock);
		done = pexit_tell(target);
		if (done)
			pexit_target_put(target);
		spin_unlock_irq(&pexit_lock);
		cond_resched();
	} while (!done);
}

/* The process has ended; called with the lock held, at most once. */
static void pexit_target_end(struct pexit_target *target, int status)
{
	target->ended = true;
	target->status = status;
	if (!pexit_tell(target)) {
		target->refs++;
		queue_work(pexit_wq, &target->work);
	}
	pexit_target_unhash(target);
}

/* The activation point: under tasklist_lock, interrupts disabled. */
static void pexit_process_exit(struct task_struct *leader, int status)
{
	struct pexit_target *target;
	unsigned long flags;

	spin_lock_irqsave(&pexit_lock, flags);
	target = pexit_target_find(task_pid(leader));
	if (target)
		pexit_target_end(target, status);
	spin_unlock_irqrestore(&pexit_lock, flags);
}

/* Puts the watch on the target of @pid, which is @fresh if there is none. */
static void pexit_watch_add(struct pexit_watch *watch, struct pid *pid,
			    struct pexit_target *fresh)
{
	struct pexit_target *target;

	spin_lock_irq(&pexit_lock);
	target = pexit_target_find(pid);
	if (!target) {
		target = fresh;
		target->pid = get_pid(pid);
		target->refs = 1;
		INIT_LIST_HEAD(&target->watches);
		INIT_WORK(&target->work, pexit_work);
		hash_add(pexit_targets, &target->node, (unsigned long)pid);
		fresh = NULL;
	}
	target->refs++;
	watch->target = target;
	list_add_tail(&watch->node, &target->watches);
	spin_unlock_irq(&pexit_lock);
	kfree(fresh);
}

/*
 * A process that ended before the watch was there passed the activation point
 * without being seen. One that ends from now on is seen there; one in between
 * is seen twice, here and there, and told once.
 */
static void pexit_check_ended(struct pexit_target *target,
			      struct task_struct *task)
{
	int status;

	if (!aem_process_ended(target->pid, task, &status))
		return;
	spin_lock_irq(&pexit_lock);
	if (!target->ended)
		pexit_target_end(target, status);
	spin_unlock_irq(&pexit_lock);
}

/*
 * A thread of the process with this id in current's namespace, and its pid,
 * both referenced: one that is reaped meanwhile keeps neither.
 */
static struct task_struct *pexit_get_process(pid_t nr, struct pid **ppid)
{
	struct task_struct *task;
	struct pid *pid;

	rcu_read_lock();
	pid = find_vpid(nr);
	task = pid_task(pid, PIDTYPE_TGID);
	*ppid = task ? get_pid(pid) : NULL;
	if (task)
		get_task_struct(task);
	else
		/* There is such a thread, but it leads no process. */
		task = ERR_PTR(pid_task(pid, PIDTYPE_PID) ? -EINVAL : -ESRCH);
	rcu_read_unlock();
	return task;
}

static int pexit_init(struct aem_event *ev, const void *argp)
{
	struct pexit_watch *watch = aem_event_priv(ev);
	const struct aem_pexit_args *args = argp;
	struct pexit_target *fresh;
	struct task_struct *task;
	struct pid *pid;
	int ret;

	if (args->pid <= 0 || args->pad)
		return -EINVAL;
	task = pexit_get_process(args->pid, &pid);
	if (IS_ERR(task))
		return PTR_ERR(task);
	ret = -EINVAL;
	/* Its own end is what no process can be told. */
	if (same_thread_group(task, current))
		goto put;
	ret = -EPERM;
	if (!ptrace_may_access(task, PTRACE_MODE_READ_REALCREDS))
		goto put;
	ret = -ENOMEM;
	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		goto put;
	watch->ev = ev;
	pexit_watch_add(watch, pid, fresh);
	pexit_check_ended(watch->target, task);
	ret = 0;
put:
	put_pid(pid);
	put_task_struct(task);
	return ret;
}

static int pexit_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct pexit_watch *watch = aem_event_priv(ev);
	struct pexit_target *target = watch->target;

	/* Raised, so it has ended and nothing of it changes any more. */
	d->call.args[1] = pid_nr_ns(target->pid, task_active_pid_ns(current));
	d->call.args[2] = target->status;
	d->last = true;
	return 0;
}

static void pexit_shutdown(struct aem_event *ev)
{
	struct pexit_watch *watch = aem_event_priv(ev);
	struct pexit_target *target = watch->target;

	spin_lock_irq(&pexit_lock);
	list_del_init(&watch->node);
	if (list_empty(&target->watches) && !target->ended)
		pexit_target_unhash(target);
	spin_unlock_irq(&pexit_lock);
}

static void pexit_release(struct aem_event *ev)
{
	struct pexit_watch *watch = aem_event_priv(ev);

	spin_lock_irq(&pexit_lock);
	pexit_target_put(watch->target);
	spin_unlock_irq(&pexit_lock);
}

static struct aem_kind pexit_kind = {
	.owner = THIS_MODULE,
	.name = "pexit",
	.args_size = sizeof(struct aem_pexit_args),
	.priv_size = sizeof(struct pexit_watch),
	.init = pexit_init,
	.construct = pexit_construct,
	.shutdown = pexit_shutdown,
	.release = pexit_release,
};

static int __init pexit_module_init(void)
{
	int ret;

	pexit_wq = alloc_workqueue("aem-pexit", WQ_UNBOUND, 0);
	if (!pexit_wq)
		return -ENOMEM;
	ret = aem_attach_process_exit(pexit_process_exit);
	if (ret)
		goto destroy;
	ret = aem_kind_register(&pexit_kind);
	if (ret)
		goto detach;
	return 0;
detach:
	aem_detach_process_exit(pexit_process_exit);
destroy:
	destroy_workqueue(pexit_wq);
	return ret;
}

static void __exit pexit_module_exit(void)
{
	aem_kind_unregister(&pexit_kind);
	aem_detach_process_exit(pexit_process_exit);
	/* A work item that has told its last watch may still be returning. */
	destroy_workqueue(pexit_wq);
}

module_init(pexit_module_init);
module_exit(pexit_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: process termination");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
