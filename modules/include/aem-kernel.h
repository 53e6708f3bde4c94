/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between aem-core and the event modules.
 *
 * An event module fills in a struct aem_kind and registers it. aem-core makes
 * /dev/aem-<name>, hands out the event ids, keeps the events, their queue and
 * their life cycle, and calls the kind back:
 *
 *	init		an event is being registered
 *	registered	it is known by its id
 *	  aem_raise()	  the module: it happened
 *	construct	right before the handler: what are its arguments?
 *	  the handler runs in user mode
 *	destruct	right after it
 *	undo		or instead of it: the handler was not called after all
 *	shutdown	the event ends: raise it no more
 *	release		its last handler has returned: free what hangs on it
 *
 * Lifetime: an event holds a reference on its module from init to the end of
 * its last handler, so none of the callbacks can outlive the module. The
 * module's private part lives and dies with the event. aem_raise() may be
 * called from init until shutdown returns, or with a reference held.
 */
#ifndef AEM_KERNEL_H
#define AEM_KERNEL_H

#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>

#include "aem.h"

#define AEM_ARGS_MAX	64

/*
 * Memory that a program asks for: charged to its control group, and an error
 * to the program, not a victim, where there is none.
 */
#define AEM_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/*
 * Bytes of an event, in the core and in the largest kind. What is kept for one
 * beside counts in the quota as an event for each so many.
 */
#define AEM_EVENT_COST	288

struct aem_task;
struct aem_kind;
struct kmem_cache;

/**
 * struct aem_event - a registered event
 * @queue: on the owner's queue of its priority while it waits to run
 * @owned: on the owner's list of all its events until it is shut down
 * @task: the owner's context; pinned by the event
 * @kind: what kind of event; its module is pinned by the event
 * @handler: address of the handler in the owner's program
 * @id: system-wide unique, 1 to INT_MAX
 * @flags: EVF_* and the module's own, as registered
 * @raised: activations so far
 * @delivered: handlers that ran
 * @coalesced: activations merged into one before them
 * @refused: activations that the module could not take, see aem_refuse()
 * @pending: activations that no handler has been called for yet; 0 or 1 for
 *	an event that merges them
 * @prio: AEM_PRIO_MIN to AEM_PRIO_MAX
 * @state: AEM_EV_*, private to aem-core
 * @each: does not merge activations; set by init
 * @slot: which of the owner's deliveries it has, while it runs
 * @ref: one for the registration, which a delivery under way inherits when the
 *	event is shut down, and those of aem_event_get()
 * @rcu: the memory is freed a grace period after the last reference, because
 *	aem_event_get() looks it up under RCU
 * @priv: the module's part, of aem_kind.priv_size bytes, zeroed
 *
 * @queue, @owned, @raised to @state and @slot are protected by the owner's
 * lock, the rest does not change after init.
 */
struct aem_event {
	union {
		struct list_head queue;
		struct rcu_head rcu;
	};
	struct list_head owned;
	struct aem_task *task;
	struct aem_kind *kind;
	unsigned long handler;
	u32 id;
	u32 flags;
	u64 raised;
	u64 delivered;
	u64 coalesced;
	u32 refused;
	u32 pending;
	u8 prio;
	u8 state;
	bool each;
	u8 slot;
	refcount_t ref;
	unsigned long priv[];
};

/**
 * struct aem_delivery - one call of a handler
 * @call: what the dispatcher gets: construct sets args. The first argument
 *	is the event's id already.
 * @data: the buffer in the zone, as the kernel sees it; NULL without one.
 *	The process can write there at any time: never trust what is in it.
 * @len: bytes of @data
 * @last: set by construct when nothing can happen to the event after this:
 *	it is shut down when the handler has returned
 */
struct aem_delivery {
	struct aem_call call;
	void *data;
	u32 len;
	bool last;
};

