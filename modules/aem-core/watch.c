// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches: events of sockets, for the kinds that have some. See aem-watch.h.
 *
 * A watch is one more listener on its socket's wait queue, as epoll is: no
 * callback of the socket is replaced, so there is nothing to restore and nobody
 * to share it with, and any number of events, of any processes, can be on one
 * socket. What wakes the queue, mostly a softirq, raises the event. Its
 * construct then does what the program would have done: it accepts, or reads
 * into the zone, in the context of the event's owner, without waiting. Until
 * then everything is where it was: in the backlog, or in the socket. So a
 * stopped event, a full zone or a missing descriptor leaves it there.
 *
 * A wake-up is a hint, and so is an activation: what the socket says is asked
 * in construct. Where there is more than one call tells of, it raises its own
 * event again, behind those that wait.
 *
 * What was taken for a handler that is not called after all is kept for the
 * event's next one: data, messages and connections. Data does not go back into
 * the socket: the program could have written to the zone, and must not make up
 * what others receive. What is kept ends with the event; of a connection the
 * socket then gets an error, which is told once, to whoever asks first. An error
 * that was taken from the socket goes back there.
 *
 * Objects and their lifetime
 *
 *   aem_watch  one for each event, on its own: two references, one of the event,
 *             from init to release, and one of the mark embedded in it, until
 *             fsnotify frees that. A watch's own socket has no mark.
 *   the mark  tells that the socket goes: it is on the socket's inode and does
 *             not hold it. That the last descriptor is closed ends the event.
 *             Who looks at the socket by /proc can have its inode outlive that:
 *             fsnotify destroys the mark before the inode's memory, with the
 *             wait queue, is freed. Else the event's release destroys it, so
 *             that a delivery that outlives the event can still give back.
 *   socket    not held. watch->sock is good under watch->lock; for more, a
 *             reference on its file is taken there. The last one may be
 *             dropped by construct: then it is closed on the way to user mode.
 *             One of the watch's own has no file, and is released with it.
 *
 * None of it runs the kind's text but construct and undo: the kind's module may
 * go when its events have.
 *
 * Locking: aem_watch.lock protects sock, ev and joined, is taken in process context
 * only, and inside it is the wait queue's lock, inside which aem_watch_wake()
 * takes the owner's, and why is set. kept is exchanged: who gets it owns it. The
 * rest of a watch is set by init, or belongs to the delivery: construct, undo and
 * release, of which there is one at a time. aem_spill_lock is inside of nothing,
 * and the socket's lock is taken inside it; it is waited for only where there is
 * no memory, so that nobody stalls others whose socket or cgroup has them wait.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/wait_bit.h>

#include "aem-compat.h"
#include "aem-watch.h"
#include "core.h"

/* Until what cannot be done for want of descriptors or files is tried again. */
#define AEM_RETRY_MS	100

/* No message of any kind is longer. */
#define AEM_SPILL	(68 * 1024)

static struct kmem_cache *aem_watch_cache;
static struct fsnotify_group *aem_watch_group;
static atomic_t aem_watch_marks;	/* until fsnotify has freed them */

/*
 * What of a message the room is too small for that was made for another one.
 * This one is had by one owner at a time; who comes meanwhile has one made.
 */
static DEFINE_MUTEX(aem_spill_lock);
static char *aem_spill;

/* For current's delivery. Returns false when current has been killed. */
static bool aem_spill_get(struct aem_task *t)
{
	t->spill = NULL;
	if (!mutex_trylock(&aem_spill_lock)) {
		t->spill = kvmalloc(AEM_SPILL, AEM_GFP);
		if (!t->spill && mutex_lock_killable(&aem_spill_lock))
			return false;
	}
	if (!t->spill)
		t->spill = aem_spill;
	return true;
}

static void aem_spill_put(struct aem_task *t)
{
	if (t->spill == aem_spill)
		mutex_unlock(&aem_spill_lock);
	else
		kvfree(t->spill);
	t->spill = NULL;
}

static void aem_watch_put(struct aem_watch *watch)
{
	if (refcount_dec_and_test(&watch->ref))
		kmem_cache_free(aem_watch_cache, watch);
}

/* The socket's wait queue is woken: any context, with its lock held. */
static int aem_watch_wake(struct wait_queue_entry *wait, unsigned int mode,
			  int sync, void *key)
{
	struct aem_watch *watch = container_of(wait, struct aem_watch, wait);
	__poll_t what = key_to_poll(key);

	if (!what || what & watch->wakes)
		aem_raise(watch->ev);
	return 0;
}

