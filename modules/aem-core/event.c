// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: registered, found, raised, controlled, shut down. The object and
 * its lifetime are described in aem-kernel.h, its locking in core.h.
 *
 * The states of an event, all under the owner's lock:
 *
 *   disabled    not ENABLED. Activations are kept in `pending`.
 *   idle        ENABLED, nothing pending.
 *   waiting     ENABLED | QUEUED, something pending.
 *   running     RUNNING: it has a delivery, whose handler is to run, runs or
 *               has run. It does not nest with itself: what happens meanwhile
 *               is pending, and QUEUED for the next batch. HELD it is not
 *               queued before its delivery has ended: it runs in a process of
 *               its own, or got a priority at which it would interrupt itself.
 *   starved     STARVED: it was to run, but the zone had no room for its data.
 *   postponed   POSTPONED: its handler process could not be made.
 *   dead        shut down. A handler that runs still comes to its end.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "core.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define AEM_FLAGS_PROCESS (EVF_FORK | EVF_CAPSULE)
#define AEM_FLAGS_CORE	(EVF_ONESHOT | EVF_KEEPALIVE | EVF_NOCLDWAIT | \
			 AEM_FLAGS_PROCESS)
#define AEM_FLAGS_NEVER	(EVF_EXCL | EVF_CLONE)

