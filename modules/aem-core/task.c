// SPDX-License-Identifier: GPL-2.0-only
/*
 * The context of a thread: its queue of events and the way from there into
 * its handlers.
 *
 *   aem_raise()     any context     puts the event on the queue and, where
 *                                   its handler may run at once, kicks the
 *                                   thread
 *   aem_upcall()    the thread, on  pushes a frame that enters libaem's
 *                   its way to user dispatcher: a new level
 *                   mode
 *   aem_task_next() the dispatcher  ends the handler that ran, fetches the
 *                                   next call; without one the level ends,
 *                                   and the dispatcher returns by sigreturn
 *
 * A level runs the events of a higher priority than the handler below it, in
 * order of priority and then of arrival. An event that is more urgent than
 * the handler that runs interrupts it with a level of its own, so the
 * priorities of the handlers strictly rise and there are at most AEM_PRIOS
 * levels. While a level is between two handlers none is pushed: its
 * dispatcher is about to ask.
 */
#include <linux/aem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/syscall.h>

#include "core.h"
#include "arch.h"

/*
 * The first argument of the dispatcher, which does not use it. The frame
 * needs a valid one; this one does no harm where its default action is taken.
 */
#define AEM_SIGNO	SIGURG

static int aem_top_pending(struct aem_task *t)
{
	return fls(t->pending_mask) - 1;
}

/* May an upcall be pushed now? Called with the lock held. */
static bool aem_upcall_due(struct aem_task *t)
{
	struct aem_event *running;

	if (!t->pending_mask)
		return false;
	if (!t->depth)
		return true;
	running = t->levels[t->depth - 1].running;
	return running && aem_top_pending(t) > running->prio;
}

/*
 * Puts an event on the queue where its state allows. Called with the lock
 * held, in any context.
 */
void aem_task_enqueue(struct aem_task *t, struct aem_event *ev)
{
	u8 blocked = AEM_EV_QUEUED | AEM_EV_RUNNING | AEM_EV_STARVED |
		     AEM_EV_DEAD;

	if (!ev->pending || !(ev->state & AEM_EV_ENABLED) ||
	    (ev->state & blocked) || !t->task)
		return;
	ev->state |= AEM_EV_QUEUED;
	list_add_tail(&ev->queue, &t->pending[ev->prio]);
	t->pending_mask |= BIT(ev->prio);
	if (aem_upcall_due(t)) {
		t->kicked = true;
		aem_kick(t->task);
	}
}

/* Takes an event off the queue, if it is there. Called with the lock held. */
void aem_task_dequeue(struct aem_task *t, struct aem_event *ev)
{
	if (!(ev->state & AEM_EV_QUEUED))
		return;
	ev->state &= ~AEM_EV_QUEUED;
	list_del_init(&ev->queue);
	if (list_empty(&t->pending[ev->prio]))
		t->pending_mask &= ~BIT(ev->prio);
}

/**
 * aem_delivery_data - room for data in the owner's zone
 * @ev: the event
 * @d: of construct
 * @len: bytes, more than 0
 * @addr: where the address goes that the handler is to be given
 *
 * The room is the handler's until destruct has returned.
 *
 * Context: process context of the owner, in construct, once a delivery.
 * Return: the room as the kernel sees it, or NULL: no zone, or none free.
 */
void *aem_delivery_data(struct aem_event *ev, struct aem_delivery *d,
			size_t len, u64 *addr)
{
	struct aem_zone *zone = aem_space_zone(ev->task->space);

	if (!zone || !len || len > zone->size || WARN_ON_ONCE(d->data))
		return NULL;
	d->data = aem_zone_alloc(zone, len);
	if (!d->data)
		return NULL;
	d->len = len;
	*addr = zone->addr + (d->data - zone->kaddr);
	return d->data;
}
EXPORT_SYMBOL_GPL(aem_delivery_data);

void aem_task_put(struct aem_task *t)
{
	if (!refcount_dec_and_test(&t->ref))
		return;
	aem_user_put(t->user);
	aem_space_put(t->space);
	kvfree(t);
	module_put(THIS_MODULE);
}

/**
 * aem_task_attach - give the calling thread a context
 * @space: of current
 * @how: where an upcall enters its program, and what returns from it
 *
 * Context: process, may sleep.
 * Return: 0, also when it has one already; -EFAULT, -ENOMEM.
 */
