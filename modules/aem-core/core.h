/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of aem-core share.
 *
 * Objects and their lifetime
 *
 *   aem_user   a user's quota. Counted; goes with its last event and context.
 *   aem_space  what one address space has: its vmtable zone. Counted; held by
 *              every open file of /dev/aem-core and every context in it.
 *   aem_task   the context of one thread: its events, its queue, its ring.
 *              Hangs on task_struct.aem from ATTACH until exec or exit;
 *              counted, because its events hold it too. Pins this module.
 *              A handler process has one from its fork on, with the delivery
 *              that it was made for, and the rest when it attaches itself.
 *   aem_slot   a delivery: an event whose handler is to run, runs, or has run
 *              and is not settled. Of the context's, in the order of its
 *              ring's calls, or a handler process's own. Holds the event: when
 *              it is shut down meanwhile, by the reference of its registration.
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
 *   aem_zone.lock      the events that wait for room in the zone.
 *                      Inside aem_task.lock, so with interrupts disabled.
 *   aem_zone.room      the zone's bitmap. Sleeps; nothing inside it.
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
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/restart_block.h>
#include <linux/signal_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "aem-kernel.h"

#define AEM_PRIOS	(AEM_PRIO_MAX + 1)

/* aem_event.state */
#define AEM_EV_ENABLED	BIT(0)	/* started */
#define AEM_EV_QUEUED	BIT(1)	/* on the queue of its priority */
#define AEM_EV_RUNNING	BIT(2)	/* construct to destruct */
#define AEM_EV_DEAD	BIT(3)	/* shut down */
#define AEM_EV_STARVED	BIT(4)	/* waits for room in the zone, on its list */
#define AEM_EV_INIT	BIT(5)	/* its kind knows it */
#define AEM_EV_HELD	BIT(6)	/* while RUNNING, not to be queued */
#define AEM_EV_POSTPONED BIT(7)	/* its handler process could not be made */

struct aem_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int refs;
	unsigned int events;
	unsigned int zone_pages;
};

struct aem_zone {
	spinlock_t lock;	/* starved, frees */
	struct mutex room;	/* used: a long search, so not with the above */
	unsigned long addr;	/* in the process */
	void *kaddr;
	size_t size;
	struct page **pages;
	unsigned int nr_pages;
	struct list_head starved;	/* by aem_event.queue */
	unsigned int frees;	/* counts how often room was given back */
	struct aem_user *user;	/* charged for the pages */
	unsigned long used[];	/* a bit a chunk */
};

struct aem_space {
	struct mm_struct *mm;
	refcount_t ref;
	struct hlist_node node;
	struct mutex lock;	/* zone, mapping, mapped, mapper */
	struct aem_zone *zone;	/* set once; goes with the space */
	struct page **mapping;	/* while these pages are being mapped ... */
	unsigned int mapped;	/* ... so many ... */
	struct task_struct *mapper;	/* ... by this task */
};

/* One delivery. @ev is NULL where there is none. */
struct aem_slot {
	struct aem_event *ev;
	void *data;		/* in the zone */
	u32 len;
	bool last;
	bool recalled;		/* since it was picked; under the owner's lock */
	u8 end;			/* while its batch ends: its call's state */
};

/* How the system call below a level goes on. */
enum aem_resume {
	AEM_RESUME_NOT,		/* by itself, or there is none */
	AEM_RESUME_BLOCK,	/* by the restart block, which sigreturn drops */
	AEM_RESUME_CALL,	/* is made again */
};

struct aem_again {
	unsigned int nr;
	unsigned long args[6];
	ktime_t deadline;		/* KTIME_MAX: none */
};

/*
 * One upcall that has not returned: a dispatcher on the thread's stack, and
 * the batch of calls that it makes. A batch is of one priority, and only a
 * higher one interrupts it, so there is at most one level a priority.
 */
struct aem_level {
	u8 first;			/* its batch: slots ... */
	u8 count;			/* ... of the context */
	u8 prio;			/* of the batch */
	unsigned long top;		/* of its stack: above, it was left */
	bool sig_stack;			/* that is the signal stack */
	sigset_t blocked;		/* when it began: so each handler finds it */
	/* Of the system call below it. It is looked at when it has ended. */
	enum aem_resume resume;
	bool signalled;			/* a signal came since it was interrupted */
	union {
		struct restart_block restart;
		struct aem_again again;
	};
};

