// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the queue into the handlers.
 *
 * An upcall enters libaem's dispatcher on top of whatever the thread does: a
 * new level. With it comes a batch, the next events of the highest priority
 * that waits, in order of arrival, at most as many as the ring has room for.
 * Their constructors have run, and their calls stand in the ring, which kernel
 * and program share. The dispatcher makes the calls, handler after handler,
 * without entering the kernel. Then it asks for the next batch (AEM_IOC_NEXT),
 * which ends the deliveries of the last one; when there is none the level has
 * ended, and the dispatcher returns by sigreturn. So a kernel entry is paid
 * for by all events that came while a batch was worked off.
 *
 * The next batch's constructors run when the last one's handlers have, in the
 * thread itself: they may sleep, and what they hand over is fresh.
 *
 * Both sides move a call on by compare and exchange of its state:
 *
 *   kernel      NONE -> READY                the batch is there
 *   dispatcher         READY -> TAKEN -> DONE     its handler is called, is over
 *   kernel             READY -> REVOKED           stopped, shut down, ...
 *
 * The kernel reads nothing back but this state, and does not depend on it: a
 * program that changes it decides whether its own events count as delivered.
 *
 * What must not wait for the end of the batch is settled earlier: a handler
 * whose data its kind reads back is followed by AEM_IOC_SETTLE, as is one that
 * changed the signal mask; any other call on /dev/aem-core settles first what
 * has ended, so a program never sees the difference.
 */
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/signal.h>

#include "core.h"
#include "trace.h"

/* Calls in a batch at most: what a kernel entry is divided by. */
#define AEM_BATCH_MAX	64

static u32 aem_call_state(struct aem_task *t, unsigned int index)
{
	return READ_ONCE(t->ring->calls[index].state) & AEM_CALL_STATE;
}

/**
 * aem_event_spent - is it a one-shot event whose handler has been called?
 * @ev: the event
 *
 * Nothing comes of it any more, though it is there until its batch has ended.
 *
 * Context: any, with the owner's lock held.
 * Return: true when it is. One that runs in a process of its own is not told.
 */
bool aem_event_spent(struct aem_event *ev)
{
	u32 state;

	if (!(ev->flags & EVF_ONESHOT) || !(ev->state & AEM_EV_RUNNING) ||
	    ev->flags & (EVF_FORK | EVF_CAPSULE))
		return false;
	state = aem_call_state(ev->task, ev->slot);
	return state == AEM_CALL_TAKEN || state == AEM_CALL_DONE;
}

/*
 * Keeps an activation whose handler was not called. Called with the owner's
 * lock held.
 */
void aem_event_keep(struct aem_event *ev)
{
	if (ev->each && ev->pending < U32_MAX) {
		ev->pending++;
		return;
	}
	if (ev->pending)
		ev->coalesced++;
	else
		ev->pending = 1;
}

/*
 * What is to be done when a handler has come to its end, or never began. @d
 * is the caller's, cleared: one does for a batch.
 */
static void aem_slot_close(struct aem_slot *slot, enum aem_end how,
			   struct aem_delivery *d)
{
	struct aem_event *ev = slot->ev;

	d->data = slot->data;
	d->len = slot->len;
	if (how == AEM_END_RAN && ev->kind->destruct)
		ev->kind->destruct(ev, d);
	if ((how == AEM_END_BACK || how == AEM_END_LATER) && ev->kind->undo)
		ev->kind->undo(ev, d);
	if (slot->data)
		aem_zone_free(aem_space_zone(ev->task->space), slot->data,
			      slot->len);
	slot->data = NULL;
	if (how == AEM_END_RAN && (slot->last || ev->flags & EVF_ONESHOT))
		aem_event_shutdown(ev);
	trace_aem_return(ev->id, how == AEM_END_RAN);
}

/*
 * The event's delivery is over. Called with the owner's lock held. Returns
 * true for one that was shut down: then it is to be put.
 */
static bool aem_event_rest(struct aem_task *t, struct aem_event *ev,
			   enum aem_end how)
{
	if (how == AEM_END_LATER)
		return aem_event_postpone(t, ev);
	ev->state &= ~(AEM_EV_RUNNING | AEM_EV_HELD);
	switch (how) {
	case AEM_END_RAN:
		ev->delivered++;
		t->ran++;
		break;
	case AEM_END_BACK:
		aem_event_keep(ev);
		break;
	default:
		ev->coalesced++;
		break;
	}
	aem_task_enqueue(t, ev);
	return ev->state & AEM_EV_DEAD;
}

