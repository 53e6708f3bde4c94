// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capsules: handler processes made ahead, for EVF_CAPSULE.
 *
 * A capsule is a child of the owner that waits in AEM_IOC_CAPSULE for a call.
 * It makes one, and its end is the handler's end, as in any handler process.
 * libaem makes capsules, by fork(2), whenever the ring says that the pool is
 * short of some: after a registration, and after each batch. An event for
 * which no capsule waits gets a process made for it, as with EVF_FORK.
 *
 * The program that a capsule runs is its owner's, as it was when the capsule
 * was made. Its rights are not to be more than the owner's: one that was made
 * with other credentials, filters or namespaces than the owner has by now is
 * dismissed when its turn comes. (Not so for a root directory: who changes it
 * without giving up CAP_SYS_CHROOT can change it back.)
 *
 * No capsule is a zombie or sends a SIGCHLD, and those that wait end with
 * their owner.
 *
 * A capsule's context holds its owner's. The owner's list of those that wait
 * does not hold them: each takes itself off, under the owner's lock.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "core.h"

/* Capsules that a thread with EVF_CAPSULE events has waiting: sysctl. */
unsigned int aem_capsules = 2;

/* Called with the owner's lock held. */
static void aem_capsule_count(struct aem_task *owner)
{
	unsigned int wanted = READ_ONCE(aem_capsules);

	if (!owner->capsule_events)
		wanted = 0;
	WRITE_ONCE(owner->ring->refill,
		   wanted > owner->capsules ? wanted - owner->capsules : 0);
}

/* A thread has got its first event with EVF_CAPSULE, or one more. */
void aem_capsule_want(struct aem_task *owner)
{
	spin_lock_irq(&owner->lock);
	owner->capsule_events = true;
	aem_capsule_count(owner);
	spin_unlock_irq(&owner->lock);
}

/* The announced child is a capsule; current is its owner. */
void aem_capsule_forked(struct aem_task *owner, struct aem_task *capsule,
			struct task_struct *child)
{
	refcount_inc(&owner->ref);
	capsule->owner = owner;
	capsule->task = child;
	capsule->cred = get_current_cred();
	spin_lock_irq(&owner->lock);
	owner->capsules++;
	aem_capsule_count(owner);
	spin_unlock_irq(&owner->lock);
	child->aem_nocldwait = 1;
	child->aem = capsule;
}

/*
 * Has its owner, current, still the rights that the capsule was made with? It
 * is on the owner's list, so its task is there and changes nothing itself.
 */
static bool aem_capsule_alike(struct aem_task *capsule)
{
	struct task_struct *task = capsule->task;

	if (capsule->cred != current_cred() || task->nsproxy != current->nsproxy ||
	    task_no_new_privs(task) != task_no_new_privs(current))
		return false;
#ifdef CONFIG_SECCOMP
	if (task->seccomp.mode != current->seccomp.mode ||
	    task->seccomp.filter != current->seccomp.filter)
		return false;
#endif
	return true;
}

/*
 * The next capsule that may be given a call, off the list; others are sent
 * home. Called by the owner with its lock held. Returns NULL when none waits.
 */
static struct aem_task *aem_capsule_take(struct aem_task *owner)
{
	struct aem_task *capsule = NULL;

	while (!capsule && !list_empty(&owner->idle)) {
		capsule = list_first_entry(&owner->idle, struct aem_task,
					   waiting);
		list_del_init(&capsule->waiting);
		capsule->served = true;
		owner->capsules--;
		if (aem_capsule_alike(capsule))
			break;
		capsule->dismissed = true;
		wake_up(&capsule->given);
		capsule = NULL;
	}
	aem_capsule_count(owner);
	return capsule;
}

/*
 * Hands a delivery that has been constructed to a capsule that waits. Called
 * by the owner with its lock held. Returns false when none does.
 */
bool aem_capsule_give(struct aem_task *owner, struct aem_slot *slot,
		      const struct aem_call *call)
{
	struct aem_task *capsule = aem_capsule_take(owner);

	if (!capsule)
		return false;
	capsule->own = *slot;
	capsule->call = *call;
	slot->ev->state |= AEM_EV_HELD;
	aem_task_dequeue(owner, slot->ev);
	slot->ev = NULL;
	slot->data = NULL;
	wake_up(&capsule->given);
	return true;
}

/* It waits no more, whatever for. Called by the capsule. */
static void aem_capsule_leave(struct aem_task *capsule)
{
	struct aem_task *owner = capsule->owner;

	spin_lock_irq(&owner->lock);
	if (!list_empty(&capsule->waiting))
		list_del_init(&capsule->waiting);
	spin_unlock_irq(&owner->lock);
}

static bool aem_capsule_ready(struct aem_task *capsule)
{
	struct aem_task *owner = capsule->owner;
	bool ready;

	spin_lock_irq(&owner->lock);
	ready = capsule->own.ev || capsule->dismissed || !owner->task;
	spin_unlock_irq(&owner->lock);
	return ready;
}

/**
 * aem_capsule_wait - wait for a call
 * @capsule: of current
 * @file: of /dev/aem-core, inherited from its owner
 * @ucall: where the call goes
 *
 * Context: process, may sleep.
 * Return: 0 and the call; -ESRCH when the owner has ended or sends it home,
 * -EINVAL when current is no capsule or has had its call, -EFAULT,
 * -ERESTARTNOINTR: the program does not see this call, so whether it wants its
 * own restarted does not matter.
 */
long aem_capsule_wait(struct aem_task *capsule, struct file *file,
		      struct aem_call __user *ucall)
{
	struct aem_task *owner = capsule->owner;
	long ret;

	if (!owner || capsule->served)
		return -EINVAL;
	spin_lock_irq(&owner->lock);
	if (owner->task && !capsule->own.ev)
		list_add_tail(&capsule->waiting, &owner->idle);
	spin_unlock_irq(&owner->lock);
	ret = wait_event_interruptible(capsule->given,
				       aem_capsule_ready(capsule));
	aem_capsule_leave(capsule);
	/* It may have been given one while a signal came. */
	if (!capsule->own.ev)
		return ret ? -ERESTARTNOINTR : -ESRCH;
	ret = aem_process_adopt(capsule, file);
	if (ret)
		return ret;
	capsule->failed = copy_to_user(ucall, &capsule->call, sizeof(*ucall));
	return capsule->failed ? -EFAULT : 0;
}

/* A capsule ends; it has been taken for a handler process already. */
void aem_capsule_end(struct aem_task *capsule)
{
	struct aem_task *owner = capsule->owner;

	if (!owner)
		return;
	aem_capsule_leave(capsule);
	spin_lock_irq(&owner->lock);
	/* One that was given a call has been counted out. */
	if (!capsule->served && owner->task) {
		owner->capsules--;
		aem_capsule_count(owner);
	}
	spin_unlock_irq(&owner->lock);
	capsule->owner = NULL;
	aem_task_put(owner);
}

/* The owner ends, and with it the capsules that wait. */
void aem_capsules_release(struct aem_task *owner)
{
	struct aem_task *capsule;

	spin_lock_irq(&owner->lock);
	list_for_each_entry(capsule, &owner->idle, waiting)
		wake_up(&capsule->given);
	spin_unlock_irq(&owner->lock);
}
