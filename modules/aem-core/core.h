/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of aem-core share.
 *
 * Objects and their lifetime
 *
 *   aem_user   a user's quota. Counted; goes with its last event and context.
 *   aem_space  what one address space has: its vmtable zone. Counted; held by
 *              every open file of /dev/aem-core and every context in it.
 *   aem_task   the context of one thread: its events and its queue. Hangs on
 *              task_struct.aem from ATTACH until exec or exit; counted,
 *              because its events hold it too. Pins this module.
 *   aem_event  see aem-kernel.h.
 *
 * Locking
 *
 *   aem_task.lock      everything in the context and the state of its events.
 *                      Taken with interrupts disabled: an event is raised in
 *                      any context. Inside it only the locks that
 *                      aem_kick() takes, those of waking a task up.
 *   aem_kind.gate      held for reading while an event is registered, for
 *                      writing to close the kind. Sleeps.
 *   aem_space.lock     the space's zone pointer. Sleeps.
 *   aem_zone.lock      the zone's bitmap and the events that wait for room.
 *                      Inside aem_task.lock, so with interrupts disabled.
 *   aem_users_lock     the table of users. Process context.
 *   kinds_lock         the table of kinds. Sleeps.
 *
 * Ids are found under RCU. What nests: gate > aem_task.lock > aem_zone.lock,
 * gate > aem_users_lock, and aem_space.lock > mmap_lock of the same process.
 */
#ifndef AEM_CORE_H
#define AEM_CORE_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/restart_block.h>
#include <linux/signal_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "aem-kernel.h"

#define AEM_PRIOS	(AEM_PRIO_MAX + 1)

/*
 * Memory that a program asks for: charged to its control group, and an error
 * to the program, not a victim, where there is none.
 */
#define AEM_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* aem_event.state */
#define AEM_EV_ENABLED	BIT(0)	/* started */
#define AEM_EV_QUEUED	BIT(1)	/* on the queue of its priority */
#define AEM_EV_RUNNING	BIT(2)	/* construct to destruct */
#define AEM_EV_DEAD	BIT(3)	/* shut down */
#define AEM_EV_INIT	BIT(5)	/* its kind knows it */
#define AEM_EV_STARVED	BIT(4)	/* waits for room in the zone, on its list */

struct aem_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int refs;
	unsigned int events;
};

struct aem_zone {
	spinlock_t lock;	/* used, starved */
	unsigned long addr;	/* in the process */
	void *kaddr;
	size_t size;
	struct page **pages;
	unsigned int nr_pages;
	struct list_head starved;	/* by aem_event.queue */
	unsigned long used[];	/* a bit a chunk */
};

struct aem_space {
	struct mm_struct *mm;
	refcount_t ref;
	struct list_head node;
	struct mutex lock;	/* zone, mapping, mapper */
	struct aem_zone *zone;	/* set once; goes with the space */
	struct aem_zone *mapping;	/* while it is being mapped ... */
	struct task_struct *mapper;	/* ... by this task */
};

/*
 * One upcall that has not returned. A higher priority may interrupt a
 * handler, so there is at most one level a priority.
 */
struct aem_level {
	struct aem_event *running;	/* NULL between two handlers */
	void *data;
	u32 len;
	bool last;
	bool has_restart;
	sigset_t blocked;		/* when it began: so each handler finds it */
	/* Of the system call that the upcall interrupted; sigreturn drops it. */
	struct restart_block restart;
};

struct aem_task {
	spinlock_t lock;	/* of all below, and of the events' state */
	refcount_t ref;
	struct task_struct *task;	/* NULL once released */
	struct aem_space *space;
	struct aem_user *user;
	unsigned long dispatcher;
	unsigned long restorer;
	struct list_head events;
	u32 pending_mask;		/* a bit a priority with a queue */
	bool kicked;			/* and has not passed the hook since */
	struct list_head pending[AEM_PRIOS];
	/* The rest only current touches, depth and running under the lock. */
	unsigned int depth;
	unsigned int keepalive;		/* under the lock */
	unsigned int ran;		/* handlers, since the last WAIT */
	struct aem_level levels[AEM_PRIOS];
};

/* user.c */
extern unsigned int aem_max_user_events;
struct aem_user *aem_user_get(kuid_t uid);
void aem_user_put(struct aem_user *user);
int aem_user_charge(struct aem_user *user);
void aem_user_uncharge(struct aem_user *user);

/* zone.c */
struct aem_space *aem_space_get(struct mm_struct *mm);
void aem_space_put(struct aem_space *space);
int aem_space_init_zone(struct aem_space *space, struct file *file,
			struct aem_vmtable *table);
int aem_space_mmap(struct aem_space *space, struct vm_area_struct *vma);
struct aem_zone *aem_space_zone(struct aem_space *space);
void *aem_zone_alloc(struct aem_zone *zone, size_t len);
void aem_zone_free(struct aem_zone *zone, void *data, size_t len);
void aem_zone_starve(struct aem_zone *zone, struct aem_event *ev);
void aem_zone_unstarve(struct aem_zone *zone, struct aem_event *ev);

/* kind.c */
struct aem_kind *aem_kind_get(u32 sys_nr);
void aem_kind_put(struct aem_kind *kind);

/* event.c */
int aem_event_register(struct aem_space *space, u32 sys_nr,
		       const void __user *uargs);
int aem_event_control(struct aem_space *space, u32 id, u64 opt, u64 arg);
void aem_event_shutdown(struct aem_event *ev);
void aem_events_close(struct aem_kind *kind);

/* task.c */
int aem_task_attach(struct aem_space *space, const struct aem_attach *how);
void aem_task_put(struct aem_task *t);
void aem_task_enqueue(struct aem_task *t, struct aem_event *ev);
void aem_task_dequeue(struct aem_task *t, struct aem_event *ev);
long aem_task_next(struct aem_task *t, struct aem_call __user *ucall);
int aem_task_hook(void);
void aem_task_unhook(void);

/* wait.c */
long aem_wait_signal(void);
long aem_wait_handler(struct aem_task *t, s64 deadline);

#endif /* AEM_CORE_H */