/**
 * aem_slot_end - end a delivery
 * @slot: of the event's owner or of its handler process
 * @how: what became of it
 *
 * Context: process, may sleep.
 */
void aem_slot_end(struct aem_slot *slot, enum aem_end how)
{
	struct aem_event *ev = slot->ev;
	struct aem_task *t = ev->task;
	struct aem_delivery d = { };
	bool dead;

	aem_slot_close(slot, how, &d);
	spin_lock_irq(&t->lock);
	slot->ev = NULL;
	dead = aem_event_rest(t, ev, how);
	spin_unlock_irq(&t->lock);
	if (dead)
		aem_event_put(ev);
}

/*
 * What has become of the call of @ev that is in this state. One that was
 * taken for a process and is still here has got none: the dispatcher was left,
 * or could not announce it.
 */
static enum aem_end aem_call_outcome(struct aem_event *ev, u32 state)
{
	state &= AEM_CALL_STATE;
	if (state == AEM_CALL_TAKEN && ev->flags & (EVF_FORK | EVF_CAPSULE))
		return AEM_END_LATER;
	return state == AEM_CALL_TAKEN || state == AEM_CALL_DONE ?
	       AEM_END_RAN : AEM_END_BACK;
}

/* The state that a call has got to; then it is no more. */
static u8 aem_call_end(struct aem_task *t, unsigned int index)
{
	return xchg(&t->ring->calls[index].state, AEM_CALL_NONE) &
	       AEM_CALL_STATE;
}

/* Puts those that are left in these slots: they were shut down. */
static void aem_slots_put(struct aem_slot *slots, unsigned int from,
			  unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		if (slots[i].ev)
			aem_event_put(slots[i].ev);
		slots[i].ev = NULL;
	}
}

/*
 * Ends all deliveries of a level's batch, under one lock. What the dispatcher
 * did not come to goes back to where it was taken from.
 */
static void aem_level_end(struct aem_task *t, struct aem_level *level)
{
	struct list_head *front = &t->pending[level->prio];
	struct aem_slot *slots = &t->slots[level->first];
	struct aem_delivery d = { };
	struct aem_event *ev;
	unsigned int i;
	bool dead = false;

	for (i = 0; i < level->count; i++) {
		if (!slots[i].ev)
			continue;
		slots[i].end = aem_call_end(t, level->first + i);
		aem_slot_close(&slots[i], aem_call_outcome(slots[i].ev, slots[i].end),
			       &d);
	}
	spin_lock_irq(&t->lock);
	for (i = 0; i < level->count; i++) {
		ev = slots[i].ev;
		if (!ev)
			continue;
		if (aem_event_rest(t, ev, aem_call_outcome(ev, slots[i].end)))
			dead = true;
		else
			slots[i].ev = NULL;
		/* Ranked anew it is behind those of its new priority. */
		if (slots[i].end != AEM_CALL_READY ||
		    !(ev->state & AEM_EV_QUEUED) || ev->prio != level->prio)
			continue;
		list_move(&ev->queue, front);
		front = &ev->queue;
	}
	spin_unlock_irq(&t->lock);
	if (dead)
		aem_slots_put(slots, 0, level->count);
	level->count = 0;
	t->used = level->first;
}

/* Called with the lock held. */
static void aem_level_pop(struct aem_task *t)
{
	t->depth--;
	t->ring->depth = t->depth;
}

/* All levels of a thread whose program ends. */
void aem_task_abandon(struct aem_task *t)
{
	while (t->depth) {
		aem_level_end(t, &t->levels[t->depth - 1]);
		spin_lock_irq(&t->lock);
		aem_level_pop(t);
		spin_unlock_irq(&t->lock);
	}
}

/*
 * A call that has not been made is not to be made; whoever does not own the
 * events has the owner settle it. Called with the lock held.
 */
void aem_task_revoke(struct aem_task *t, struct aem_event *ev)
{
	struct aem_call *call;
	u32 state;

	/* HELD: it is not in the ring any more, or revoked already. */
	if ((ev->state & (AEM_EV_RUNNING | AEM_EV_HELD)) != AEM_EV_RUNNING)
		return;
	call = &t->ring->calls[ev->slot];
	state = READ_ONCE(call->state);
	if ((state & AEM_CALL_STATE) != AEM_CALL_READY ||
	    cmpxchg(&call->state, state, AEM_CALL_REVOKED) != state)
		return;
	t->revoked = true;
	if (t->task != current)
		aem_task_wake(t);
}

