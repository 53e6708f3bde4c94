// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handler processes: EVF_FORK. Those made ahead are in capsule.c.
 *
 * The owner's dispatcher finds a call marked FORK. It announces the child
 * (AEM_IOC_FORK) and makes it by fork(2), so that everything that holds for a
 * child holds for this one: limits, control groups, seccomp, ptrace. The
 * delivery moves to the child when it can no longer fail to be made, before
 * it runs: whatever becomes of it, its end is the handler's end. Until then
 * the event is RUNNING and HELD, and what happens meanwhile is pending.
 *
 * Between the announcement and the fork no upcall is due: a handler on top
 * might make a child itself, which would be taken for the announced one.
 *
 * The child's context holds the event, the event its owner's context: so a
 * handler process may outlive its owner and the event's shutdown.
 *
 * What keeps the process from being made, or from being given its call, has
 * the activation tried again later.
 */
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "core.h"

/* Until a handler process that could not be made is tried again. */
#define AEM_RETRY_MS	100

/* Events that are tried again with interrupts off, at a time. */
#define AEM_RETRY_BATCH	64

/*
 * Its process cannot be made: it is tried again later. Called with the lock
 * held. Returns true for one that was shut down: then it is to be put.
 */
bool aem_event_postpone(struct aem_task *t, struct aem_event *ev)
{
	ev->state &= ~(AEM_EV_RUNNING | AEM_EV_HELD);
	aem_task_dequeue(t, ev);
	ev->refused++;
	aem_event_keep(ev);
	if (ev->state & AEM_EV_DEAD)
		return true;
	ev->state |= AEM_EV_POSTPONED;
	list_add_tail(&ev->queue, &t->postponed);
	aem_task_later(t, &t->retry, AEM_RETRY_MS);
	return false;
}

/* The process for a call of the ring cannot be made. */
static void aem_process_put_off(struct aem_task *t, unsigned int index)
{
	WRITE_ONCE(t->ring->calls[index].state, AEM_CALL_NONE);
	aem_slot_end(&t->slots[index], AEM_END_LATER);
}

/**
 * aem_process_prepare - the next child is to be a handler process
 * @t: of current
 * @index: in the ring, of a call marked FORK that its dispatcher has taken; or
 *	AEM_FORK_CAPSULE
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL; -ENOMEM, and the activation is tried again later.
 */
long aem_process_prepare(struct aem_task *t, unsigned long index)
{
	struct aem_event *ev = NULL;
	struct aem_task *clone;

	if (index != AEM_FORK_CAPSULE) {
		if (index >= t->used)
			return -EINVAL;
		index = array_index_nospec(index, AEM_RING_CALLS);
		ev = t->slots[index].ev;
		if (!ev || !(ev->flags & (EVF_FORK | EVF_CAPSULE)))
			return -EINVAL;
	}
	clone = aem_task_alloc();
	if (!clone) {
		if (ev)
			aem_process_put_off(t, index);
		return -ENOMEM;
	}
	/* One that was announced and never made. */
	if (t->clone)
		aem_task_put(t->clone);
	t->clone_capsule = index == AEM_FORK_CAPSULE;
	t->clone_slot = t->clone_capsule ? 0 : index;
	t->clone_id = ev ? ev->id : 0;
	spin_lock_irq(&t->lock);
	t->clone = clone;
	spin_unlock_irq(&t->lock);
	return 0;
}

/* The context of the announced child, if any; upcalls go on. */
static struct aem_task *aem_process_announced(struct aem_task *t)
{
	struct aem_task *clone = t->clone;

	if (!clone)
		return NULL;
	spin_lock_irq(&t->lock);
	t->clone = NULL;
	if (aem_upcall_due(t))
		aem_task_wake(t);
	spin_unlock_irq(&t->lock);
	return clone;
}

/* The delivery it was announced for; NULL when its program ended that since. */
static struct aem_slot *aem_process_slot(struct aem_task *t)
{
	struct aem_slot *slot = &t->slots[t->clone_slot];