static void aem_watch_retry(struct timer_list *timer)
{
	struct aem_watch *watch = from_timer(watch, timer, retry);

	aem_raise(watch->ev);
}

/**
 * aem_watch_retry_later - raise the event in a while
 * @watch: of an event that is constructed
 *
 * Context: process. Nothing happens when the event is shut down.
 */
void aem_watch_retry_later(struct aem_watch *watch)
{
	mod_timer(&watch->retry, jiffies + msecs_to_jiffies(AEM_RETRY_MS));
}
EXPORT_SYMBOL_GPL(aem_watch_retry_later);

/* Off the wait queue, if it is there. Called with the lock held. */
static void aem_watch_leave(struct aem_watch *watch)
{
	if (watch->joined)
		remove_wait_queue(&watch->sock->wq.wait, &watch->wait);
	watch->joined = false;
}

/*
 * The socket's last descriptor is closed, or it @goes: the event ends. It may
 * have ended before: then it is its release that destroys the mark.
 */
static void aem_watch_end(struct aem_watch *watch, bool goes)
{
	struct aem_event *ev;

	spin_lock(&watch->lock);
	if (goes) {
		aem_watch_leave(watch);
		watch->sock = NULL;
	}
	ev = watch->ev;
	if (ev)
		aem_event_hold(ev);
	spin_unlock(&watch->lock);
	if (!ev)
		return;
	aem_event_shutdown(ev);
	aem_event_put(ev);
}

/* The inode is there still, and may be for long. Called under SRCU. */
static int aem_watch_closed(struct fsnotify_mark *mark, u32 mask,
			    struct inode *inode, struct inode *dir,
			    const struct qstr *name, u32 cookie)
{
	aem_watch_end(container_of(mark, struct aem_watch, mark), false);
	return 0;
}

static void aem_watch_freeing(struct fsnotify_mark *mark,
			      struct fsnotify_group *group)
{
	aem_watch_end(container_of(mark, struct aem_watch, mark), true);
}

/*
 * From a work item of fsnotify's. When aem_watch_marks is 0 it may still be here:
 * the module's exit waits for it, too.
 */
static void aem_watch_free_mark(struct fsnotify_mark *mark)
{
	aem_watch_put(container_of(mark, struct aem_watch, mark));
	if (atomic_dec_and_test(&aem_watch_marks))
		wake_up_var(&aem_watch_marks);
}

static const struct fsnotify_ops aem_watch_fsnotify_ops = {
	.handle_inode_event = aem_watch_closed,
	.freeing_mark = aem_watch_freeing,
	.free_mark = aem_watch_free_mark,
};

/**
 * aem_watch_file - the socket's file
 * @watch: of an event that is constructed, undone or shut down
 *
 * Context: process.
 * Return: the file, referenced; NULL when it is closed, or the socket has none.
 */
struct file *aem_watch_file(struct aem_watch *watch)
{
	struct file *file = NULL;

	spin_lock(&watch->lock);
	if (watch->sock && !watch->owned)
		file = get_file_active(&watch->sock->file);
	spin_unlock(&watch->lock);
	return file;
}
EXPORT_SYMBOL_GPL(aem_watch_file);

static struct aem_watch *aem_watch_make(struct aem_event *ev,
					const struct aem_watch_how *how)
{
	struct aem_watch *watch;

	watch = kmem_cache_zalloc(aem_watch_cache, AEM_GFP);
	if (!watch)
		return NULL;
	/* Of the event. */
	refcount_set(&watch->ref, 1);
	spin_lock_init(&watch->lock);
	init_waitqueue_func_entry(&watch->wait, aem_watch_wake);
	timer_setup(&watch->retry, aem_watch_retry, 0);
	watch->ev = ev;
	watch->payer = aem_event_payer(ev);
	watch->ops = how->ops;
	watch->op = how->op;
	watch->fd = how->fd;
	watch->wakes = how->wakes;
	watch->connected = how->connected;
	watch->reads = how->reads;
	watch->front = how->front;
	watch->addr = u64_to_user_ptr(how->addr);
	watch->addrlen = how->addrlen;
	return watch;
}