struct aem_task {
	spinlock_t lock;	/* of all below, and of the events' state */
	refcount_t ref;
	struct task_struct *task;	/* NULL once released */
	struct aem_space *space;	/* this and the rest: NULL until ATTACH */
	struct aem_user *user;
	struct pid *pid;		/* of its process */
	unsigned long dispatcher;
	unsigned long restorer;
	struct aem_ring *ring;		/* shared with the program: never trusted */
	unsigned long ring_addr;	/* in the program */
	unsigned long stack;		/* an address of its own, in ATTACH */
	struct list_head events;
	u32 pending_mask;		/* a bit a priority with a queue */
	bool kicked;			/* and has not passed the hook since */
	bool looked;			/* kicked to look, and has not yet */
	bool revoked;			/* some call of the ring, not settled yet */
	struct list_head pending[AEM_PRIOS];
	unsigned int keepalive;
	unsigned int ran;		/* handlers, since the last WAIT */
	/* Events whose handler process could not be made: tried again later. */
	struct list_head postponed;
	struct delayed_work retry;
	/* Has it look whether handlers were left; ever more seldom. */
	struct delayed_work look;
	/*
	 * The rest only current touches; depth, a level's prio and a slot's
	 * event under the lock, and others read them under it.
	 */
	unsigned int depth;
	unsigned int used;		/* slots */
	unsigned int patience;		/* looks for the last batch, to a limit */
	/* One more, for the system call that the topmost handler is in. */
	struct aem_level levels[AEM_PRIOS + 1];
	/* The system call that has taken a deadline last, and where. */
	ktime_t deadline;
	unsigned int deadline_nr;
	unsigned long deadline_ip;
	bool resumed;			/* it is to take the one above */
	char *spill;			/* while a message is received */
	struct aem_slot slots[AEM_RING_CALLS];
	/*
	 * The next child: a capsule, or the handler process of a delivery.
	 * While there is one, changed under the lock, no upcall is due.
	 */
	struct aem_task *clone;
	u8 clone_slot;
	u32 clone_id;			/* of the event that was in the slot */
	bool clone_capsule;
	bool capsule_events;		/* the pool is wanted; under the lock */
	unsigned int capsules;		/* made, without a call; under the lock */
	struct list_head idle;		/* those that wait for one; likewise */
	/* For a handler process: the delivery that it was made for. */
	struct aem_slot own;
	bool failed;			/* its program cannot make the call */
	/* For a capsule; the owner's lock protects what it is given. */
	struct aem_task *owner;		/* held */
	struct list_head waiting;	/* on the owner's list of idle ones */
	wait_queue_head_t given;
	const struct cred *cred;	/* the owner's when it was made; held */
	bool served;			/* or dismissed: not counted any more */
	bool dismissed;
	struct aem_call call;
};

/* How a delivery ends. */
enum aem_end {
	AEM_END_RAN,		/* its handler has come to its end */
	AEM_END_BACK,		/* it was not called: the activation is kept */
	AEM_END_NOTHING,	/* there was nothing to tell */
	AEM_END_LATER,		/* no process for it: kept, tried again later */
};

/* main.c */
extern struct workqueue_struct *aem_wq;

/* user.c */
extern unsigned int aem_max_user_events;
extern unsigned int aem_max_user_zone_kb;
void aem_user_init(void);
struct aem_user *aem_user_get(kuid_t uid);
void aem_user_put(struct aem_user *user);
int aem_user_charge(struct aem_user *user, unsigned int events);
void aem_user_uncharge(struct aem_user *user, unsigned int events);
int aem_user_charge_pages(struct aem_user *user, unsigned int pages);
void aem_user_uncharge_pages(struct aem_user *user, unsigned int pages);

/* zone.c */
struct aem_space *aem_space_get(struct mm_struct *mm);
void aem_space_put(struct aem_space *space);
int aem_space_init_zone(struct aem_space *space, struct file *file,
			struct aem_vmtable *table,
			struct aem_vmtable __user *answer);
int aem_space_mmap(struct aem_space *space, struct vm_area_struct *vma);
long aem_space_map(struct aem_space *space, struct file *file,
		   struct page **pages, unsigned int nr, unsigned long addr);