/* All events by id. Cyclic, so that an id is not reused soon. */
static DEFINE_XARRAY_FLAGS(events, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
static u32 last_id;

static void aem_event_free_rcu(struct rcu_head *rcu)
{
	struct aem_event *ev = container_of(rcu, struct aem_event, rcu);

	kmem_cache_free(ev->kind->cache, ev);
}

/**
 * aem_event_put - drop a reference
 * @ev: the event
 *
 * Context: process.
 */
void aem_event_put(struct aem_event *ev)
{
	struct aem_kind *kind = ev->kind;

	if (!refcount_dec_and_test(&ev->ref))
		return;
	if (ev->state & AEM_EV_INIT && kind->release)
		kind->release(ev);
	aem_user_uncharge(ev->task->user, 1);
	aem_task_put(ev->task);
	call_rcu(&ev->rcu, aem_event_free_rcu);
	if (atomic_dec_and_test(&kind->live))
		wake_up_all(&kind->idle);
	module_put(kind->owner);
}
EXPORT_SYMBOL_GPL(aem_event_put);

static struct aem_event *aem_event_find(u32 id)
{
	struct aem_event *ev;

	rcu_read_lock();
	ev = xa_load(&events, id);
	if (ev && !refcount_inc_not_zero(&ev->ref))
		ev = NULL;
	rcu_read_unlock();
	return ev;
}

/**
 * aem_event_get - find an event by id
 * @kind: of which it has to be
 * @id: its id
 *
 * Context: process.
 * Return: the event with a reference, for aem_event_put(), or NULL.
 */
struct aem_event *aem_event_get(struct aem_kind *kind, u32 id)
{
	struct aem_event *ev = aem_event_find(id);

	if (ev && ev->kind != kind) {
		aem_event_put(ev);
		ev = NULL;
	}
	return ev;
}
EXPORT_SYMBOL_GPL(aem_event_get);

/* Who the owner is now, for put_cred(); NULL when it has ended. */
static const struct cred *aem_task_cred(struct aem_task *t)
{
	const struct cred *cred = NULL;

	spin_lock_irq(&t->lock);
	if (t->task)
		cred = get_task_cred(t->task);
	spin_unlock_irq(&t->lock);
	return cred;
}

/* As kill_ok_by_cred() in kernel/signal.c. */
static bool aem_cred_may_signal(const struct cred *owner)
{
	const struct cred *cred = current_cred();

	return uid_eq(cred->euid, owner->suid) ||
	       uid_eq(cred->euid, owner->uid) ||
	       uid_eq(cred->uid, owner->suid) ||
	       uid_eq(cred->uid, owner->uid) ||
	       ns_capable(owner->user_ns, CAP_KILL);
}

/**
 * aem_event_may_signal - may current make this event happen at will?
 * @ev: the event
 *
 * Whoever may send the owner a signal, see kill(2): its user, and who has
 * CAP_KILL in its user namespace; but nobody who cannot see its process.
 *
 * Context: process.
 * Return: true when it may. The event of an owner that ends reaches nobody.
 */
bool aem_event_may_signal(struct aem_event *ev)
{
	const struct cred *owner;
	bool may;

	if (!pid_nr_ns(ev->task->pid, task_active_pid_ns(current)))
		return false;
	owner = aem_task_cred(ev->task);
	if (!owner)
		return true;
	may = aem_cred_may_signal(owner);
	put_cred(owner);
	return may;
}
EXPORT_SYMBOL_GPL(aem_event_may_signal);

/**
 * aem_event_is_mine - is this an event of current's process?
 * @ev: the event
 *
 * Return: true when its owner is in current's address space.
 */
bool aem_event_is_mine(struct aem_event *ev)
{
	return ev->task->space->mm == current->mm;
}
EXPORT_SYMBOL_GPL(aem_event_is_mine);

/**
 * aem_event_zone_size - how much data a handler could be given
 * @ev: the event
 *
 * Return: the size of its process's vmtable in bytes, 0 without one.
 */
size_t aem_event_zone_size(struct aem_event *ev)
{
	struct aem_zone *zone = aem_space_zone(ev->task->space);

	return zone ? zone->size : 0;
}
EXPORT_SYMBOL_GPL(aem_event_zone_size);

/**
 * aem_raise - the event happened
 * @ev: the event
 *
 * An event that is not started keeps it until it is. One that merges its
 * activations runs once for all that came before its handler is called, and
 * once more for all that came since.
 *
 * Context: any, but not under a run-queue lock or the owner's pi_lock.
 * Return: false when the event was shut down, or was to run once and has, so
 * nobody will be told.
 */
bool aem_raise(struct aem_event *ev)
{
	struct aem_task *t = ev->task;
	bool alive, merged;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	alive = !(ev->state & AEM_EV_DEAD);
	if (alive && aem_event_spent(ev))
		alive = false;
	if (alive) {
		merged = ev->pending && (!ev->each || ev->pending == U32_MAX);
		ev->raised++;
		if (merged)
			ev->coalesced++;
		else
			ev->pending++;
		trace_aem_raise(ev->id, t->task ? task_pid_nr(t->task) : 0,
				ev->prio, merged);
		aem_task_enqueue(t, ev);
		/* The handler that it waits for may have been left. */
		if (t->depth && !t->looked) {
			t->looked = true;
			aem_task_wake(t);
		}
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return alive;
}
EXPORT_SYMBOL_GPL(aem_raise);

/**
 * aem_event_charge - count something that is kept for an event in its user's quota
 * @ev: the event
 * @events: as so many events more
 *
 * Context: process.
 * Return: true, or false at the quota.
 */
bool aem_event_charge(struct aem_event *ev, unsigned int events)
{
	return !aem_user_charge(ev->task->user, events);
}
EXPORT_SYMBOL_GPL(aem_event_charge);

/**
 * aem_event_uncharge - it is not kept any more
 * @ev: the event
 * @events: as how many it was counted
 *
 * Context: process.
 */
void aem_event_uncharge(struct aem_event *ev, unsigned int events)
{
	aem_user_uncharge(ev->task->user, events);
}
EXPORT_SYMBOL_GPL(aem_event_uncharge);

/**
 * aem_event_payer - in whose quota is it?
 * @ev: the event
 *
 * Context: any.
 * Return: the user, who does not change while the event lives.
 */
kuid_t aem_event_payer(struct aem_event *ev)
{
	return ev->task->user->uid;
}
EXPORT_SYMBOL_GPL(aem_event_payer);

/**
 * aem_merge - the event happened, which changes nothing for its handler
 * @ev: the event
 *
 * For a kind that delivers each activation and has an equal one that is not
 * delivered yet: the event's books are to balance.
 *
 * Context: any, as aem_raise().
 */
void aem_merge(struct aem_event *ev)
{
	struct aem_task *t = ev->task;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	ev->raised++;
	ev->coalesced++;
	trace_aem_raise(ev->id, t->task ? task_pid_nr(t->task) : 0, ev->prio,
			true);
	spin_unlock_irqrestore(&t->lock, flags);
}
EXPORT_SYMBOL_GPL(aem_merge);

/**
 * aem_refuse - an activation could not be taken
 * @ev: the event
 *
 * For a kind that has no room for what belongs to it, and tells whoever made
 * it happen so: the event's books are to balance.
 *
 * Context: any, as aem_raise().
 */
void aem_refuse(struct aem_event *ev)
{
	struct aem_task *t = ev->task;
	unsigned long flags;

	spin_lock_irqsave(&t->lock, flags);
	ev->refused++;
	spin_unlock_irqrestore(&t->lock, flags);
}
EXPORT_SYMBOL_GPL(aem_refuse);

/* The handler has to be code of the caller's program. */
static int aem_check_handler(unsigned long handler)
{
	struct vm_area_struct *vma;
	int ret = -EFAULT;

	if (!access_ok((void __user *)handler, 1))
		return -EFAULT;
	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	vma = vma_lookup(current->mm, handler);
	if (vma && (vma->vm_flags & VM_EXEC))
		ret = 0;
	mmap_read_unlock(current->mm);
	return ret;
}

static int aem_check_args(struct aem_kind *kind, const struct aem_args *args)
{
	if (args->flags & AEM_FLAGS_NEVER)
		return -EINVAL;
	if (args->flags & ~(AEM_FLAGS_CORE | kind->flags))
		return -EINVAL;
	/* It says something of a handler process. */
	if (args->flags & EVF_NOCLDWAIT && !(args->flags & AEM_FLAGS_PROCESS))
		return -EINVAL;
	return aem_check_handler(args->handler);
}

/* The header first: it says how much more there is. */
static int aem_copy_args(struct aem_kind *kind, struct aem_args *args,
			 const void __user *uargs)
{
	size_t head = sizeof(*args);

	if (copy_from_user(args, uargs, head))
		return -EFAULT;
	if (args->size != kind->args_size)
		return -EINVAL;
	if (copy_from_user((void *)args + head, uargs + head,
			   kind->args_size - head))
		return -EFAULT;
	return 0;
}

/* A new event, charged, with its context and module pinned, unknown yet. */
static struct aem_event *aem_event_alloc(struct aem_kind *kind,
					 struct aem_task *t,
					 const struct aem_args *args)
{
	struct aem_event *ev;
	int ret;

	ret = aem_user_charge(t->user, 1);
	if (ret)
		return ERR_PTR(ret);
	ev = kmem_cache_zalloc(kind->cache, AEM_GFP);
	if (!ev) {
		aem_user_uncharge(t->user, 1);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&ev->queue);
	refcount_inc(&t->ref);
	ev->task = t;
	/* aem_kind_get() pinned the module, so this cannot fail. */
	__module_get(kind->owner);
	atomic_inc(&kind->live);
	ev->kind = kind;
	ev->handler = args->handler;
	ev->flags = args->flags;
	refcount_set(&ev->ref, 1);
	return ev;
}

static void aem_event_publish(struct aem_event *ev)
{
	struct aem_task *t = ev->task;

	aem_event_hold(ev);
	spin_lock_irq(&t->lock);
	ev->state |= AEM_EV_INIT;
	list_add_tail(&ev->owned, &t->events);
	if (ev->flags & EVF_KEEPALIVE)
		t->keepalive++;
	spin_unlock_irq(&t->lock);
	if (ev->flags & EVF_CAPSULE)
		aem_capsule_want(t);
	/* The id is reserved, so storing needs no memory. */
	xa_store(&events, ev->id, ev, GFP_KERNEL);
	if (ev->kind->registered)
		ev->kind->registered(ev);
	aem_event_put(ev);
}

static int aem_event_create(struct aem_kind *kind, struct aem_task *t,
			    const struct aem_args *args)
{
	struct aem_event *ev;
	int ret, id;

	ev = aem_event_alloc(kind, t, args);
	if (IS_ERR(ev))
		return PTR_ERR(ev);
	ret = xa_alloc_cyclic(&events, &ev->id, NULL, XA_LIMIT(1, INT_MAX),
			      &last_id, AEM_GFP);
	if (ret < 0)
		goto put;
	ret = kind->init(ev, args);
	if (ret)
		goto release;
	/* From then on another thread can shut it down. */
	id = ev->id;
	aem_event_publish(ev);
	return id;
release:
	xa_release(&events, ev->id);
put:
	aem_event_put(ev);
	return ret;
}

/**
 * aem_event_register - register an event for the calling thread
 * @space: of current
 * @sys_nr: of its kind
 * @uargs: struct aem_args and what the kind has behind it
 *
 * Context: process, may sleep.
 * Return: the event's id; -EINVAL, -EFAULT, -EAGAIN at the
 * user's quota, -ENOMEM, -ESHUTDOWN when the module is being drained, or what
 * the kind's init says.
 */
int aem_event_register(struct aem_space *space, u32 sys_nr,
		       const void __user *uargs)
{
	u64 buf[AEM_ARGS_MAX / sizeof(u64)] = { };
	struct aem_args *args = (struct aem_args *)buf;
	struct aem_task *t = current->aem;
	struct aem_kind *kind;
	int ret;

	if (!t || !t->ring || t->space != space)
		return -EINVAL;
	kind = aem_kind_get(sys_nr);
	if (!kind)
		return -EINVAL;
	ret = aem_copy_args(kind, args, uargs);
	if (!ret)
		ret = aem_check_args(kind, args);
	if (ret)
		goto out;

	down_read(&kind->gate);
	ret = kind->closed ? -ESHUTDOWN : aem_event_create(kind, t, args);
	up_read(&kind->gate);
out:
	aem_kind_put(kind);
	return ret;
}

/**
 * aem_event_shutdown - end an event for good
 * @ev: the event, referenced by the caller
 *
 * Nothing of it is delivered any more. A handler that runs comes to its end,
 * and keeps the object until then. Safe to be called twice, or at once from
 * two sides.
 *
 * Context: process, may sleep.
 */
void aem_event_shutdown(struct aem_event *ev)
{
	struct aem_task *t = ev->task;
	bool mine, running;

	spin_lock_irq(&t->lock);
	mine = !(ev->state & AEM_EV_DEAD);
	running = ev->state & AEM_EV_RUNNING;
	if (mine) {
		ev->state |= AEM_EV_DEAD;
		aem_task_dequeue(t, ev);
		aem_task_revoke(t, ev);
		if (ev->state & AEM_EV_STARVED)
			aem_zone_unstarve(aem_space_zone(t->space), ev);
		if (ev->state & AEM_EV_POSTPONED) {
			ev->state &= ~AEM_EV_POSTPONED;
			list_del_init(&ev->queue);
		}
		list_del(&ev->owned);
		if (ev->flags & EVF_KEEPALIVE)
			t->keepalive--;
	}
	spin_unlock_irq(&t->lock);
	if (!mine)
		return;

	xa_erase(&events, ev->id);
	ev->kind->shutdown(ev);
	/* Else it is left to its delivery. */
	if (!running)
		aem_event_put(ev);
}
EXPORT_SYMBOL_GPL(aem_event_shutdown);

/*
 * The first event with this id or a higher one, referenced, and its id; NULL
 * when there is none. Process context.
 */
struct aem_event *aem_event_after(unsigned long *id)
{
	struct aem_event *ev;

	for (;;) {
		ev = xa_find(&events, id, ULONG_MAX, XA_PRESENT);
		if (!ev)
			return NULL;
		ev = aem_event_find(*id);
		if (ev)
			return ev;
		(*id)++;
	}
}

/* Shuts all events of a kind down, in whatever process. Process context. */
void aem_events_close(struct aem_kind *kind)
{
	struct aem_event *ev;
	unsigned long id;

	xa_for_each(&events, id, ev) {
		cond_resched();
		ev = aem_event_get(kind, id);
		if (!ev)
			continue;
		aem_event_shutdown(ev);
		aem_event_put(ev);
	}
}

/**
 * aem_event_start - enable an event
 * @ev: the event
 *
 * As its owner does by EVJOBSTART.
 *
 * Context: process.
 */
void aem_event_start(struct aem_event *ev)
{
	struct aem_task *t = ev->task;

	spin_lock_irq(&t->lock);
	ev->state |= AEM_EV_ENABLED;
	aem_task_enqueue(t, ev);
	spin_unlock_irq(&t->lock);
}
EXPORT_SYMBOL_GPL(aem_event_start);

/**
 * aem_event_recall - what construct has prepared is out of date
 * @ev: the event
 *
 * A handler call that was not made yet is undone, and construct asked again.
 *
 * Context: process.
 */
void aem_event_recall(struct aem_event *ev)
{
	struct aem_task *t = ev->task;

	spin_lock_irq(&t->lock);
	aem_task_recall(t, ev);
	spin_unlock_irq(&t->lock);
}
EXPORT_SYMBOL_GPL(aem_event_recall);

static void aem_event_stop(struct aem_event *ev)
{
	struct aem_task *t = ev->task;

	spin_lock_irq(&t->lock);
	ev->state &= ~AEM_EV_ENABLED;
	aem_task_dequeue(t, ev);
	aem_task_revoke(t, ev);
	spin_unlock_irq(&t->lock);
}

static void aem_event_set_prio(struct aem_event *ev, u8 prio)
{
	struct aem_task *t = ev->task;

	spin_lock_irq(&t->lock);
	aem_task_dequeue(t, ev);
	aem_task_revoke(t, ev);
	/* Else it could interrupt itself. */
	if (ev->state & AEM_EV_RUNNING && ev->prio != prio)
		ev->state |= AEM_EV_HELD;
	ev->prio = prio;
	aem_task_enqueue(t, ev);
	spin_unlock_irq(&t->lock);
}

static void aem_event_apply(struct aem_event *ev, u64 opt, u64 arg)
{
	switch (opt) {
	case EVJOBPRIO:
		aem_event_set_prio(ev, arg);
		break;
	case EVJOBSHTDN:
		aem_event_shutdown(ev);
		break;
	case EVJOBSTART:
		aem_event_start(ev);
		break;
	case EVJOBSTOP:
		aem_event_stop(ev);
		break;
	}
}

static int aem_check_opt(u64 opt, u64 arg)
{
	switch (opt) {
	case EVJOBPRIO:
		return arg > AEM_PRIO_MAX ? -EINVAL : 0;
	case EVJOBSHTDN:
	case EVJOBSTART:
	case EVJOBSTOP:
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * Another thread of the process may shut events down meanwhile, so nothing of
 * the list is kept across an operation but a mark: the events registered when
 * it began, which are moved behind the mark one by one.
 */
static int aem_event_control_all(struct aem_task *t, u64 opt, u64 arg)
{
	struct aem_event *ev;
	LIST_HEAD(todo);

	spin_lock_irq(&t->lock);
	list_splice_init(&t->events, &todo);
	while (!list_empty(&todo)) {
		ev = list_first_entry(&todo, struct aem_event, owned);
		list_move_tail(&ev->owned, &t->events);
		/* On the list, so its registration holds it. */
		aem_event_hold(ev);
		spin_unlock_irq(&t->lock);
		aem_event_apply(ev, opt, arg);
		aem_event_put(ev);
		cond_resched();
		spin_lock_irq(&t->lock);
	}
	spin_unlock_irq(&t->lock);
	return 0;
}

/* What is not for every event is for its kind. */
static int aem_event_control_kind(struct aem_event *ev, u64 opt, u64 arg)
{
	return ev->kind->control ? ev->kind->control(ev, opt, arg) : -EINVAL;
}

/**
 * aem_event_control - apply an operation to an event
 * @space: of current
 * @id: of the event, or AEM_EID_ALL for all events of the calling thread
 * @opt: EVJOB*, or an operation of the event's kind
 * @arg: its argument
 *
 * Context: process, may sleep.
 * Return: 0, or what the kind says; -EINVAL for a bad id, operation or
 * argument, -EPERM for an event of another process.
 */
int aem_event_control(struct aem_space *space, u32 id, u64 opt, u64 arg)
{
	bool of_kind = opt >= EVJOBKIND && id != AEM_EID_ALL;
	struct aem_event *ev;
	int ret;

	ret = of_kind ? 0 : aem_check_opt(opt, arg);
	if (ret)
		return ret;
	if (id == AEM_EID_ALL)
		return current->aem && current->aem->ring ?
			aem_event_control_all(current->aem, opt, arg) : 0;
	ev = aem_event_find(id);
	if (!ev)
		return -EINVAL;
	if (ev->task->space != space)
		ret = -EPERM;
	else if (of_kind)
		ret = aem_event_control_kind(ev, opt, arg);
	else
		aem_event_apply(ev, opt, arg);
	aem_event_put(ev);
	return ret;
}

/**
 * aem_event_books - what became of an event's activations
 * @space: of current
 * @books: the event's id, and where the answer goes
 *
 * Context: process.
 * Return: 0; -EINVAL for a bad id, -EPERM for an event of another process.
 */
int aem_event_books(struct aem_space *space, struct aem_books *books)
{
	struct aem_event *ev = aem_event_find(books->eid);
	int ret = -EPERM;

	if (!ev)
		return -EINVAL;
	if (ev->task->space == space) {
		spin_lock_irq(&ev->task->lock);
		books->pending = ev->pending;
		books->raised = ev->raised;
		books->delivered = ev->delivered;
		books->coalesced = ev->coalesced;
		books->refused = ev->refused;
		spin_unlock_irq(&ev->task->lock);
		ret = 0;
	}
	aem_event_put(ev);
	return ret;
}