/* How many of the user's are on the wait queue. Called with its lock held. */
static unsigned int aem_watch_count(struct wait_queue_head *queue, kuid_t payer)
{
	struct wait_queue_entry *wait;
	unsigned int count = 0;

	list_for_each_entry(wait, &queue->head, entry)
		count += wait->func == aem_watch_wake &&
			 uid_eq(payer, container_of(wait, struct aem_watch,
						    wait)->payer);
	return count;
}

/* Puts the watch on the socket's wait queue; false where there are @max. */
static bool aem_watch_enter(struct aem_watch *watch, struct socket *sock,
			    unsigned int max)
{
	struct wait_queue_head *queue = &sock->wq.wait;

	spin_lock(&watch->lock);
	watch->sock = sock;
	spin_lock_irq(&queue->lock);
	watch->joined = aem_watch_count(queue, watch->payer) < max;
	if (watch->joined)
		__add_wait_queue(queue, &watch->wait);
	spin_unlock_irq(&queue->lock);
	spin_unlock(&watch->lock);
	return watch->joined;
}

/* Raises the event for what has happened before it was on the wait queue. */
static void aem_watch_look(struct aem_watch *watch, struct socket *sock)
{
	/*
	 * Pairs with wq_has_sleeper(): whoever wakes sees the entry, or what it
	 * tells of is seen here. poll() without a table has no barrier.
	 */
	smp_mb();
	if (aem_watch_state(sock) & watch->wakes)
		aem_raise(watch->ev);
}

/* Has the watch told of what happens to the socket, and of its end. */
static int aem_watch_join(struct aem_watch *watch, struct socket *sock,
			  unsigned int max)
{
	int ret;

	atomic_inc(&aem_watch_marks);
	/* Until fsnotify frees the mark. */
	refcount_inc(&watch->ref);
	fsnotify_init_mark(&watch->mark, aem_watch_group);
	watch->mark.flags |= FSNOTIFY_MARK_FLAG_NO_IREF;
	watch->mark.mask = FS_CLOSE_WRITE | FS_CLOSE_NOWRITE;
	ret = fsnotify_add_inode_mark(&watch->mark, SOCK_INODE(sock), 0);
	if (ret)
		goto put;
	if (!aem_watch_enter(watch, sock, max)) {
		ret = -EAGAIN;
		goto destroy;
	}
	aem_watch_look(watch, sock);
	return 0;
destroy:
	/* There is no event to be ended by it. */
	watch->ev = NULL;
	fsnotify_destroy_mark(&watch->mark, aem_watch_group);
put:
	fsnotify_put_mark(&watch->mark);
	return ret;
}

/* The watch of a new event, in its user's quota; or ERR_PTR(). */
static struct aem_watch *aem_watch_begin(struct aem_event *ev,
					 const struct aem_watch_how *how)
{
	struct aem_watch *watch;

	/* With its mark it takes as much as two. */
	if (!aem_event_charge(ev, 1))
		return ERR_PTR(-EAGAIN);
	watch = aem_watch_make(ev, how);
	if (watch)
		return watch;
	aem_event_uncharge(ev, 1);
	return ERR_PTR(-ENOMEM);
}

/**
 * aem_watch_add - make the watch of an event
 * @ev: the event, which is being registered
 * @sock: whose file is held, which the watch does when it succeeds, until
 *	aem_watch_registered()
 * @how: what it wants of it
 *
 * Context: process, in init.
 * Return: 0, -EAGAIN at the quota or with how->max of the user's events on the
 *	socket already, -ENOMEM.
 */
int aem_watch_add(struct aem_event *ev, struct socket *sock,
		  const struct aem_watch_how *how)
{
	struct aem_watch **priv = aem_event_priv(ev);
	struct aem_watch *watch = aem_watch_begin(ev, how);
	int ret;

	if (IS_ERR(watch))
		return PTR_ERR(watch);
	watch->opened = sock->file;
	ret = aem_watch_join(watch, sock, how->max);
	if (ret) {
		aem_event_uncharge(ev, 1);
		aem_watch_put(watch);
		return ret;
	}
	*priv = watch;
	return 0;
}
EXPORT_SYMBOL_GPL(aem_watch_add);

/**
 * aem_watch_add_own - make the watch of an event that has a socket of its own
 * @ev: the event, which is being registered
 * @sock: without a file; released with the event when this succeeds
 * @how: what it wants of it
 *
 * Context: process, in init.
 * Return: 0, -EAGAIN at the quota, -ENOMEM.
 */