struct aem_zone *aem_space_zone(struct aem_space *space);
void *aem_zone_alloc(struct aem_zone *zone, size_t len);
void aem_zone_free(struct aem_zone *zone, void *data, size_t len);
unsigned int aem_zone_frees(struct aem_zone *zone);
bool aem_zone_starve(struct aem_zone *zone, struct aem_event *ev,
		     unsigned int frees);
void aem_zone_unstarve(struct aem_zone *zone, struct aem_event *ev);

/* kind.c */
struct aem_kind *aem_kind_get(u32 sys_nr);
void aem_kind_put(struct aem_kind *kind);

/* event.c */
int aem_event_register(struct aem_space *space, u32 sys_nr,
		       const void __user *uargs);
int aem_event_control(struct aem_space *space, u32 id, u64 opt, u64 arg);
int aem_event_books(struct aem_space *space, struct aem_books *books);
void aem_events_close(struct aem_kind *kind);
struct aem_event *aem_event_after(unsigned long *id);

/* task.c */
extern unsigned int aem_look_ms;
struct aem_task *aem_task_alloc(void);
int aem_task_attach(struct aem_space *space, struct file *file,
		    struct aem_attach *how);
void aem_task_put(struct aem_task *t);
bool aem_upcall_due(struct aem_task *t);
unsigned int aem_task_serve(struct aem_task *t, unsigned long top,
			    bool *kicked);
int aem_top_pending(struct aem_task *t);
void aem_task_wake(struct aem_task *t);
void aem_task_later(struct aem_task *t, struct delayed_work *work,
		    unsigned int ms);
void aem_task_look_soon(struct aem_task *t);
void aem_task_enqueue(struct aem_task *t, struct aem_event *ev);
void aem_task_dequeue(struct aem_task *t, struct aem_event *ev);
int aem_task_hook(void);
void aem_task_unhook(void);

/* restart.c */
void aem_restart_save(struct aem_task *t, struct aem_level *level);
long aem_restart_resume(void);
void aem_restart_signalled(struct aem_task *t);
ktime_t aem_restart_deadline(ktime_t expires);

/* deliver.c */
bool aem_event_spent(struct aem_event *ev);
void aem_event_keep(struct aem_event *ev);
void aem_slot_end(struct aem_slot *slot, enum aem_end how);
void aem_task_revoke(struct aem_task *t, struct aem_event *ev);
void aem_task_recall(struct aem_task *t, struct aem_event *ev);
void aem_task_settle(struct aem_task *t);
void aem_task_restore_mask(struct aem_task *t);
void aem_level_drop(struct aem_task *t);
void aem_task_unwind_to(struct aem_task *t, unsigned long sp);
void aem_task_unwind(struct aem_task *t);
long aem_task_next(struct aem_task *t);
unsigned int aem_task_push(struct aem_task *t, unsigned long top);
void aem_task_abandon(struct aem_task *t);

/* process.c */
long aem_process_prepare(struct aem_task *t, unsigned long index);
long aem_process_cancel(struct aem_task *t);
long aem_process_adopt(struct aem_task *t, struct file *file);
void aem_process_forked(struct task_struct *child);
void aem_process_end(struct aem_task *t);
bool aem_event_postpone(struct aem_task *t, struct aem_event *ev);
void aem_process_retry(struct work_struct *work);

/* capsule.c */
extern unsigned int aem_capsules;
void aem_capsule_want(struct aem_task *owner);
void aem_capsule_forked(struct aem_task *owner, struct aem_task *capsule,
			struct task_struct *child);
bool aem_capsule_give(struct aem_task *owner, struct aem_slot *slot,
		      const struct aem_call *call);
long aem_capsule_wait(struct aem_task *capsule, struct file *file,
		      struct aem_call __user *ucall);
void aem_capsule_end(struct aem_task *capsule);
void aem_capsules_release(struct aem_task *owner);

/* debugfs.c */
void aem_debugfs_init(void);
void aem_debugfs_exit(void);

/* watch.c */
int aem_watch_init(void);
void aem_watch_exit(void);

/* wait.c */
long aem_wait_signal(void);
long aem_wait_handler(struct aem_task *t, struct aem_wait *wait);
void aem_wait_untold(struct aem_task *t, struct aem_wait *wait, long ret);

#endif /* AEM_CORE_H */
