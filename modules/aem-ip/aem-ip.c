// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-ip: events of TCP and UDP sockets.
 *
 * An event (a watch) is one more listener on its socket's wait queue, as epoll
 * is: no callback of the socket is replaced, so there is nothing to restore and
 * nobody to share it with, and any number of events, of any processes, can be
 * on one socket. What wakes the queue, mostly a softirq, raises the event. Its
 * construct then does what the program would have done: it accepts, or reads
 * into the zone, in the context of the event's owner, without waiting. Until
 * then everything is where it was: in the backlog, or in the socket, which
 * closes its window when it is full. So a stopped event, a full zone or a
 * missing descriptor leaves it there.
 *
 * A wake-up is a hint, and so is an activation: what the socket says is asked
 * in construct. Where there is more than one call tells of, it raises its own
 * event again, behind those that wait.
 *
 * What was taken for a handler that is not called after all is kept for the
 * event's next one: data, datagrams and connections. Data does not go back into
 * the socket: the program could have written to the zone, and must not make up
 * what others receive. A program that has stopped an event can take the data of
 * its stream (EVIP_TAKE). What is kept ends with the event; of a stream the
 * socket then gets an error, so that nobody takes what is behind for the whole.
 * An error that was taken from the socket goes back there.
 *
 * Objects and their lifetime
 *
 *   aip_watch  one for each event, on its own: two references, one of the event,
 *             from init to release, and one of the mark embedded in it, until
 *             fsnotify frees that.
 *   the mark  tells that the socket goes: it is on the socket's inode and does
 *             not hold it. That the last descriptor is closed ends the event.
 *             Who looks at the socket by /proc can have its inode outlive that:
 *             fsnotify destroys the mark before the inode's memory, with the
 *             wait queue, is freed. Else the event's release destroys it, so
 *             that a delivery that outlives the event can still give back.
 *   socket    not held. watch->sock is good under watch->lock; for more, a
 *             reference on its file is taken there. The last one may be
 *             dropped by construct: then it is closed on the way to user mode.
 *
 * Locking: aip_watch.lock protects sock, ev and joined, is taken in process context
 * only, and inside it is the wait queue's lock, inside which aip_wake() takes
 * the owner's. kept is exchanged: who gets it owns it. The rest of a watch is
 * set by init, or belongs to the delivery: construct, undo and release, of which
 * there is one at a time. aip_spill_lock is inside of nothing, and the socket's
 * lock is taken inside it.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/in6.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>
#include <net/inet_connection_sock.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "aem-compat.h"
#include "aem-kernel.h"

/* How much of a stream a handler is given at most, and asked for at least. */
#define AIP_READ_MAX	(16 * 1024)
#define AIP_READ_MIN	64

/* In front of a datagram in the zone: whom it is from. */
#define AIP_FROM		32

/* Until what cannot be done for want of descriptors or files is tried again. */
#define AIP_RETRY_MS	100

/* No datagram is longer. */
#define AIP_SPILL		SZ_64K

/* Whoever has something happen to the socket wakes each of them. */
static unsigned int max_events = 128;
module_param(max_events, uint, 0644);
MODULE_PARM_DESC(max_events, "events of a user on one socket");

/* What was in the zone for a handler that was not called. */
struct aip_kept {
	u32 size;	/* of the image */
	s32 len;	/* as the handler is told */
	u32 fromlen;
	char image[];
};

struct aip_watch {
	struct fsnotify_mark mark;
	refcount_t ref;
	spinlock_t lock;		/* the next three */
	struct socket *sock;		/* NULL once it is gone */
	struct aem_event *ev;		/* NULL once it is shut down */
	bool joined;			/* it is on the wait queue */
	bool stream;			/* of TCP, else of UDP */
	struct wait_queue_entry wait;
	struct timer_list retry;
	__poll_t wakes;			/* 0: all that wakes it */
	s32 fd;				/* as the handler is told */
	u32 op;
	kuid_t payer;			/* in whose quota it is */
	void __user *addr;
	u32 addrlen;
	struct file *opened;		/* until the event is known; held */
	/* What the delivery that is under way was given. */
	s32 len;
	u32 fromlen;
	bool failed;			/* len is an error that was the socket's */
	bool denied;			/* it is one that stays */
	int new_fd;
	struct file *new_file;		/* not held: to know it again ... */
	unsigned long new_ino;		/* ... if it is still the same */
	/* What the next one is given first: it, or ERR_PTR(): why it is lost. */
	struct aip_kept *kept;
	struct file *kept_file;		/* held */
};