int aem_watch_add_own(struct aem_event *ev, struct socket *sock,
		      const struct aem_watch_how *how)
{
	struct aem_watch **priv = aem_event_priv(ev);
	struct aem_watch *watch = aem_watch_begin(ev, how);

	if (IS_ERR(watch))
		return PTR_ERR(watch);
	watch->owned = true;
	aem_watch_enter(watch, sock, 1);
	aem_watch_look(watch, sock);
	*priv = watch;
	return 0;
}
EXPORT_SYMBOL_GPL(aem_watch_add_own);

/**
 * aem_watch_registered - from here on the event's socket may be closed
 * @ev: the event
 *
 * Context: process, as aem_kind.registered.
 */
void aem_watch_registered(struct aem_event *ev)
{
	struct aem_watch *watch = aem_watch_of(ev);
	struct file *file = watch->opened;

	watch->opened = NULL;
	if (file)
		fput(file);
}
EXPORT_SYMBOL_GPL(aem_watch_registered);

/**
 * aem_watch_why - have all watches of a socket know something of its end
 * @sock: the socket; its file is held
 * @why: goes into aem_watch.why
 *
 * Context: process.
 */
void aem_watch_why(struct socket *sock, u8 why)
{
	struct wait_queue_head *queue = &sock->wq.wait;
	struct wait_queue_entry *wait;

	spin_lock_irq(&queue->lock);
	list_for_each_entry(wait, &queue->head, entry)
		if (wait->func == aem_watch_wake)
			WRITE_ONCE(container_of(wait, struct aem_watch,
						wait)->why, why);
	spin_unlock_irq(&queue->lock);
}
EXPORT_SYMBOL_GPL(aem_watch_why);

/* Accept */

/**
 * aem_watch_accept - accept a connection for a handler
 * @ev: the event
 * @watch: its watch
 * @sock: which listens; its file is held
 * @d: is told the new descriptor
 * @cloexec: how the new descriptor is to be
 * @nonblock: how the new socket is to be
 *
 * Context: process, in construct.
 * Return: as aem_kind.construct.
 */
int aem_watch_accept(struct aem_event *ev, struct aem_watch *watch,
		     struct socket *sock, struct aem_delivery *d, bool cloexec,
		     bool nonblock)
{
	struct file *file;
	int fd, ret;

	if (!watch->kept_file && !(aem_watch_state(sock) & EPOLLIN))
		return -EAGAIN;
	fd = get_unused_fd_flags(cloexec ? O_CLOEXEC : 0);
	if (fd < 0) {
		aem_watch_retry_later(watch);
		return -EAGAIN;
	}
	/* What fails, fails before a connection is taken. */
	file = watch->kept_file ?: aem_accept(sock->file, O_NONBLOCK,
					      nonblock ? O_NONBLOCK : 0);
	watch->kept_file = NULL;
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		ret = PTR_ERR(file);
		/* Another one took it, or it does not listen any more. */
		if (ret != -EAGAIN && ret != -EINVAL)
			aem_watch_retry_later(watch);
		return -EAGAIN;
	}
	watch->ops->accepted(watch, sock_from_file(file), d);
	watch->new_fd = fd;
	watch->new_file = file;
	watch->new_ino = file_inode(file)->i_ino;
	fd_install(fd, file);
	d->call.args[2] = fd;
	if (aem_watch_state(sock) & EPOLLIN)
		aem_raise(ev);
	return 0;
}
EXPORT_SYMBOL_GPL(aem_watch_accept);

/*
 * Is this the file that was accepted? What is at its descriptor is the program's,
 * and a file's memory may be another file's by now.
 */
static bool aem_is_new_file(struct aem_watch *watch, struct file *file)
{
	return file == watch->new_file && sock_from_file(file) &&
	       file_inode(file)->i_ino == watch->new_ino;
}

/*
 * The program does not learn of the descriptor: it has none. In one go, because
 * another thread may close it, and have the number for another file. Called by
 * the owner, whose table it is: there is no handler process.
 */