/*
 * What the event's call was constructed from is out of date: the call is not
 * to be made, be it published or not yet. Called with the lock held.
 */
void aem_task_recall(struct aem_task *t, struct aem_event *ev)
{
	if ((ev->state & (AEM_EV_RUNNING | AEM_EV_HELD)) != AEM_EV_RUNNING)
		return;
	t->slots[ev->slot].recalled = true;
	aem_task_revoke(t, ev);
}

/**
 * aem_task_settle - end the deliveries that are over before their batch is
 * @t: of current
 *
 * Context: process, may sleep.
 */
void aem_task_settle(struct aem_task *t)
{
	unsigned int i;
	u32 state;

	spin_lock_irq(&t->lock);
	t->revoked = false;
	spin_unlock_irq(&t->lock);
	for (i = 0; i < t->used; i++) {
		if (!t->slots[i].ev)
			continue;
		state = aem_call_state(t, i);
		if (state == AEM_CALL_DONE || state == AEM_CALL_REVOKED)
			aem_slot_end(&t->slots[i],
				     aem_call_outcome(t->slots[i].ev,
						      aem_call_end(t, i)));
	}
}

/* What a handler did to the signal mask is not for the next one. */
void aem_task_restore_mask(struct aem_task *t)
{
	struct aem_level *level = &t->levels[t->depth - 1];

	if (!sigequalsets(&current->blocked, &level->blocked))
		sigprocmask(SIG_SETMASK, &level->blocked, NULL);
	WRITE_ONCE(t->ring->attention, 0);
}

/*
 * Has the stack been unwound past what stood below the level on top when @sp is
 * here?
 */
static bool aem_level_left(struct aem_task *t, unsigned long sp)
{
	struct aem_level *level = &t->levels[t->depth - 1];
	struct mm_struct *mm = current->mm;
	unsigned long stack = level->top;
	bool left;

	/* The signal stack can be anywhere, a part of this stack even. */
	if (on_sig_stack(sp) && !level->sig_stack)
		return false;
	/* Back from it, above or below: on the stack of the thread. */
	if (level->sig_stack && !on_sig_stack(sp))
		stack = t->stack;
	else if (sp <= level->top)
		return false;
	/* On another stack, a coroutine's: no telling. */
	if (mmap_read_lock_killable(mm))
		return false;
	left = vma_lookup(mm, sp - 1) == vma_lookup(mm, stack - 1);
	mmap_read_unlock(mm);
	return left;
}

/**
 * aem_level_drop - end the level on top, which makes no more calls
 * @t: of current
 *
 * Calls that were not made are kept: their events are delivered by the next
 * upcall.
 *
 * Context: process, may sleep.
 */
void aem_level_drop(struct aem_task *t)
{
	struct aem_level *level = &t->levels[t->depth - 1];

	aem_level_end(t, level);
	spin_lock_irq(&t->lock);
	aem_level_pop(t);
	level->resume = AEM_RESUME_NOT;
	/* What was kept is for the level below, or for a new one. */
	if (aem_upcall_due(t))
		aem_task_wake(t);
	spin_unlock_irq(&t->lock);
}

/**
 * aem_task_unwind_to - end the levels that the stack has been unwound past
 * @t: of current
 * @sp: where the program has got to
 *
 * Context: process, may sleep.
 */
void aem_task_unwind_to(struct aem_task *t, unsigned long sp)
{
	while (t->depth && aem_level_left(t, sp))
		aem_level_drop(t);
}

/**
 * aem_task_unwind - end the levels whose handlers were left by longjmp()
 * @t: of current
 *
 * Context: process, on the way from or to user mode, may sleep.
 */
void aem_task_unwind(struct aem_task *t)
{
	aem_task_unwind_to(t, user_stack_pointer(current_pt_regs()));
}

/* Two thirds of what is left, so that each level above gets some. */
static unsigned int aem_level_room(struct aem_task *t, struct aem_level *level)
{
	int left = AEM_RING_CALLS - level->first - (AEM_PRIOS - (int)t->depth);

	return clamp(DIV_ROUND_UP(left * 2, 3), 1, AEM_BATCH_MAX);
}

