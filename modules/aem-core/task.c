// SPDX-License-Identifier: GPL-2.0-only
/*
 * The context of a thread: its queue of events, and the hooks that the kernel
 * calls for it.
 *
 *   aem_raise()     any context     puts the event on the queue and, where
 *                                   its handler may run at once, kicks the
 *                                   thread
 *   aem_upcall()    the thread, on  pushes a frame that enters libaem's
 *                   its way to user dispatcher, with a batch of calls: a new
 *                   mode            level, see deliver.c
 *
 * A level runs the events of a higher priority than the handler below it, in
 * order of priority and then of arrival. An event that is more urgent than
 * the batch that runs interrupts it with a level of its own, so the
 * priorities of the levels strictly rise and there are at most AEM_PRIOS of
 * them.
 */
#include <linux/aem.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"

/*
 * The first argument of the dispatcher, which does not use it. The frame
 * needs a valid one; this one does no harm where its default action is taken.
 */
#define AEM_SIGNO	SIGURG

/* What the smallest signal frame takes, with its red zone. */
#define AEM_FRAME_MIN	1024

/* Until it is looked whether a handler was left; then twice as long, ... */
unsigned int aem_look_ms = 100;
#define AEM_LOOK_DOUBLINGS	6

int aem_top_pending(struct aem_task *t)
{
	return fls(t->pending_mask) - 1;
}

/* May an upcall be pushed now? Called with the lock held. */
bool aem_upcall_due(struct aem_task *t)
{
	/* The next child is announced: nobody is to come in between. */
	if (!t->pending_mask || t->clone)
		return false;
	if (!t->depth)
		return true;
	/* The levels' priorities rise, so this says the same once more. */
	if (WARN_ON_ONCE(t->depth > AEM_PRIOS))
		return false;
	return aem_top_pending(t) > t->levels[t->depth - 1].prio;
}

/* Has the thread pass the hook. Called with the lock held, in any context. */
void aem_task_wake(struct aem_task *t)
{
	if (!t->task)
		return;
	t->kicked = true;
	aem_kick(t->task);
}

/*
 * Puts an event on the queue where its state allows. Called with the lock
 * held, in any context.
 */