int aem_task_attach(struct aem_space *space, const struct aem_attach *how)
{
	struct aem_task *t = current->aem;
	unsigned int i;

	if (!access_ok((void __user *)how->dispatcher, 1) ||
	    !access_ok((void __user *)how->restorer, 1) ||
	    !how->dispatcher || !how->restorer)
		return -EFAULT;
	if (t)
		return t->space == space ? 0 : -EINVAL;

	t = kvzalloc(sizeof(*t), AEM_GFP);
	if (!t)
		return -ENOMEM;
	t->user = aem_user_get(current_uid());
	if (!t->user) {
		kvfree(t);
		return -ENOMEM;
	}
	spin_lock_init(&t->lock);
	refcount_set(&t->ref, 1);
	refcount_inc(&space->ref);
	t->space = space;
	t->task = current;
	t->dispatcher = how->dispatcher;
	t->restorer = how->restorer;
	INIT_LIST_HEAD(&t->events);
	for (i = 0; i < AEM_PRIOS; i++)
		INIT_LIST_HEAD(&t->pending[i]);
	/* The open file through which we were called pins us so far. */
	__module_get(THIS_MODULE);
	current->aem = t;
	return 0;
}

/* The handler of this level has come to its end, in whatever way. */
static void aem_level_finish(struct aem_task *t, struct aem_level *level)
{
	struct aem_event *ev = level->running;
	struct aem_delivery d = {
		.data = level->data,
		.len = level->len,
	};

	if (ev->kind->destruct)
		ev->kind->destruct(ev, &d);
	if (level->data)
		aem_zone_free(aem_space_zone(t->space), level->data,
			      level->len);
	level->data = NULL;
	if (level->last || ev->flags & EVF_ONESHOT)
		aem_event_shutdown(ev);

	spin_lock_irq(&t->lock);
	level->running = NULL;
	ev->state &= ~AEM_EV_RUNNING;
	aem_task_enqueue(t, ev);
	spin_unlock_irq(&t->lock);
	aem_event_put(ev);
}

/*
 * There was no room in the zone for the data of this level's event. It waits
 * until another handler of the process has given some back.
 */
static void aem_level_starve(struct aem_task *t, struct aem_level *level)
{
	struct aem_event *ev = level->running;

	spin_lock_irq(&t->lock);
	level->running = NULL;
	ev->state &= ~AEM_EV_RUNNING;
	if (ev->each)
		ev->pending++;
	else
		ev->pending = 1;
	if (!(ev->state & AEM_EV_DEAD))
		aem_zone_starve(aem_space_zone(t->space), ev);
	spin_unlock_irq(&t->lock);
	aem_event_put(ev);
}

static void aem_level_pop(struct aem_task *t)
{
	spin_lock_irq(&t->lock);
	t->depth--;
	spin_unlock_irq(&t->lock);
}

/* The next event of this level, or NULL: then the level has ended. */
static struct aem_event *aem_level_pick(struct aem_task *t,
					struct aem_level *level)
{
	struct aem_event *ev = NULL;
	int floor = -1;
	int top;

	spin_lock_irq(&t->lock);
	top = aem_top_pending(t);
	if (t->depth > 1)
		floor = level[-1].running->prio;
	if (top > floor) {
		ev = list_first_entry(&t->pending[top], struct aem_event, queue);
		aem_task_dequeue(t, ev);
		ev->state |= AEM_EV_RUNNING;
		ev->pending = ev->each ? ev->pending - 1 : 0;
		refcount_inc(&ev->ref);
		level->running = ev;
	} else {
		t->depth--;
	}
	spin_unlock_irq(&t->lock);
	return ev;
}

/* Asks the kind for the call: 0 when there is one. */
static int aem_level_construct(struct aem_task *t, struct aem_level *level,
			       struct aem_delivery *d)
{
	struct aem_event *ev = level->running;
	int ret;

	memset(d, 0, sizeof(*d));
	d->call.handler = ev->handler;
	d->call.eid = ev->id;
	d->call.nargs = 1;
	d->call.args[0] = ev->id;
	ret = ev->kind->construct(ev, d);
	level->data = d->data;
	level->len = d->len;
	level->last = d->last;
	return ret;
}

/**
 * aem_task_next - end the handler that ran and fetch the next call
 * @t: of current
 * @ucall: where the call goes
 *
 * Context: process, may sleep.
 * Return: 1 and the call; 0 when the dispatcher is to return; -EINVAL when
 * it is not the dispatcher that asks, -EFAULT.
 */
long aem_task_next(struct aem_task *t, struct aem_call __user *ucall)
{
	struct aem_level *level;
	struct aem_delivery d;
	int ret;

	if (!t->depth)
		return -EINVAL;
	level = &t->levels[t->depth - 1];
	if (level->running) {
		aem_level_finish(t, level);
		t->ran++;
		/* What that handler did to the mask is not for the next one. */
		if (!sigequalsets(&current->blocked, &level->blocked))
			sigprocmask(SIG_SETMASK, &level->blocked, NULL);
	}
	while (aem_level_pick(t, level)) {
		ret = aem_level_construct(t, level, &d);
		if (ret == -ENOSPC && aem_space_zone(t->space)) {
			aem_level_starve(t, level);
			continue;
		}
		if (!ret && !copy_to_user(ucall, &d.call, sizeof(d.call)))
			return 1;
		/* Nothing to tell, or nobody to be told: no handler ran. */
		aem_level_finish(t, level);
		if (!ret) {
			aem_level_pop(t);
			return -EFAULT;
		}
	}
	return 0;
}