/*
 * Takes the events of a batch off the queue, for a level that is there or, the
 * first time, begins with it. Returns how many; without any the level ends.
 */
static unsigned int aem_level_pick(struct aem_task *t, struct aem_level *level,
				   bool begins)
{
	unsigned int room = aem_level_room(t, level);
	struct list_head *queue;
	struct aem_event *ev;
	int floor = -1;
	int top;

	level->count = 0;
	t->used = level->first;
	spin_lock_irq(&t->lock);
	top = aem_top_pending(t);
	if (level > t->levels)
		floor = level[-1].prio;
	if (top <= floor) {
		if (!begins)
			aem_level_pop(t);
		spin_unlock_irq(&t->lock);
		return 0;
	}
	level->prio = top;
	t->looked = false;
	if (begins)
		t->ring->depth = ++t->depth;
	queue = &t->pending[top];
	while (level->count < room && !list_empty(queue)) {
		ev = list_first_entry(queue, struct aem_event, queue);
		list_del_init(&ev->queue);
		ev->state &= ~AEM_EV_QUEUED;
		ev->state |= AEM_EV_RUNNING;
		ev->pending = ev->each ? ev->pending - 1 : 0;
		ev->slot = level->first + level->count;
		t->slots[ev->slot].ev = ev;
		t->slots[ev->slot].recalled = false;
		level->count++;
	}
	if (list_empty(queue))
		t->pending_mask &= ~BIT(top);
	t->used = level->first + level->count;
	spin_unlock_irq(&t->lock);
	return level->count;
}

/*
 * What construct begins with. Field by field: cleared as a whole it would cost
 * twice as much.
 */
static void aem_delivery_init(struct aem_delivery *d, struct aem_event *ev)
{
	unsigned int i;

	d->call.handler = ev->handler;
	d->call.eid = ev->id;
	d->call.state = AEM_CALL_NONE;
	d->call.args[0] = ev->id;
	for (i = 1; i < AEM_CALL_ARGS; i++)
		d->call.args[i] = 0;
	d->data = NULL;
	d->len = 0;
	d->last = false;
}

/* Asks the kind for the call; @d is the caller's, one for a batch. */
static int aem_slot_construct(struct aem_task *t, unsigned int index,
			      struct aem_delivery *d)
{
	struct aem_slot *slot = &t->slots[index];
	struct aem_event *ev = slot->ev;
	int ret;

	aem_delivery_init(d, ev);
	ret = ev->kind->construct(ev, d);
	slot->data = d->data;
	slot->len = d->len;
	slot->last = d->last;
	/* The state stays NONE: the dispatcher does not make it yet. */
	if (!ret)
		t->ring->calls[index] = d->call;
	return ret;
}

/*
 * There was no room in the zone for this event's data. It waits until another
 * handler of the process has given some back.
 */
static void aem_slot_starve(struct aem_task *t, struct aem_slot *slot,
			    unsigned int frees)
{
	struct aem_event *ev = slot->ev;
	bool dead;

	spin_lock_irq(&t->lock);
	slot->ev = NULL;
	aem_task_dequeue(t, ev);
	ev->state &= ~(AEM_EV_RUNNING | AEM_EV_HELD);
	aem_event_keep(ev);
	dead = ev->state & AEM_EV_DEAD;
	if (!dead && !aem_zone_starve(aem_space_zone(t->space), ev, frees))
		aem_task_enqueue(t, ev);
	spin_unlock_irq(&t->lock);
	if (dead)
		aem_event_put(ev);
}

/* Puts the end of a batch, from @count on, back to where it was taken from. */
static void aem_level_cut(struct aem_task *t, struct aem_level *level,
			  unsigned int count)
{
	struct aem_slot *slots = &t->slots[level->first];
	unsigned int i = level->count;
	struct aem_event *ev;

	spin_lock_irq(&t->lock);
	while (i-- > count) {
		ev = slots[i].ev;
		aem_task_dequeue(t, ev);
		if (!aem_event_rest(t, ev, AEM_END_BACK))
			slots[i].ev = NULL;
		if (ev->state & AEM_EV_QUEUED)
			list_move(&ev->queue, &t->pending[ev->prio]);
	}
	spin_unlock_irq(&t->lock);
	aem_slots_put(slots, count, level->count);
	level->count = count;
	t->used = level->first + count;
}