static void aem_unaccept(struct aem_watch *watch)
{
	struct files_struct *files = current->files;
	unsigned int fd = watch->new_fd;
	struct file *file;

	spin_lock(&files->file_lock);
	file = files_lookup_fd_locked(files, fd);
	if (file && aem_is_new_file(watch, file))
		rcu_assign_pointer(files_fdtable(files)->fd[fd], NULL);
	else
		file = NULL;
	spin_unlock(&files->file_lock);
	if (!file)
		return;
	/* As before fd_install(): the number is reserved. */
	put_unused_fd(fd);
	watch->kept_file = file;
}

/* Read */

/* As how many events it counts in its user's quota. */
static unsigned int aem_kept_units(u32 size)
{
	return DIV_ROUND_UP(sizeof(struct aem_kept) + size, AEM_EVENT_COST);
}

/* For the event's next handler, with an image to be filled; NULL without room. */
static struct aem_kept *aem_kept_make(struct aem_event *ev,
				      struct aem_watch *watch, u32 size)
{
	unsigned int units = aem_kept_units(size);
	struct aem_kept *kept;

	if (!aem_event_charge(ev, units))
		return NULL;
	kept = kvmalloc(struct_size(kept, image, size), AEM_GFP);
	if (!kept) {
		aem_event_uncharge(ev, units);
		return NULL;
	}
	kept->size = size;
	kept->len = watch->len;
	kept->fromlen = watch->fromlen;
	return kept;
}

/**
 * aem_kept_free - free what was kept
 * @ev: for whose handler
 * @kept: the caller's, of aem_kept_get()
 *
 * Context: process.
 */
void aem_kept_free(struct aem_event *ev, struct aem_kept *kept)
{
	aem_event_uncharge(ev, aem_kept_units(kept->size));
	kvfree(kept);
}
EXPORT_SYMBOL_GPL(aem_kept_free);

/**
 * aem_kept_get - take what is kept
 * @watch: for whose event
 *
 * Context: any.
 * Return: it, which is the caller's then; NULL, or ERR_PTR() once.
 */
struct aem_kept *aem_kept_get(struct aem_watch *watch)
{
	return xchg(&watch->kept, NULL);
}
EXPORT_SYMBOL_GPL(aem_kept_get);

/**
 * aem_kept_set - put it back
 * @watch: for whose event
 * @kept: of aem_kept_get(): there is no other
 *
 * Context: any.
 */
void aem_kept_set(struct aem_watch *watch, struct aem_kept *kept)
{
	/* Pairs with aem_kept_get(): the image is complete. */
	smp_store_release(&watch->kept, kept);
}
EXPORT_SYMBOL_GPL(aem_kept_set);

/* An error for whoever uses the socket next. */
static void aem_fail_socket(struct aem_watch *watch, int error)
{
	struct file *file = aem_watch_file(watch);
	struct sock *sk;

	if (!file)
		return;
	sk = sock_from_file(file)->sk;
	lock_sock(sk);
	if (!sk->sk_err)
		WRITE_ONCE(sk->sk_err, -error);
	sk_error_report(sk);
	release_sock(sk);
	fput(file);
}

/* The event ends: nobody will be given what is kept. */
static void aem_kept_drop(struct aem_event *ev, struct aem_watch *watch)
{
	struct aem_kept *kept = aem_kept_get(watch);

	if (!kept)
		return;
	/* A connection must not go on as if nothing were missing. */
	if (watch->connected)
		aem_fail_socket(watch, -ENOBUFS);
	if (!IS_ERR(kept))
		aem_kept_free(ev, kept);
}

/*
 * The message that was read is too long for the @size bytes of @room; the rest
 * is in its owner's spill. It is kept, and told in a larger one.
 */
static void aem_spilled(struct aem_event *ev, struct aem_watch *watch,
			const char *room, u32 size)
{
	u32 whole = watch->front + watch->len;
	struct aem_kept *kept;

	/* Better none of it than a part. */
	if (whole > aem_event_zone_size(ev)) {
		watch->len = -EMSGSIZE;
		return;
	}
	kept = aem_kept_make(ev, watch, whole);
	if (!kept) {
		watch->len = -ENOBUFS;
		return;
	}
	memcpy(kept->image, room, size);
	memcpy(kept->image + size, ev->task->spill, whole - size);
	aem_kept_set(watch, kept);
	watch->len = -EAGAIN;
	aem_raise(ev);
}

/**
 * aem_watch_receive - read the next message, with what goes in front of it
 * @ev: the event
 * @watch: its watch; len becomes the message's length, or -errno, -EAGAIN also
 *	where it is kept for a call with a larger room; failed: it is an error
 * @sock: the socket
 * @msg: with the name and control buffers that watch->ops->front looks at
 * @room: where it goes, of @size bytes, more than watch->front
 * @size: of it
 *
 * Context: process, in construct.
 */