void aem_task_enqueue(struct aem_task *t, struct aem_event *ev)
{
	u8 blocked = AEM_EV_QUEUED | AEM_EV_HELD | AEM_EV_STARVED |
		     AEM_EV_POSTPONED | AEM_EV_DEAD;

	if (!ev->pending || !(ev->state & AEM_EV_ENABLED) ||
	    (ev->state & blocked) || !t->task)
		return;
	ev->state |= AEM_EV_QUEUED;
	list_add_tail(&ev->queue, &t->pending[ev->prio]);
	t->pending_mask |= BIT(ev->prio);
	if (aem_upcall_due(t))
		aem_task_wake(t);
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

/* Has @work run later, if it is not to already. It holds the context. */
void aem_task_later(struct aem_task *t, struct delayed_work *work,
		    unsigned int ms)
{
	refcount_inc(&t->ref);
	if (!queue_delayed_work(aem_wq, work, msecs_to_jiffies(ms)))
		refcount_dec(&t->ref);
}

/* Has @work not run any more. May sleep. */
static void aem_task_forget(struct aem_task *t, struct delayed_work *work)
{
	if (cancel_delayed_work_sync(work))
		refcount_dec(&t->ref);
}

/* The work: passing the hook it finds out. */
static void aem_task_look(struct work_struct *work)
{
	struct aem_task *t = container_of(to_delayed_work(work),
					  struct aem_task, look);

	spin_lock_irq(&t->lock);
	if (t->depth) {
		/* So that a wait for io_uring ends for it, too. */
		t->looked = true;
		aem_task_wake(t);
	}
	spin_unlock_irq(&t->lock);
	aem_task_put(t);
}

/*
 * Nothing tells the kernel that a handler was left, or that its dispatcher was
 * kept from asking for more; and what waits for it wakes nobody: look again.
 */
static void aem_task_look_later(struct aem_task *t)
{
	if (delayed_work_pending(&t->look))
		return;
	aem_task_later(t, &t->look, READ_ONCE(aem_look_ms) << t->patience);
	if (t->patience < AEM_LOOK_DOUBLINGS)
		t->patience++;
}

/**
 * aem_task_look_soon - there is a new batch: look whether it is left
 * @t: of current
 *
 * Context: process.
 */
void aem_task_look_soon(struct aem_task *t)
{
	if (t->patience == 1 && delayed_work_pending(&t->look))
		return;
	t->patience = 1;
	refcount_inc(&t->ref);
	if (mod_delayed_work(aem_wq, &t->look, msecs_to_jiffies(READ_ONCE(aem_look_ms))))
		refcount_dec(&t->ref);
}

void aem_task_put(struct aem_task *t)
{
	if (!refcount_dec_and_test(&t->ref))
		return;
	/* A mapping that is left has its own references. */
	if (t->ring)
		free_pages_exact(t->ring, sizeof(*t->ring));
	put_pid(t->pid);
	if (t->user)
		aem_user_put(t->user);
	if (t->space)
		aem_space_put(t->space);
	if (t->cred)
		put_cred(t->cred);
	kvfree(t);
	module_put(THIS_MODULE);
}

/* A context that nothing has been attached to. Returns NULL without memory. */
struct aem_task *aem_task_alloc(void)
{
	struct aem_task *t;
	unsigned int i;

	t = kvzalloc(sizeof(*t), AEM_GFP);
	if (!t)
		return NULL;
	spin_lock_init(&t->lock);
	refcount_set(&t->ref, 1);
	INIT_LIST_HEAD(&t->events);
	INIT_LIST_HEAD(&t->postponed);
	INIT_LIST_HEAD(&t->idle);
	INIT_LIST_HEAD(&t->waiting);
	init_waitqueue_head(&t->given);
	INIT_DELAYED_WORK(&t->retry, aem_process_retry);
	INIT_DELAYED_WORK(&t->look, aem_task_look);
	for (i = 0; i < AEM_PRIOS; i++)
		INIT_LIST_HEAD(&t->pending[i]);
	/* The open file through which we were called pins us so far. */
	__module_get(THIS_MODULE);
	return t;
}

/* Makes the ring and maps it into current. */
static int aem_task_map_ring(struct aem_task *t, struct file *file)
{
	struct page *pages[DIV_ROUND_UP(sizeof(struct aem_ring), PAGE_SIZE)];
	struct aem_ring *ring;
	unsigned int i;
	long addr;

	BUILD_BUG_ON(sizeof(struct aem_ring) % 4096);
	ring = alloc_pages_exact(sizeof(*ring), AEM_GFP | __GFP_ZERO);
	if (!ring)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = virt_to_page((void *)ring + i * PAGE_SIZE);
	mutex_lock(&t->space->lock);
	addr = aem_space_map(t->space, file, pages, ARRAY_SIZE(pages), 0);
	mutex_unlock(&t->space->lock);
	if (IS_ERR_VALUE(addr)) {
		free_pages_exact(ring, sizeof(*ring));
		return addr;
	}
	t->ring_addr = addr;
	t->ring = ring;
	return 0;
}

/*
 * A thread that ends leaves no mapping behind in its process, unless the
 * program has put something else there.
 */
static void aem_task_unmap_ring(struct aem_task *t)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool ours;

	if (!t->ring || mm != t->space->mm || atomic_read(&mm->mm_users) < 2 ||
	    mmap_read_lock_killable(mm))
		return;
	vma = vma_lookup(mm, t->ring_addr);
	ours = vma && vma->vm_start == t->ring_addr && vma->vm_file &&
	       vma->vm_end - vma->vm_start == sizeof(*t->ring) &&
	       vma->vm_file->private_data == t->space;
	mmap_read_unlock(mm);
	if (ours)
		vm_munmap(t->ring_addr, sizeof(*t->ring));
}

/**
 * aem_task_attach - give the calling thread a context
 * @space: of current
 * @file: an open file of /dev/aem-core in @space
 * @how: where an upcall enters its program, what returns from it, and out:
 *	where its ring is
 *
 * Context: process, may sleep.
 * Return: 0, also when it has one already; -EFAULT, -ENOMEM.
 */
int aem_task_attach(struct aem_space *space, struct file *file,
		    struct aem_attach *how)
{
	struct aem_task *t = current->aem;
	bool fresh = !t;
	int ret;

	if (!access_ok((void __user *)how->dispatcher, 1) ||
	    !access_ok((void __user *)how->restorer, 1) ||
	    !how->dispatcher || !how->restorer)
		return -EFAULT;
	if (t && t->ring) {
		how->ring = t->ring_addr;
		return t->space == space ? 0 : -EINVAL;
	}
	if (fresh)
		t = aem_task_alloc();
	if (!t)
		return -ENOMEM;
	if (!t->user)
		t->user = aem_user_get(current_uid());
	if (!t->pid)
		t->pid = get_task_pid(current, PIDTYPE_TGID);
	if (!t->space) {
		refcount_inc(&space->ref);
		t->space = space;
	}
	ret = t->user ? aem_task_map_ring(t, file) : -ENOMEM;
	if (ret) {
		if (fresh)
			aem_task_put(t);
		return ret;
	}
	t->task = current;
	t->dispatcher = how->dispatcher;
	t->restorer = how->restorer;
	t->stack = user_stack_pointer(current_pt_regs());
	how->ring = t->ring_addr;
	current->aem = t;
	return 0;
}

/**
 * aem_task_serve - begin a level where one is due
 * @t: of current
 * @top: of what its dispatcher has on the stack
 * @kicked: out: whether it was kicked since the last time
 *
 * Context: process, may sleep.
 * Return: where the level's first batch is, or 0.
 */