static struct kmem_cache *aip_cache;
static struct fsnotify_group *aip_group;
static atomic_t aip_marks;	/* until fsnotify has freed them */

/* What of a datagram the room is too small for that was made for another one. */
static DEFINE_MUTEX(aip_spill_lock);
static char *aip_spill;

static void aip_watch_put(struct aip_watch *watch)
{
	if (refcount_dec_and_test(&watch->ref))
		kmem_cache_free(aip_cache, watch);
}

/* The socket's wait queue is woken: any context, with its lock held. */
static int aip_wake(struct wait_queue_entry *wait, unsigned int mode, int sync,
		    void *key)
{
	struct aip_watch *watch = container_of(wait, struct aip_watch, wait);
	__poll_t what = key_to_poll(key);

	if (!what || what & watch->wakes)
		aem_raise(watch->ev);
	return 0;
}

static void aip_retry(struct timer_list *timer)
{
	struct aip_watch *watch = from_timer(watch, timer, retry);

	aem_raise(watch->ev);
}

static void aip_retry_later(struct aip_watch *watch)
{
	/* Nothing happens when the event is shut down. */
	mod_timer(&watch->retry, jiffies + msecs_to_jiffies(AIP_RETRY_MS));
}

/* Off the wait queue, if it is there. Called with the lock held. */
static void aip_watch_leave(struct aip_watch *watch)
{
	if (watch->joined)
		remove_wait_queue(&watch->sock->wq.wait, &watch->wait);
	watch->joined = false;
}

/*
 * The socket's last descriptor is closed, or it @goes: the event ends. It may
 * have ended before: then it is its release that destroys the mark.
 */