void aem_watch_receive(struct aem_event *ev, struct aem_watch *watch,
		       struct socket *sock, struct msghdr *msg, char *room,
		       u32 size)
{
	struct kvec iov[] = {
		{ room + watch->front, size - watch->front },
		{ NULL, AEM_SPILL },
	};

	watch->fromlen = 0;
	if (!aem_spill_get(ev->task)) {
		watch->len = -EINTR;
		watch->failed = false;
		return;
	}
	iov[1].iov_base = ev->task->spill;
	iov_iter_kvec(&msg->msg_iter, ITER_DEST, iov, ARRAY_SIZE(iov),
		      iov[0].iov_len + AEM_SPILL);
	watch->len = sock_recvmsg(sock, msg, MSG_DONTWAIT);
	watch->failed = watch->len < 0;
	if (watch->len >= 0) {
		watch->ops->front(watch, msg, room, size);
		if (watch->len > 0 && watch->len > size - watch->front)
			aem_spilled(ev, watch, room, size);
	}
	aem_spill_put(ev->task);
}
EXPORT_SYMBOL_GPL(aem_watch_receive);

/**
 * aem_watch_spill - the data of a message that was received besides
 * @watch: the watch; len becomes @len
 * @room: as for aem_watch_receive()
 * @size: of it
 * @data: the data
 * @len: its length, less than 64 KiB
 *
 * Context: watch->ops->front alone.
 */
void aem_watch_spill(struct aem_watch *watch, char *room, u32 size,
		     const void *data, u32 len)
{
	u32 first = min(len, size - watch->front);

	memcpy(room + watch->front, data, first);
	memcpy(current->aem->spill, data + first, len - first);
	watch->len = len;
}
EXPORT_SYMBOL_GPL(aem_watch_spill);

/* What an earlier handler should have been given. */
static int aem_read_kept(struct aem_event *ev, struct aem_watch *watch,
			 struct aem_kept *kept, struct aem_delivery *d)
{
	void *room;
	u64 addr;

	room = aem_delivery_data(ev, d, kept->size, &addr);
	if (!room) {
		aem_kept_set(watch, kept);
		return -ENOSPC;
	}
	memcpy(room, kept->image, kept->size);
	watch->len = kept->len;
	watch->fromlen = kept->fromlen;
	watch->failed = false;
	aem_kept_free(ev, kept);
	watch->ops->tell(watch, d, addr);
	return 0;
}

/* The end of the event: the handler is told why, and no more. */
static int aem_read_end(struct aem_watch *watch, struct aem_delivery *d, int why)
{
	watch->len = why;
	watch->failed = false;
	watch->fromlen = 0;
	d->call.args[3] = why;
	d->last = true;
	return 0;
}

/* There is more than the call that was prepared tells of? */
static void aem_read_on(struct aem_event *ev, struct aem_watch *watch,
			struct socket *sock)
{
	if (!(aem_watch_state(sock) & watch->wakes))
		return;
	if (watch->denied)
		aem_watch_retry_later(watch);
	else
		aem_raise(ev);
}

/**
 * aem_watch_read - have a handler told what comes next
 * @ev: the event
 * @watch: its watch
 * @sock: the socket; its file is held
 * @d: the call
 *
 * Context: process, in construct.
 * Return: as aem_kind.construct.
 */
int aem_watch_read(struct aem_event *ev, struct aem_watch *watch,
		   struct socket *sock, struct aem_delivery *d)
{
	const struct aem_watch_ops *ops = watch->ops;
	struct aem_kept *kept = aem_kept_get(watch);
	int ret;

	watch->denied = false;
	if (IS_ERR(kept))
		ret = aem_read_end(watch, d, PTR_ERR(kept));
	else if (kept)
		ret = aem_read_kept(ev, watch, kept, d);
	else if (ops->taken && ops->taken(sock->sk))
		ret = aem_read_end(watch, d, -EBUSY);
	else
		ret = ops->read(ev, watch, sock, d);
	if (!ret && !d->last)
		aem_read_on(ev, watch, sock);
	return ret;
}
EXPORT_SYMBOL_GPL(aem_watch_read);