unsigned int aem_task_serve(struct aem_task *t, unsigned long top,
			    bool *kicked)
{
	unsigned int batch = 0;
	bool due;

	if (READ_ONCE(t->revoked))
		aem_task_settle(t);
	spin_lock_irq(&t->lock);
	due = aem_upcall_due(t);
	*kicked = t->kicked;
	t->kicked = false;
	aem_kick_seen();
	/* It was too early, perhaps: the next event has it look again. */
	t->looked = false;
	spin_unlock_irq(&t->lock);
	if (due)
		batch = aem_task_push(t, top);
	/* What waits behind a handler, now or later, may wake nobody. */
	if (t->depth)
		aem_task_look_later(t);
	return batch;
}

/*
 * The hook where TIF_NOTIFY_SIGNAL was cleared for another purpose, or where
 * current must not sleep on: has it been kicked for what was not seen to yet?
 */
static bool aem_task_due(void)
{
	struct aem_task *t = current->aem;
	unsigned long flags;
	bool due;

	spin_lock_irqsave(&t->lock, flags);
	due = t->kicked &&
	      (t->looked || t->revoked || aem_upcall_due(t));
	spin_unlock_irqrestore(&t->lock, flags);
	return due;
}

/*
 * The hook where a signal is delivered. Whether handlers were left is seen
 * before its frame is pushed, which hides it.
 */
static void aem_task_signalled(void)
{
	struct aem_task *t = current->aem;

	aem_task_unwind(t);
	aem_restart_signalled(t);
}

/*
 * sigsuspend(), ppoll() and the like wait with a mask of their own. A handler
 * has the program's: a signal that they wait for stays pending and ends the
 * call when it goes on.
 */
static void aem_task_program_mask(struct aem_task *t)
{
	bool due;

	spin_lock_irq(&t->lock);
	due = aem_upcall_due(t);
	spin_unlock_irq(&t->lock);
	if (due && test_and_clear_restore_sigmask())
		sigprocmask(SIG_SETMASK, &current->saved_sigmask, NULL);
}

/* The hook in get_signal(). */
static bool aem_task_upcall(struct ksignal *ksig)
{
	struct aem_task *t = current->aem;
	struct aem_level *level = NULL;
	unsigned int batch;
	bool kicked;

	if (t->depth)
		aem_task_unwind(t);
	if (test_restore_sigmask())
		aem_task_program_mask(t);
	batch = aem_task_serve(t, user_stack_pointer(current_pt_regs()) -
				  AEM_FRAME_MIN, &kicked);
	if (batch)
		level = &t->levels[t->depth - 1];
	/* Also when what it was kicked for is gone by now. */
	if (kicked)
		aem_restart_save(t, level);
	if (!level)
		return false;

	clear_siginfo(&ksig->info);
	ksig->info.si_signo = AEM_SIGNO;
	ksig->info.si_code = SI_KERNEL;
	ksig->info.si_int = batch;
	ksig->sig = AEM_SIGNO;
	memset(&ksig->ka, 0, sizeof(ksig->ka));
	ksig->ka.sa.sa_handler = (__sighandler_t)t->dispatcher;
	ksig->ka.sa.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER |
			       SA_RESTORER;
	ksig->ka.sa.sa_restorer = (__sigrestore_t)t->restorer;
	return true;
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
		aem_event_hold(ev);
		spin_unlock_irq(&t->lock);
		aem_event_shutdown(ev);
		aem_event_put(ev);
		cond_resched();
		spin_lock_irq(&t->lock);
	}
	spin_unlock_irq(&t->lock);

	aem_task_forget(t, &t->retry);
	aem_task_forget(t, &t->look);
	/* Handlers that end with their process. */
	if (t->clone)
		aem_task_put(t->clone);
	t->clone = NULL;
	aem_task_abandon(t);
	aem_capsules_release(t);
	aem_process_end(t);
	aem_capsule_end(t);
	aem_task_unmap_ring(t);
	current->aem = NULL;
	aem_task_put(t);
}

/* The hook where current's signal mask changes: under siglock. */
static void aem_task_blocked(void)
{
	struct aem_task *t = current->aem;

	if (t->depth)
		WRITE_ONCE(t->ring->attention, 1);
}

static const struct aem_ops aem_task_ops = {
	.owner = THIS_MODULE,
	.upcall = aem_task_upcall,
	.due = aem_task_due,
	.restart = aem_restart_resume,
	.release = aem_task_release,
	.forked = aem_process_forked,
	.blocked = aem_task_blocked,
	.signalled = aem_task_signalled,
	.deadline = aem_restart_deadline,
};

int aem_task_hook(void)
{
	return aem_attach(&aem_task_ops);
}

void aem_task_unhook(void)
{
	aem_detach(&aem_task_ops);
}