/**
 * struct aem_kind - a kind of event, provided by a module
 * @owner: THIS_MODULE
 * @name: the device is /dev/aem-@name
 * @args_size: of the kind's arguments, at most AEM_ARGS_MAX
 * @priv_size: of aem_event.priv
 * @flags: which of the flag bits 0 to 16 it knows
 * @init: check @args, of @args_size bytes, and connect the event to its
 *	source. Process context of the owner, may sleep. Returns 0 or -errno.
 * @registered: the event is known by its id: from here on aem_event_shutdown()
 *	can end it. Process context of the owner, may sleep. Optional.
 * @construct: fill in the call. Process context of the owner, may sleep.
 *	Returns 0; -EAGAIN when there is nothing to tell, and no handler
 *	is called; -ENOSPC when aem_delivery_data() had no room, and it is
 *	tried again when another handler has returned.
 * @destruct: the handler has returned, or its process is gone or became
 *	another program. Process context of the owner, or of the handler's own
 *	process, may sleep. Optional; with one, a handler that has data is
 *	followed by a system call.
 * @undo: the handler that construct prepared is not called: the event was
 *	stopped, shut down or got another priority meanwhile. Give back to the
 *	source what construct took from it: unless it was shut down, construct
 *	is called again. Process context of the owner or, of an event that has
 *	them, of a handler process; may sleep. Optional.
 * @shutdown: disconnect the event: when it returns the source raises no more.
 *	Called once for every event whose init returned 0, also while its
 *	handler runs or is about to. Process context of any task, may sleep.
 * @release: nothing uses the event any more. Called once after shutdown.
 *	Process context of any task, may sleep. Optional.
 * @control: an operation of the kind's own, see EVJOBKIND in aem.h. @arg is the
 *	program's and may be an address in it. Process context of a thread of
 *	the owner's process, may sleep; also while the event is being shut
 *	down. Returns what aem_evctl() does, or -EINVAL for what it does not
 *	know. Optional.
 * @read: of the device, optional
 * @write: of the device, optional
 *
 * The rest is aem-core's.
 */
struct aem_kind {
	struct module *owner;
	const char *name;
	size_t args_size;
	size_t priv_size;
	u32 flags;
	int (*init)(struct aem_event *ev, const void *args);
	void (*registered)(struct aem_event *ev);
	int (*construct)(struct aem_event *ev, struct aem_delivery *d);
	void (*destruct)(struct aem_event *ev, struct aem_delivery *d);
	void (*undo)(struct aem_event *ev, struct aem_delivery *d);
	void (*shutdown)(struct aem_event *ev);
	void (*release)(struct aem_event *ev);
	int (*control)(struct aem_event *ev, u64 opt, u64 arg);
	ssize_t (*read)(struct file *file, char __user *buf, size_t len,
			loff_t *pos);
	ssize_t (*write)(struct file *file, const char __user *buf, size_t len,
			 loff_t *pos);

	/* private: */
	u32 sys_nr;
	struct kmem_cache *cache;
	struct rw_semaphore gate;	/* protects closed against registering */
	bool closed;
	atomic_t live;			/* events, until the last reference */
	wait_queue_head_t idle;		/* woken when live drops to 0 */
	struct miscdevice misc;
	char dev_name[32];
};

int aem_kind_register(struct aem_kind *kind);
void aem_kind_unregister(struct aem_kind *kind);

bool aem_raise(struct aem_event *ev);
void aem_merge(struct aem_event *ev);
void aem_refuse(struct aem_event *ev);
bool aem_event_charge(struct aem_event *ev, unsigned int events);
void aem_event_uncharge(struct aem_event *ev, unsigned int events);
void aem_event_start(struct aem_event *ev);
void aem_event_recall(struct aem_event *ev);
void aem_event_shutdown(struct aem_event *ev);

struct aem_event *aem_event_get(struct aem_kind *kind, u32 id);
void aem_event_put(struct aem_event *ev);

/**
 * aem_event_hold - take a reference, for aem_event_put()
 * @ev: the event, which is held already: by its registration, too, from its
 *	kind's registered until its shutdown
 *
 * Context: any.
 */
static inline void aem_event_hold(struct aem_event *ev)
{
	refcount_inc(&ev->ref);
}

bool aem_event_may_signal(struct aem_event *ev);
bool aem_event_is_mine(struct aem_event *ev);
kuid_t aem_event_payer(struct aem_event *ev);
size_t aem_event_zone_size(struct aem_event *ev);

void *aem_delivery_data(struct aem_event *ev, struct aem_delivery *d,
			size_t len, u64 *addr);

/**
 * aem_event_priv - the module's private part of an event
 * @ev: the event
 *
 * Return: a pointer to aem_kind.priv_size bytes, zeroed before init.
 */
static inline void *aem_event_priv(struct aem_event *ev)
{
	return ev->priv;
}

#endif /* AEM_KERNEL_H */