/*
 * @image was in the zone for a handler that is not called. Also when the event
 * was shut down: another task may be about to drop what it has kept.
 */
static void aem_unread(struct aem_event *ev, struct aem_watch *watch,
		       const char *image)
{
	u32 size = max(watch->len, 0) + watch->front;
	struct aem_kept *kept;

	if (watch->connected && watch->len == -ENOBUFS) {
		aem_kept_set(watch, ERR_PTR(-ENOBUFS));
		return;
	}
	/* Any other reason for which the event ends is told of again. */
	if (!image || (watch->connected && watch->len <= 0 &&
		       watch->len != -EMSGSIZE))
		return;
	kept = aem_kept_make(ev, watch, size);
	if (kept) {
		memcpy(kept->image, image, size);
		aem_kept_set(watch, kept);
		return;
	}
	/* A message may get lost; a connection is told of it. */
	if (watch->connected)
		aem_kept_set(watch, ERR_PTR(-ENOBUFS));
	aem_refuse(ev);
}

/**
 * aem_watch_undo - keep what was taken for a handler that is not called
 * @ev: the event: one that accepts, reads, or was told an error of the socket
 * @d: the call
 *
 * Context: process, as aem_kind.undo.
 */
void aem_watch_undo(struct aem_event *ev, struct aem_delivery *d)
{
	struct aem_watch *watch = aem_watch_of(ev);

	/* The socket may be gone: what was taken from it is here all the same. */
	if (watch->new_file)
		aem_unaccept(watch);
	else if (watch->failed)
		aem_fail_socket(watch, watch->len);
	else if (watch->reads)
		aem_unread(ev, watch, d->data);
}
EXPORT_SYMBOL_GPL(aem_watch_undo);

/* The end */

/**
 * aem_watch_shutdown - when it returns the socket raises the event no more
 * @ev: the event
 *
 * Context: process, as aem_kind.shutdown.
 */
void aem_watch_shutdown(struct aem_event *ev)
{
	struct aem_watch *watch = aem_watch_of(ev);

	timer_shutdown_sync(&watch->retry);
	spin_lock(&watch->lock);
	aem_watch_leave(watch);
	watch->ev = NULL;
	spin_unlock(&watch->lock);
	aem_kept_drop(ev, watch);
}
EXPORT_SYMBOL_GPL(aem_watch_shutdown);

/**
 * aem_watch_release - nothing uses the event any more
 * @ev: the event
 *
 * Context: process, as aem_kind.release.
 */
void aem_watch_release(struct aem_event *ev)
{
	struct aem_watch *watch = aem_watch_of(ev);

	/* A delivery may have been undone after the shutdown. */
	aem_kept_drop(ev, watch);
	if (watch->owned) {
		sock_release(watch->sock);
	} else {
		fsnotify_destroy_mark(&watch->mark, aem_watch_group);
		fsnotify_put_mark(&watch->mark);
	}
	if (watch->kept_file)
		fput(watch->kept_file);
	aem_event_uncharge(ev, 1);
	aem_watch_put(watch);
}
EXPORT_SYMBOL_GPL(aem_watch_release);

/* Returns 0 or -ENOMEM. */
int aem_watch_init(void)
{
	/* In it an event and its watch take no more than two events are said to. */
	aem_watch_cache = KMEM_CACHE(aem_watch, SLAB_ACCOUNT);
	if (!aem_watch_cache)
		return -ENOMEM;
	aem_spill = vmalloc(AEM_SPILL);
	if (!aem_spill)
		goto destroy;
	/* Each event on a socket has a mark there. */
	aem_watch_group = fsnotify_alloc_group(&aem_watch_fsnotify_ops,
					       FSNOTIFY_GROUP_DUPS);
	if (IS_ERR(aem_watch_group))
		goto free;
	return 0;
free:
	vfree(aem_spill);
destroy:
	kmem_cache_destroy(aem_watch_cache);
	return -ENOMEM;
}

/* There are no kinds any more. */
void aem_watch_exit(void)
{
	/* A socket that goes may hold its mark still, ... */
	wait_var_event(&aem_watch_marks, !atomic_read(&aem_watch_marks));
	/* ... and whoever freed the last may still be here. */
	fsnotify_wait_marks_destroyed();
	fsnotify_put_group(aem_watch_group);
	vfree(aem_spill);
	kmem_cache_destroy(aem_watch_cache);
}