static void aip_end(struct aip_watch *watch, bool goes)
{
	struct aem_event *ev;

	spin_lock(&watch->lock);
	if (goes) {
		aip_watch_leave(watch);
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
static int aip_closed(struct fsnotify_mark *mark, u32 mask, struct inode *inode,
		      struct inode *dir, const struct qstr *name, u32 cookie)
{
	aip_end(container_of(mark, struct aip_watch, mark), false);
	return 0;
}

static void aip_freeing_mark(struct fsnotify_mark *mark,
			     struct fsnotify_group *group)
{
	aip_end(container_of(mark, struct aip_watch, mark), true);
}

/*
 * From a work item of fsnotify's. When aip_marks is 0 it may still be here: the
 * module's exit waits for it, too.
 */
static void aip_free_mark(struct fsnotify_mark *mark)
{
	aip_watch_put(container_of(mark, struct aip_watch, mark));
	if (atomic_dec_and_test(&aip_marks))
		wake_up_var(&aip_marks);
}

static const struct fsnotify_ops aip_fsnotify_ops = {
	.handle_inode_event = aip_closed,
	.freeing_mark = aip_freeing_mark,
	.free_mark = aip_free_mark,
};

/* The socket's file, referenced; NULL when it is closed. */
static struct file *aip_watch_file(struct aip_watch *watch)
{
	struct file *file = NULL;

	spin_lock(&watch->lock);
	if (watch->sock)
		file = get_file_active(&watch->sock->file);
	spin_unlock(&watch->lock);
	return file;
}

static __poll_t aip_state(struct socket *sock)
{
	return READ_ONCE(sock->ops)->poll(sock->file, sock, NULL);
}

static bool aip_is_tcp(const struct sock *sk)
{
	return sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP;
}

static bool aip_is_udp(const struct sock *sk)
{
	return sk->sk_type == SOCK_DGRAM && sk->sk_protocol == IPPROTO_UDP;
}

/* What comes in is somebody else's: of TLS, kcm, sockmap, an encapsulation. */
static bool aip_is_taken(const struct sock *sk)
{
	if (aip_is_tcp(sk) && inet_csk(sk)->icsk_ulp_ops)
		return true;
	return rcu_access_pointer(__sk_user_data(sk));
}

/* Connected, on its way to it, or it has been. */
static bool aip_is_connection(const struct sock *sk)
{
	int state = inet_sk_state_load(sk);

	if (state == TCP_LISTEN)
		return false;
	return state != TCP_CLOSE || inet_sk(sk)->inet_dport;
}

static int aip_check_read(struct aem_event *ev, const struct sock *sk)
{
	if (aip_is_taken(sk))
		return -EBUSY;
	if (aip_is_tcp(sk) && !aip_is_connection(sk))
		return -ENOTCONN;
	/* Its handler is given data. */
	return aem_event_zone_size(ev) ? 0 : -ENXIO;
}

/* Can there be such an event of this socket? */
static int aip_check_socket(struct aem_event *ev, const struct sock *sk, u32 op)
{
	if (sk->sk_family != AF_INET && sk->sk_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (!aip_is_tcp(sk) && !(op == AEMIP_READ && aip_is_udp(sk)))
		return -EOPNOTSUPP;
	switch (op) {
	case AEMIP_ACCEPT:
		return inet_sk_state_load(sk) == TCP_LISTEN ? 0 : -EINVAL;
	case AEMIP_READ:
		return aip_check_read(ev, sk);
	default:
		return aip_is_connection(sk) ? 0 : -ENOTCONN;
	}
}

static int aip_check_args(const struct aem_ip_args *args)
{
	bool accept = args->op == AEMIP_ACCEPT;

	if (args->op > AEMIP_WRITE || args->pad || !args->addr != !args->addrlen)
		return -EINVAL;
	/* Another process has no use for a descriptor of this one. */
	if (accept)
		return args->head.flags & (EVF_FORK | EVF_CAPSULE) ? -EINVAL : 0;
	if (args->addr || args->head.flags & (AEMIP_CLOEXEC | AEMIP_NONBLOCK))
		return -EINVAL;
	return 0;
}

static __poll_t aip_wakes(u32 op)
{
	__poll_t ends = EPOLLHUP | EPOLLRDHUP | EPOLLERR;

	switch (op) {
	case AEMIP_ACCEPT:
	case AEMIP_READ:
		return ends | EPOLLIN | EPOLLRDNORM;
	case AEMIP_CLOSE:
		return ends;
	default:
		return EPOLLHUP | EPOLLERR | EPOLLOUT | EPOLLWRNORM;
	}
}

static struct aip_watch *aip_watch_make(struct aem_event *ev,
					const struct sock *sk,
					const struct aem_ip_args *args)
{
	struct aip_watch *watch;

	watch = kmem_cache_zalloc(aip_cache, AEM_GFP);
	if (!watch)
		return NULL;
	/* The event, and the mark. */
	refcount_set(&watch->ref, 2);
	spin_lock_init(&watch->lock);
	init_waitqueue_func_entry(&watch->wait, aip_wake);
	timer_setup(&watch->retry, aip_retry, 0);
	watch->ev = ev;
	watch->stream = aip_is_tcp(sk);
	watch->payer = aem_event_payer(ev);
	watch->op = args->op;
	watch->wakes = aip_wakes(args->op);
	watch->fd = args->fd;
	watch->addr = u64_to_user_ptr(args->addr);
	watch->addrlen = args->addrlen;
	return watch;
}

/* How many of the user's are on the wait queue. Called with its lock held. */
static unsigned int aip_count(struct wait_queue_head *queue, kuid_t payer)
{
	struct wait_queue_entry *wait;
	unsigned int count = 0;

	list_for_each_entry(wait, &queue->head, entry)
		count += wait->func == aip_wake &&
			 uid_eq(payer, container_of(wait, struct aip_watch,
						    wait)->payer);
	return count;
}

/* Puts the watch on the socket's wait queue; false at the limit. */
static bool aip_watch_enter(struct aip_watch *watch, struct socket *sock)
{
	struct wait_queue_head *queue = &sock->wq.wait;

	spin_lock(&watch->lock);
	watch->sock = sock;
	spin_lock_irq(&queue->lock);
	watch->joined = aip_count(queue, watch->payer) < READ_ONCE(max_events);
	if (watch->joined)
		__add_wait_queue(queue, &watch->wait);
	spin_unlock_irq(&queue->lock);
	spin_unlock(&watch->lock);
	return watch->joined;
}

/* Has the watch told of what happens to the socket, and of its end. */
static int aip_watch_join(struct aip_watch *watch, struct socket *sock)
{
	int ret;

	atomic_inc(&aip_marks);
	fsnotify_init_mark(&watch->mark, aip_group);
	watch->mark.flags |= FSNOTIFY_MARK_FLAG_NO_IREF;
	watch->mark.mask = FS_CLOSE_WRITE | FS_CLOSE_NOWRITE;
	ret = fsnotify_add_inode_mark(&watch->mark, SOCK_INODE(sock), 0);
	if (ret)
		goto put;
	if (!aip_watch_enter(watch, sock)) {
		ret = -EAGAIN;
		goto destroy;
	}
	/*
	 * What has happened before. Pairs with wq_has_sleeper(): whoever wakes
	 * sees the entry, or what it tells of is seen here. poll() without a
	 * table has no barrier.
	 */
	smp_mb();
	if (aip_state(sock) & watch->wakes)
		aem_raise(watch->ev);
	return 0;
destroy:
	/* There is no event to be ended by it. */
	watch->ev = NULL;
	fsnotify_destroy_mark(&watch->mark, aip_group);
put:
	fsnotify_put_mark(&watch->mark);
	return ret;
}

/* A watch on a socket whose file is held. */
static int aip_watch_add(struct aem_event *ev, struct socket *sock,
			 const struct aem_ip_args *args)
{
	struct aip_watch **priv = aem_event_priv(ev);
	struct aip_watch *watch;
	int ret;

	ret = aip_check_socket(ev, sock->sk, args->op);
	if (ret)
		return ret;
	/* With its mark it takes as much as two. */
	if (!aem_event_charge(ev, 1))
		return -EAGAIN;
	watch = aip_watch_make(ev, sock->sk, args);
	ret = watch ? aip_watch_join(watch, sock) : -ENOMEM;
	if (ret) {
		aem_event_uncharge(ev, 1);
		if (watch)
			aip_watch_put(watch);
		return ret;
	}
	watch->opened = sock->file;
	*priv = watch;
	return 0;
}

static int aip_init(struct aem_event *ev, const void *argp)
{
	const struct aem_ip_args *args = argp;
	struct socket *sock;
	int ret;

	ret = aip_check_args(args);
	if (ret)
		return ret;
	sock = sockfd_lookup(args->fd, &ret);
	if (!sock)
		return ret;
	ret = aip_watch_add(ev, sock, args);
	if (ret)
		sockfd_put(sock);
	return ret;
}

static struct aip_watch *aip_watch_of(struct aem_event *ev)
{
	struct aip_watch **priv = aem_event_priv(ev);

	return *priv;
}

/* From here on its socket may be closed. */
static void aip_registered(struct aem_event *ev)
{
	fput(aip_watch_of(ev)->opened);
}

/* Accept */

/* As accept4(): what fails, fails before a connection is taken. */
static struct file *aip_accept_file(struct socket *sock, u32 flags)
{
	return aem_accept(sock->file, O_NONBLOCK,
			  flags & AEMIP_NONBLOCK ? O_NONBLOCK : 0);
}

/* Returns the address's length; 0 where the program cannot be told it. */
static int aip_tell_peer(struct aip_watch *watch, struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct sockaddr_storage addr;
	int len;

	if (!watch->addr)
		return 0;
	len = READ_ONCE(sock->ops)->getname(sock, (struct sockaddr *)&addr, 2);
	if (len <= 0 || copy_to_user(watch->addr, &addr,
				     min_t(u32, len, watch->addrlen)))
		return 0;
	return len;
}

static int aip_accept(struct aem_event *ev, struct aip_watch *watch,
		      struct socket *sock, struct aem_delivery *d)
{
	u32 flags = ev->flags;
	struct file *file;
	int fd, ret;

	if (!watch->kept_file && !(aip_state(sock) & EPOLLIN))
		return -EAGAIN;
	fd = get_unused_fd_flags(flags & AEMIP_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0) {
		aip_retry_later(watch);
		return -EAGAIN;
	}
	file = watch->kept_file ?: aip_accept_file(sock, flags);
	watch->kept_file = NULL;
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		ret = PTR_ERR(file);
		/* Another one took it, or it does not listen any more. */
		if (ret != -EAGAIN && ret != -EINVAL)
			aip_retry_later(watch);
		return -EAGAIN;
	}
	d->call.args[3] = aip_tell_peer(watch, file);
	watch->new_fd = fd;
	watch->new_file = file;
	watch->new_ino = file_inode(file)->i_ino;
	fd_install(fd, file);
	d->call.args[2] = fd;
	if (aip_state(sock) & EPOLLIN)
		aem_raise(ev);
	return 0;
}

/*
 * Is this the file that was accepted? What is at its descriptor is the program's,
 * and a file's memory may be another file's by now.
 */
static bool aip_is_new_file(struct aip_watch *watch, struct file *file)
{
	return file == watch->new_file && sock_from_file(file) &&
	       file_inode(file)->i_ino == watch->new_ino;
}

/*
 * The program does not learn of the descriptor: it has none. In one go, because
 * another thread may close it, and have the number for another file. Called by
 * the owner, whose table it is: there is no handler process.
 */
static void aip_unaccept(struct aip_watch *watch)
{
	struct files_struct *files = current->files;
	unsigned int fd = watch->new_fd;
	struct file *file;

	spin_lock(&files->file_lock);
	file = files_lookup_fd_locked(files, fd);
	if (file && aip_is_new_file(watch, file))
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

/* Where in the zone the data of this event's deliveries begins. */
static u32 aip_data_offset(const struct aip_watch *watch)
{
	return watch->stream ? 0 : AIP_FROM;
}

/* Tells the handler what is in the zone at @addr. */
static void aip_tell_data(struct aip_watch *watch, struct aem_delivery *d,
			  u64 addr)
{
	bool has_data = watch->len > 0 || (!watch->len && !watch->stream);

	d->call.args[2] = has_data ? addr + aip_data_offset(watch) : 0;
	d->call.args[3] = watch->len;
	if (watch->fromlen) {
		d->call.args[4] = addr;
		d->call.args[5] = watch->fromlen;
	}
}

/*
 * How much room there should be for what comes next. Of datagrams another one
 * may be the next.
 */
static u32 aip_next_size(struct aem_event *ev, struct aip_watch *watch,
			 struct sock *sk)
{
	int len = aem_sock_inq(sk);
	u32 size;

	size = watch->stream ? clamp_t(u32, len, AIP_READ_MIN, AIP_READ_MAX) :
	       len + AIP_FROM;
	return min_t(size_t, size, aem_event_zone_size(ev));
}

/* As how many events it counts in its user's quota. */
static unsigned int aip_kept_units(u32 size)
{
	return DIV_ROUND_UP(sizeof(struct aip_kept) + size, AEM_EVENT_COST);
}

/* For the event's next handler, with an image to be filled; NULL without room. */
static struct aip_kept *aip_kept_make(struct aem_event *ev,
				      struct aip_watch *watch, u32 size)
{
	unsigned int units = aip_kept_units(size);
	struct aip_kept *kept;

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

static void aip_kept_free(struct aem_event *ev, struct aip_kept *kept)
{
	aem_event_uncharge(ev, aip_kept_units(kept->size));
	kvfree(kept);
}

/* What is kept, which is the caller's then; NULL, or ERR_PTR() once. */
static struct aip_kept *aip_kept_get(struct aip_watch *watch)
{
	return xchg(&watch->kept, NULL);
}

/* There is none: what was kept before was taken by who sets this. */
static void aip_kept_set(struct aip_watch *watch, struct aip_kept *kept)
{
	/* Pairs with aip_kept_get(): the image is complete. */
	smp_store_release(&watch->kept, kept);
}

/* An error for whoever uses the socket next. */
static void aip_fail_socket(struct aip_watch *watch, int error)
{
	struct file *file = aip_watch_file(watch);
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
static void aip_kept_drop(struct aem_event *ev, struct aip_watch *watch)
{
	struct aip_kept *kept = aip_kept_get(watch);

	if (!kept)
		return;
	/* A stream must not go on as if nothing were missing. */
	if (watch->stream)
		aip_fail_socket(watch, -ENOBUFS);
	if (!IS_ERR(kept))
		aip_kept_free(ev, kept);
}

/* Reads what comes next of a stream into the room. */
static void aip_receive_stream(struct aip_watch *watch, struct socket *sock,
			       char *room, u32 size)
{
	struct msghdr msg = { };
	struct kvec iov = { room, size };

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &iov, 1, size);
	watch->len = sock_recvmsg(sock, &msg, MSG_DONTWAIT);
	watch->failed = watch->len < 0;
	watch->fromlen = 0;
}

/*
 * The datagram that was read is too long for the @size bytes of @room; the rest
 * is in aip_spill, whose lock is held. It is kept, and told in a larger one.
 */
static void aip_spilled(struct aem_event *ev, struct aip_watch *watch,
			const char *room, u32 size)
{
	u32 whole = AIP_FROM + watch->len;
	struct aip_kept *kept;

	/* Better none of it than a part. */
	if (whole > aem_event_zone_size(ev)) {
		watch->len = -EMSGSIZE;
		return;
	}
	kept = aip_kept_make(ev, watch, whole);
	if (!kept) {
		watch->len = -ENOBUFS;
		return;
	}
	memcpy(kept->image, room, size);
	memcpy(kept->image + size, aip_spill, whole - size);
	aip_kept_set(watch, kept);
	watch->len = -EAGAIN;
	aem_raise(ev);
}

/* Reads the next datagram, and in front of it whom it is from, into the room. */
static void aip_receive_datagram(struct aem_event *ev, struct aip_watch *watch,
				 struct socket *sock, char *room, u32 size)
{
	struct sockaddr_storage from;
	struct msghdr msg = { .msg_name = &from };
	struct kvec iov[] = {
		{ room + AIP_FROM, size - AIP_FROM }, { aip_spill, AIP_SPILL },
	};

	watch->fromlen = 0;
	mutex_lock(&aip_spill_lock);
	iov_iter_kvec(&msg.msg_iter, ITER_DEST, iov, ARRAY_SIZE(iov),
		      iov[0].iov_len + AIP_SPILL);
	watch->len = sock_recvmsg(sock, &msg, MSG_DONTWAIT);
	watch->failed = watch->len < 0;
	if (watch->len >= 0) {
		watch->fromlen = min_t(u32, msg.msg_namelen, AIP_FROM);
		memcpy(room, &from, watch->fromlen);
		if (watch->len > iov[0].iov_len)
			aip_spilled(ev, watch, room, size);
	}
	mutex_unlock(&aip_spill_lock);
}

/* What an earlier handler should have been given. */
static int aip_read_kept(struct aem_event *ev, struct aip_watch *watch,
			 struct aip_kept *kept, struct aem_delivery *d)
{
	void *room;
	u64 addr;

	room = aem_delivery_data(ev, d, kept->size, &addr);
	if (!room) {
		aip_kept_set(watch, kept);
		return -ENOSPC;
	}
	memcpy(room, kept->image, kept->size);
	watch->len = kept->len;
	watch->fromlen = kept->fromlen;
	watch->failed = false;
	aip_kept_free(ev, kept);
	aip_tell_data(watch, d, addr);
	return 0;
}

/* The end of the event: the handler is told why, and no more. */
static int aip_read_end(struct aip_watch *watch, struct aem_delivery *d, int why)
{
	watch->len = why;
	watch->failed = false;
	watch->fromlen = 0;
	d->call.args[3] = why;
	d->last = true;
	return 0;
}

/* What came instead of data: does it end a stream, was it the socket's? */
static void aip_read_error(struct aip_watch *watch, __poll_t news)
{
	if (watch->stream || !watch->failed)
		return;
	/* Else a security module's, which says the same again. */
	watch->failed = news & EPOLLERR;
	watch->denied = !watch->failed;
}

static int aip_read_socket(struct aem_event *ev, struct aip_watch *watch,
			   struct socket *sock, struct aem_delivery *d)
{
	__poll_t news = aip_state(sock) & watch->wakes;
	char *room;
	u32 size;
	u64 addr;

	if (!news)
		return -EAGAIN;
	size = aip_next_size(ev, watch, sock->sk);
	room = aem_delivery_data(ev, d, size, &addr);
	if (!room)
		return -ENOSPC;
	if (watch->stream)
		aip_receive_stream(watch, sock, room, size);
	else
		aip_receive_datagram(ev, watch, sock, room, size);
	if (watch->len == -EAGAIN) {
		/* Urgent data is not passed by while a signal is pending. */
		if (watch->stream && news & EPOLLIN)
			aip_retry_later(watch);
		return -EAGAIN;
	}
	aip_read_error(watch, news);
	aip_tell_data(watch, d, addr);
	if (watch->stream && watch->len <= 0)
		d->last = true;
	return 0;
}

/* There is more than the call that was prepared tells of? */
static void aip_read_on(struct aem_event *ev, struct aip_watch *watch,
			struct socket *sock)
{
	if (!(aip_state(sock) & watch->wakes))
		return;
	if (watch->denied)
		aip_retry_later(watch);
	else
		aem_raise(ev);
}

static int aip_read(struct aem_event *ev, struct aip_watch *watch,
		    struct socket *sock, struct aem_delivery *d)
{
	struct aip_kept *kept = aip_kept_get(watch);
	int ret;

	watch->denied = false;
	if (IS_ERR(kept))
		ret = aip_read_end(watch, d, PTR_ERR(kept));
	else if (kept)
		ret = aip_read_kept(ev, watch, kept, d);
	else if (aip_is_taken(sock->sk))
		ret = aip_read_end(watch, d, -EBUSY);
	else
		ret = aip_read_socket(ev, watch, sock, d);
	if (!ret && !d->last)
		aip_read_on(ev, watch, sock);
	return ret;
}

/*
 * @image was in the zone for a handler that is not called. Also when the event
 * was shut down: another task may be about to drop what it has kept.
 */
static void aip_unread(struct aem_event *ev, struct aip_watch *watch,
		       const char *image)
{
	u32 size = max(watch->len, 0) + aip_data_offset(watch);
	struct aip_kept *kept;

	if (watch->stream && watch->len == -ENOBUFS) {
		aip_kept_set(watch, ERR_PTR(-ENOBUFS));
		return;
	}
	/* Any other reason for which the event ends is told of again. */
	if (!image || (watch->stream && watch->len <= 0))
		return;
	kept = aip_kept_make(ev, watch, size);
	if (kept) {
		memcpy(kept->image, image, size);
		aip_kept_set(watch, kept);
		return;
	}
	/* A datagram may get lost; a stream is told of it. */
	if (watch->stream)
		aip_kept_set(watch, ERR_PTR(-ENOBUFS));
	aem_refuse(ev);
}

/*
 * The program takes what is kept of a stream. By the owner alone, whose calls
 * that are not made have been settled on its way here.
 */
static int aip_take(struct aem_event *ev, struct aip_watch *watch,
		    const struct aem_ip_take __user *arg)
{
	struct aem_ip_take take;
	struct aip_kept *kept;
	int ret;

	if (watch->op != AEMIP_READ || !watch->stream)
		return -EINVAL;
	if (ev->task != current->aem)
		return -EPERM;
	if (copy_from_user(&take, arg, sizeof(take)))
		return -EFAULT;
	if (take.pad)
		return -EINVAL;
	kept = aip_kept_get(watch);
	if (IS_ERR_OR_NULL(kept))
		return PTR_ERR_OR_ZERO(kept);
	ret = kept->size;
	if (kept->size > take.len)
		ret = -EMSGSIZE;
	else if (copy_to_user(u64_to_user_ptr(take.addr), kept->image, ret))
		ret = -EFAULT;
	if (ret < 0)
		aip_kept_set(watch, kept);
	else
		aip_kept_free(ev, kept);
	return ret;
}

static int aip_control(struct aem_event *ev, u64 opt, u64 arg)
{
	if (opt != EVIP_TAKE)
		return -EINVAL;
	return aip_take(ev, aip_watch_of(ev), u64_to_user_ptr(arg));
}

/* Close, connect, write */

static int aip_close(struct sock *sk, struct aem_delivery *d)
{
	/* Its own half of the connection is the program's business. */
	if (!sock_flag(sk, SOCK_DONE) && inet_sk_state_load(sk) != TCP_CLOSE)
		return -EAGAIN;
	d->last = true;
	return 0;
}

static int aip_connect(struct aip_watch *watch, struct sock *sk,
		       struct aem_delivery *d)
{
	int state = inet_sk_state_load(sk);

	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return -EAGAIN;
	watch->len = sock_error(sk);
	watch->failed = watch->len < 0;
	if (!watch->len && state == TCP_CLOSE)
		watch->len = -ECONNABORTED;
	d->call.args[2] = watch->len;
	d->last = true;
	return 0;
}

static int aip_write(struct aip_watch *watch, struct socket *sock)
{
	return aip_state(sock) & watch->wakes ? 0 : -EAGAIN;
}

static int aip_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct aip_watch *watch = aip_watch_of(ev);
	struct file *file = aip_watch_file(watch);
	struct socket *sock;
	int ret;

	if (!file)
		return -EAGAIN;
	sock = sock_from_file(file);
	d->call.args[1] = watch->fd;
	switch (watch->op) {
	case AEMIP_ACCEPT:
		ret = aip_accept(ev, watch, sock, d);
		break;
	case AEMIP_READ:
		ret = aip_read(ev, watch, sock, d);
		break;
	case AEMIP_CLOSE:
		ret = aip_close(sock->sk, d);
		break;
	case AEMIP_CONNECT:
		ret = aip_connect(watch, sock->sk, d);
		break;
	default:
		ret = aip_write(watch, sock);
		break;
	}
	fput(file);
	return ret;
}

static void aip_undo(struct aem_event *ev, struct aem_delivery *d)
{
	struct aip_watch *watch = aip_watch_of(ev);

	/* The socket may be gone: what was taken from it is here all the same. */
	if (watch->op == AEMIP_ACCEPT)
		aip_unaccept(watch);
	else if (watch->failed)
		aip_fail_socket(watch, watch->len);
	else if (watch->op == AEMIP_READ)
		aip_unread(ev, watch, d->data);
}

static void aip_shutdown(struct aem_event *ev)
{
	struct aip_watch *watch = aip_watch_of(ev);

	timer_shutdown_sync(&watch->retry);
	spin_lock(&watch->lock);
	aip_watch_leave(watch);
	watch->ev = NULL;
	spin_unlock(&watch->lock);
	aip_kept_drop(ev, watch);
}

static void aip_release(struct aem_event *ev)
{
	struct aip_watch *watch = aip_watch_of(ev);

	/* A delivery may have been undone after the shutdown. */
	aip_kept_drop(ev, watch);
	fsnotify_destroy_mark(&watch->mark, aip_group);
	fsnotify_put_mark(&watch->mark);
	if (watch->kept_file)
		fput(watch->kept_file);
	aem_event_uncharge(ev, 1);
	aip_watch_put(watch);
}

static struct aem_kind aip_kind = {
	.owner = THIS_MODULE,
	.name = "ip",
	.args_size = sizeof(struct aem_ip_args),
	.priv_size = sizeof(struct aip_watch *),
	.flags = AEMIP_CLOEXEC | AEMIP_NONBLOCK,
	.init = aip_init,
	.registered = aip_registered,
	.construct = aip_construct,
	.undo = aip_undo,
	.shutdown = aip_shutdown,
	.release = aip_release,
	.control = aip_control,
};

static int __init aip_module_init(void)
{
	int ret = -ENOMEM;

	/* In it an event and its watch take no more than two events are said to. */
	aip_cache = KMEM_CACHE(aip_watch, SLAB_ACCOUNT);
	if (!aip_cache)
		return ret;
	aip_spill = vmalloc(AIP_SPILL);
	if (!aip_spill)
		goto destroy;
	/* Each event on a socket has a mark there. */
	aip_group = fsnotify_alloc_group(&aip_fsnotify_ops, FSNOTIFY_GROUP_DUPS);
	if (IS_ERR(aip_group)) {
		ret = PTR_ERR(aip_group);
		goto free;
	}
	ret = aem_kind_register(&aip_kind);
	if (ret)
		goto put;
	return 0;
put:
	fsnotify_put_group(aip_group);
free:
	vfree(aip_spill);
destroy:
	kmem_cache_destroy(aip_cache);
	return ret;
}

static void __exit aip_module_exit(void)
{
	aem_kind_unregister(&aip_kind);
	/* A socket that goes may hold its mark still, ... */
	wait_var_event(&aip_marks, !atomic_read(&aip_marks));
	/* ... and whoever freed the last may still be here. */
	fsnotify_wait_marks_destroyed();
	fsnotify_put_group(aip_group);
	vfree(aip_spill);
	kmem_cache_destroy(aip_cache);
}

module_init(aip_module_init);
module_exit(aip_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: TCP and UDP sockets");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