/* Runs the constructors of a batch. Returns how many calls there are. */
static unsigned int aem_level_construct(struct aem_task *t,
					struct aem_level *level)
{
	struct aem_zone *zone = aem_space_zone(t->space);
	unsigned int i, frees = 0, calls = 0;
	struct aem_delivery d;
	struct aem_slot *slot;
	int ret;

	for (i = 0; i < level->count; i++) {
		slot = &t->slots[level->first + i];
		if (zone)
			frees = aem_zone_frees(zone);
		ret = aem_slot_construct(t, level->first + i, &d);
		if (!ret) {
			calls++;
		} else if (ret != -ENOSPC || !zone) {
			aem_slot_end(slot, AEM_END_NOTHING);
		} else if (calls) {
			/* The handlers before it will give some back. */
			aem_level_cut(t, level, i);
		} else {
			aem_slot_starve(t, slot, frees);
		}
	}
	return calls;
}

static u32 aem_call_wish(struct aem_slot *slot)
{
	struct aem_event *ev = slot->ev;
	u32 wish = 0;

	if (ev->flags & (EVF_FORK | EVF_CAPSULE)) {
		wish |= AEM_CALL_FORK;
		if (slot->data)
			wish |= AEM_CALL_DATA;
	} else if (slot->data && ev->kind->destruct) {
		wish |= AEM_CALL_SETTLE;
	}
	return wish;
}

/* From here on the dispatcher may make the calls, and others revoke them. */
static void aem_level_publish(struct aem_task *t, struct aem_level *level)
{
	struct aem_event *ev;
	unsigned int i;
	u32 state;

	spin_lock_irq(&t->lock);
	for (i = level->first; i < level->first + level->count; i++) {
		ev = t->slots[i].ev;
		if (!ev)
			continue;
		state = AEM_CALL_READY | aem_call_wish(&t->slots[i]);
		/* Stopped, shut down, ... during construct. */
		if (t->slots[i].recalled ||
		    ev->state & (AEM_EV_DEAD | AEM_EV_HELD) ||
		    !(ev->state & AEM_EV_ENABLED)) {
			state = AEM_CALL_REVOKED;
			t->revoked = true;
		} else if (ev->flags & EVF_CAPSULE &&
			   aem_capsule_give(t, &t->slots[i],
					    &t->ring->calls[i])) {
			state = AEM_CALL_NONE;
		}
		trace_aem_deliver(ev->id, ev->handler, ev->prio);
		WRITE_ONCE(t->ring->calls[i].state, state);
	}
	spin_unlock_irq(&t->lock);
}

/* The next batch of a level, or 0: then it has ended. */
static unsigned int aem_level_fill(struct aem_task *t, struct aem_level *level,
				   bool begins)
{
	while (aem_level_pick(t, level, begins)) {
		begins = false;
		if (!aem_level_construct(t, level)) {
			/* Its events are dropped with it. */
			if (fatal_signal_pending(current))
				return 0;
			cond_resched();
			continue;
		}
		aem_level_publish(t, level);
		aem_task_look_soon(t);
		return AEM_BATCH(level->first, level->count);
	}
	return 0;
}

/**
 * aem_task_next - end a dispatcher's batch and prepare the next
 * @t: of current
 *
 * Context: process, may sleep.
 * Return: where the batch is; 0 when the dispatcher is to return; -EINVAL
 * when it is not a dispatcher that asks.
 */
long aem_task_next(struct aem_task *t)
{
	struct aem_level *level;

	if (!t->depth)
		return -EINVAL;
	level = &t->levels[t->depth - 1];
	aem_level_end(t, level);
	aem_task_restore_mask(t);
	return aem_level_fill(t, level, false);
}

/**
 * aem_task_push - begin a level
 * @t: of current, on its way to user mode
 * @top: of what its dispatcher has on the stack
 *
 * Context: process, may sleep.
 * Return: where its first batch is, or 0 when there was nothing to be told.
 */
unsigned int aem_task_push(struct aem_task *t, unsigned long top)
{
	struct aem_level *level;

	/* As many as there are priorities: none can be higher. */
	if (t->depth == AEM_PRIOS)
		return 0;
	level = &t->levels[t->depth];
	level->first = t->used;
	level->top = top;
	level->sig_stack =
		on_sig_stack(user_stack_pointer(current_pt_regs()));
	level->blocked = current->blocked;
	return aem_level_fill(t, level, true);
}