/*
 * An event is not a signal: the system call that it interrupts goes on when
 * the handler has returned. The architecture's signal code does that for
 * -ERESTARTSYS and -ERESTARTNOINTR. The others it would turn into -EINTR.
 * Without a @level no frame is pushed, and only -EINTR needs care.
 */
static void aem_continue_syscall(struct aem_level *level)
{
	struct pt_regs *regs = current_pt_regs();
	int nr = syscall_get_nr(current, regs);

	if (nr == -1)
		return;
	switch (syscall_get_error(current, regs)) {
	case -EINTR:
		/* close() has closed: it is the one that must not go on. */
		if (nr == __NR_close)
			return;
		break;
	case -ERESTARTNOHAND:
		break;
	case -ERESTART_RESTARTBLOCK:
		if (!level)
			return;
		if (aem_arch_restart_by_number(regs)) {
			level->restart = current->restart_block;
			level->has_restart = true;
		}
		break;
	default:
		return;
	}
	syscall_set_return_value(current, regs, -ERESTARTNOINTR, 0);
}

/* The hook in get_signal(). */
static bool aem_task_upcall(struct ksignal *ksig)
{
	struct aem_task *t = current->aem;
	struct aem_level *level = NULL;
	bool kicked;

	spin_lock_irq(&t->lock);
	if (aem_upcall_due(t))
		level = &t->levels[t->depth++];
	kicked = t->kicked;
	t->kicked = false;
	spin_unlock_irq(&t->lock);
	/* Also when what it was kicked for is gone by now. */
	if (kicked)
		aem_continue_syscall(level);
	if (!level)
		return false;

	level->running = NULL;
	level->blocked = current->blocked;

	clear_siginfo(&ksig->info);
	ksig->info.si_signo = AEM_SIGNO;
	ksig->info.si_code = SI_KERNEL;
	ksig->sig = AEM_SIGNO;
	memset(&ksig->ka, 0, sizeof(ksig->ka));
	ksig->ka.sa.sa_handler = (__sighandler_t)t->dispatcher;
	ksig->ka.sa.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER |
			       SA_RESTORER;
	ksig->ka.sa.sa_restorer = (__sigrestore_t)t->restorer;
	return true;
}

/* The hook where TIF_NOTIFY_SIGNAL was cleared for another purpose. */
static bool aem_task_due(void)
{
	struct aem_task *t = current->aem;
	unsigned long flags;
	bool due;

	spin_lock_irqsave(&t->lock, flags);
	due = aem_upcall_due(t);
	spin_unlock_irqrestore(&t->lock, flags);
	return due;
}

/* The hook in restart_syscall(2): what the last upcall here put aside. */
static long aem_task_restart(void)
{
	struct aem_task *t = current->aem;
	struct aem_level *level;

	if (t->depth == AEM_PRIOS)
		return -EINTR;
	level = &t->levels[t->depth];
	if (!level->has_restart)
		return -EINTR;
	level->has_restart = false;
	current->restart_block = level->restart;
	return current->restart_block.fn(&current->restart_block);
}

/* The hook in exec and exit. */
static void aem_task_release(void)
{
	struct aem_task *t = current->aem;
	struct aem_event *ev;

	spin_lock_irq(&t->lock);
	/* From here on nobody kicks. */
	t->task = NULL;
	while (!list_empty(&t->events)) {
		ev = list_first_entry(&t->events, struct aem_event, owned);
		refcount_inc(&ev->ref);
		spin_unlock_irq(&t->lock);
		aem_event_shutdown(ev);
		aem_event_put(ev);
		cond_resched();
		spin_lock_irq(&t->lock);
	}
	spin_unlock_irq(&t->lock);

	/* Handlers that end with their process. */
	while (t->depth) {
		if (t->levels[t->depth - 1].running)
			aem_level_finish(t, &t->levels[t->depth - 1]);
		t->depth--;
	}
	current->aem = NULL;
	aem_task_put(t);
}

static const struct aem_ops aem_task_ops = {
	.owner = THIS_MODULE,
	.upcall = aem_task_upcall,
	.due = aem_task_due,
	.restart = aem_task_restart,
	.release = aem_task_release,
};

int aem_task_hook(void)
{
	return aem_attach(&aem_task_ops);
}

void aem_task_unhook(void)
{
	aem_detach(&aem_task_ops);
}