	return slot->ev && slot->ev->id == t->clone_id ? slot : NULL;
}

/**
 * aem_process_cancel - the announced child could not be made
 * @t: of current
 *
 * The activation is kept and tried again later.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL when none was announced.
 */
long aem_process_cancel(struct aem_task *t)
{
	struct aem_task *clone = aem_process_announced(t);

	if (!clone)
		return -EINVAL;
	aem_task_put(clone);
	if (!t->clone_capsule && aem_process_slot(t))
		aem_process_put_off(t, t->clone_slot);
	return 0;
}

/* Runs when what was postponed is to be tried again. */
void aem_process_retry(struct work_struct *work)
{
	struct aem_task *t = container_of(to_delayed_work(work),
					  struct aem_task, retry);
	struct aem_event *ev;
	unsigned int n = 0;

	spin_lock_irq(&t->lock);
	while (!list_empty(&t->postponed)) {
		if (++n % AEM_RETRY_BATCH == 0) {
			spin_unlock_irq(&t->lock);
			cond_resched();
			spin_lock_irq(&t->lock);
			continue;
		}
		ev = list_first_entry(&t->postponed, struct aem_event, queue);
		list_del_init(&ev->queue);
		ev->state &= ~AEM_EV_POSTPONED;
		aem_task_enqueue(t, ev);
	}
	spin_unlock_irq(&t->lock);
	aem_task_put(t);
}

/* The hook in fork: current's new child, which has not run. May sleep. */
void aem_process_forked(struct task_struct *child)
{
	struct aem_task *t = current->aem;
	struct aem_task *clone = aem_process_announced(t);
	struct aem_slot *slot;
	struct aem_event *ev;

	if (!clone)
		return;
	if (t->clone_capsule) {
		aem_capsule_forked(t, clone, child);
		return;
	}
	slot = aem_process_slot(t);
	if (!slot) {
		aem_task_put(clone);
		return;
	}
	ev = slot->ev;
	clone->task = child;
	WRITE_ONCE(t->ring->calls[t->clone_slot].state, AEM_CALL_NONE);

	spin_lock_irq(&t->lock);
	clone->own = *slot;
	slot->ev = NULL;
	slot->data = NULL;
	ev->state |= AEM_EV_HELD;
	aem_task_dequeue(t, ev);
	spin_unlock_irq(&t->lock);

	child->aem_nocldwait = !!(ev->flags & (EVF_NOCLDWAIT | EVF_CAPSULE));
	child->aem = clone;
}

/**
 * aem_process_adopt - map the data of a handler process's call
 * @t: of current, a handler process
 * @file: of /dev/aem-core, inherited from its parent
 *
 * The zone is no part of a child's memory. What is the handler's is mapped
 * where its parent has it, which is free because it was not copied.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL, or what mmap says.
 */
long aem_process_adopt(struct aem_task *t, struct file *file)
{
	struct aem_space *space = file->private_data;
	struct aem_zone *zone;
	long addr;

	if (!t->own.ev || t->own.ev->task->space != space)
		return -EINVAL;
	if (!t->own.data)
		return 0;
	zone = aem_space_zone(space);
	mutex_lock(&space->lock);
	addr = aem_space_map(space, file, zone->pages, zone->nr_pages,
			     zone->addr);
	mutex_unlock(&space->lock);
	/* What its program has put there stays, so another try is no better. */
	t->failed = IS_ERR_VALUE(addr) && addr != -EEXIST;
	return IS_ERR_VALUE(addr) ? addr : 0;
}

/* A handler process ends, or runs another program. May sleep. */
void aem_process_end(struct aem_task *t)
{
	struct aem_task *owner;

	if (!t->own.ev)
		return;
	owner = t->own.ev->task;
	refcount_inc(&owner->ref);
	aem_slot_end(&t->own, t->failed ? AEM_END_LATER : AEM_END_RAN);
	/* It may wait for a handler to have run. */
	spin_lock_irq(&owner->lock);
	aem_task_wake(owner);
	spin_unlock_irq(&owner->lock);
	aem_task_put(owner);
}
