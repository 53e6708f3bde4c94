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
 * What was taken for a handler that is not called after all goes back. An
 * error goes back into the socket. So does TCP data, in front of what is
 * there, unless others have the socket too: the program could have written to
 * the zone, and must not make up what others receive. That, datagrams and
 * connections are kept for the event's next handler.
 *
 * Objects and their lifetime
 *
 *   aip_watch  one for each event, on its own: two references, one of the event,
 *             from init to release, and one of the mark embedded in it, until
 *             fsnotify frees that.
 *   the mark  tells that the socket goes: it is on the socket's inode and does
 *             not hold it. When the last descriptor is closed fsnotify destroys
 *             it, before the inode's memory with the wait queue is freed, and
 *             that ends the event. Else the event's release destroys it, so that
 *             a delivery that outlives the event can still give back.
 *   socket    not held. watch->sock is good under watch->lock; for more, a
 *             reference on its file is taken there. The last one may be
 *             dropped by construct: then it is closed on the way to user mode.
 *
 * Locking: aip_watch.lock protects sock, ev and joined, is taken in process context
 * only, and inside it is the wait queue's lock, inside which aip_wake() takes
 * the owner's. The rest of a watch is set by init, or belongs to the delivery:
 * construct, undo and release, of which there is one at a time.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/in6.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/sockios.h>
#include <linux/timer.h>
#include <linux/termios.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "aem-kernel.h"

/* How much of a stream a handler is given at most, and asked for at least. */
#define AIP_READ_MAX	(16 * 1024)
#define AIP_READ_MIN	64

/* In front of a datagram in the zone: whom it is from. */
#define AIP_FROM		32

/* Until what cannot be done for want of descriptors or files is tried again. */
#define AIP_RETRY_MS	100

/* Of a stream that goes back, in one piece: of a page. */
#define AIP_BACK_PIECE	2048

/* What is kept counts in its user's quota: so many bytes as one event. */
#define AIP_KEPT_UNIT	256

/* Whoever has something happen to the socket wakes each of them. */
static unsigned int max_events = 128;
module_param(max_events, uint, 0644);
MODULE_PARM_DESC(max_events, "events on one socket");

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
	struct wait_queue_entry wait;
	struct timer_list retry;
	__poll_t wakes;			/* 0: all that wakes it */
	s32 fd;				/* as the handler is told */
	u32 op;
	void __user *addr;
	u32 addrlen;
	struct file *opened;		/* until the event is known; held */
	/* What the delivery that is under way was given. */
	s32 len;
	u32 fromlen;
	u32 seq;			/* of the stream, behind it */
	bool failed;			/* len is an error that was the socket's */
	int new_fd;
	struct file *new_file;		/* not held: to know it again ... */
	unsigned long new_ino;		/* ... if it is still the same */
	/* What the next one is given first. */
	struct aip_kept *kept;
	struct file *kept_file;		/* held */
	bool lost;			/* part of the stream: there was no room */
};

static struct fsnotify_group *aip_group;
static atomic_t aip_marks;	/* until fsnotify has freed them */

static void aip_watch_put(struct aip_watch *watch)
{
	if (refcount_dec_and_test(&watch->ref))
		kfree(watch);
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

/* The socket goes, and its events end. Or the event is released. */
static void aip_freeing_mark(struct fsnotify_mark *mark,
			     struct fsnotify_group *group)
{
	struct aip_watch *watch = container_of(mark, struct aip_watch, mark);
	struct aem_event *ev;

	spin_lock(&watch->lock);
	aip_watch_leave(watch);
	watch->sock = NULL;
	ev = watch->ev;
	if (ev)
		aem_event_hold(ev);
	spin_unlock(&watch->lock);
	if (!ev)
		return;
	aem_event_shutdown(ev);
	aem_event_put(ev);
}

/* From a work item of fsnotify's. */
static void aip_free_mark(struct fsnotify_mark *mark)
{
	aip_watch_put(container_of(mark, struct aip_watch, mark));
	if (atomic_dec_and_test(&aip_marks))
		wake_up_var(&aip_marks);
}

static const struct fsnotify_ops aip_fsnotify_ops = {
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
					const struct aem_ip_args *args)
{
	struct aip_watch *watch;

	watch = kzalloc(sizeof(*watch), AEM_GFP);
	if (!watch)
		return NULL;
	/* The event, and the mark. */
	refcount_set(&watch->ref, 2);
	spin_lock_init(&watch->lock);
	init_waitqueue_func_entry(&watch->wait, aip_wake);
	timer_setup(&watch->retry, aip_retry, 0);
	watch->ev = ev;
	watch->op = args->op;
	watch->wakes = aip_wakes(args->op);
	watch->fd = args->fd;
	watch->addr = u64_to_user_ptr(args->addr);
	watch->addrlen = args->addrlen;
	return watch;
}

/* Puts the watch on the socket's wait queue; false at the limit. */
static bool aip_watch_enter(struct aip_watch *watch, struct socket *sock)
{
	struct wait_queue_head *queue = &sock->wq.wait;
	struct wait_queue_entry *other;
	unsigned int count = 0;

	spin_lock(&watch->lock);
	watch->sock = sock;
	spin_lock_irq(&queue->lock);
	list_for_each_entry(other, &queue->head, entry)
		count += other->func == aip_wake;
	watch->joined = count < READ_ONCE(max_events);
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
	ret = fsnotify_add_inode_mark(&watch->mark, SOCK_INODE(sock), 0);
	if (ret)
		goto put;
	if (!aip_watch_enter(watch, sock)) {
		ret = -EAGAIN;
		goto destroy;
	}
	/* What has happened before. */
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
	if (!aem_event_charge(ev))
		return -EAGAIN;
	watch = aip_watch_make(ev, args);
	ret = watch ? aip_watch_join(watch, sock) : -ENOMEM;
	if (ret) {
		aem_event_uncharge(ev);
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
	struct proto_accept_arg arg = { .flags = O_NONBLOCK };

	return do_accept(sock->file, &arg, NULL, NULL,
			 flags & AEMIP_NONBLOCK ? O_NONBLOCK : 0);
}

/* Where the program cannot be told the address, it is not told. */
static void aip_tell_peer(struct aip_watch *watch, struct file *file)
{
	struct socket *sock = sock_from_file(file);
	struct sockaddr_storage addr;
	int len;

	if (!watch->addr)
		return;
	len = READ_ONCE(sock->ops)->getname(sock, (struct sockaddr *)&addr, 2);
	if (len > 0 && copy_to_user(watch->addr, &addr,
				    min_t(u32, len, watch->addrlen)))
		pr_debug("aem-ip: no room for an address\n");
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
	aip_tell_peer(watch, file);
	watch->new_fd = fd;
	watch->new_file = file;
	watch->new_ino = file_inode(file)->i_ino;
	fd_install(fd, file);
	d->call.args[2] = fd;
	if (aip_state(sock) & EPOLLIN)
		aem_raise(ev);
	return 0;
}

/* Is this the file that was accepted? What is at its descriptor is the program's. */
static bool aip_is_new_file(struct aip_watch *watch, struct file *file)
{
	return file == watch->new_file &&
	       file_inode(file)->i_ino == watch->new_ino;
}

/* The program does not learn of the descriptor: it has none. */
static void aip_unaccept(struct aip_watch *watch)
{
	struct file *file;
	bool same;

	file = fget(watch->new_fd);
	if (!file)
		return;
	same = aip_is_new_file(watch, file);
	fput(file);
	if (!same)
		return;
	file = file_close_fd(watch->new_fd);
	if (file && aip_is_new_file(watch, file))
		watch->kept_file = file;
	else if (file)
		fput(file);
}

/* Read */

/* Where in the zone the data of this socket's deliveries begins. */
static u32 aip_data_offset(const struct sock *sk)
{
	return aip_is_udp(sk) ? AIP_FROM : 0;
}

/* Tells the handler what is in the zone at @addr. */
static void aip_tell_data(struct aip_watch *watch, const struct sock *sk,
			  struct aem_delivery *d, u64 addr)
{
	bool has_data = watch->len > 0 || (!watch->len && aip_is_udp(sk));

	d->call.args[2] = has_data ? addr + aip_data_offset(sk) : 0;
	d->call.args[3] = watch->len;
	if (watch->fromlen) {
		d->call.args[4] = addr;
		d->call.args[5] = watch->fromlen;
	}
}

/* How much room there has to be for what comes next. */
static u32 aip_next_size(struct aem_event *ev, struct sock *sk)
{
	u32 offset = aip_data_offset(sk), size;
	int len;

	/* IPV6_ADDRFORM can change sk_prot. */
	if (READ_ONCE(sk->sk_prot)->ioctl(sk, SIOCINQ, &len) || len < 0)
		len = 0;
	size = aip_is_udp(sk) ? len + offset :
	       clamp_t(u32, len, AIP_READ_MIN, AIP_READ_MAX);
	return min_t(size_t, size, aem_event_zone_size(ev));
}

/* Reads what comes next into the room. */
static void aip_receive(struct aip_watch *watch, struct socket *sock, char *room,
			u32 size)
{
	u32 offset = aip_data_offset(sock->sk);
	struct sockaddr_storage from;
	struct msghdr msg = { .msg_name = &from };
	struct kvec iov = { room + offset, size - offset };

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &iov, 1, iov.iov_len);
	watch->len = sock_recvmsg(sock, &msg, MSG_DONTWAIT);
	watch->failed = watch->len < 0;
	watch->fromlen = 0;
	if (!offset)
		watch->seq = READ_ONCE(tcp_sk(sock->sk)->copied_seq);
	if (watch->len < 0 || !offset)
		return;
	/* It was longer than the zone: better none of it than a part. */
	if (msg.msg_flags & MSG_TRUNC)
		watch->len = -EMSGSIZE;
	watch->fromlen = min_t(u32, msg.msg_namelen, AIP_FROM);
	memcpy(room, &from, watch->fromlen);
}

static unsigned int aip_kept_units(u32 size)
{
	return DIV_ROUND_UP(sizeof(struct aip_kept) + size, AIP_KEPT_UNIT);
}

static void aip_kept_uncharge(struct aem_event *ev, unsigned int units)
{
	while (units--)
		aem_event_uncharge(ev);
}

static bool aip_kept_charge(struct aem_event *ev, unsigned int units)
{
	unsigned int i;

	for (i = 0; i < units; i++) {
		if (!aem_event_charge(ev)) {
			aip_kept_uncharge(ev, i);
			return false;
		}
	}
	return true;
}

static void aip_kept_free(struct aem_event *ev, struct aip_watch *watch)
{
	if (!watch->kept)
		return;
	aip_kept_uncharge(ev, aip_kept_units(watch->kept->size));
	kvfree(watch->kept);
	watch->kept = NULL;
}

/* What an earlier handler should have been given. */
static int aip_read_kept(struct aem_event *ev, struct aip_watch *watch,
			 struct sock *sk, struct aem_delivery *d)
{
	struct aip_kept *kept = watch->kept;
	void *room;
	u64 addr;

	room = aem_delivery_data(ev, d, kept->size, &addr);
	if (!room)
		return -ENOSPC;
	memcpy(room, kept->image, kept->size);
	watch->len = kept->len;
	/* What there is now is behind it. */
	if (aip_is_tcp(sk))
		watch->seq = READ_ONCE(tcp_sk(sk)->copied_seq);
	watch->failed = false;
	watch->fromlen = kept->fromlen;
	aip_kept_free(ev, watch);
	aip_tell_data(watch, sk, d, addr);
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

static int aip_read_socket(struct aem_event *ev, struct aip_watch *watch,
			   struct socket *sock, struct aem_delivery *d)
{
	__poll_t news = aip_state(sock) & watch->wakes;
	struct sock *sk = sock->sk;
	bool tcp = aip_is_tcp(sk);
	char *room;
	u32 size;
	u64 addr;

	if (!news)
		return -EAGAIN;
	size = aip_next_size(ev, sk);
	room = aem_delivery_data(ev, d, size, &addr);
	if (!room)
		return -ENOSPC;
	aip_receive(watch, sock, room, size);
	if (watch->len == -EAGAIN) {
		/* Urgent data is not passed by while a signal is pending. */
		if (tcp && news & EPOLLIN)
			aip_retry_later(watch);
		return -EAGAIN;
	}
	aip_tell_data(watch, sk, d, addr);
	if (tcp && watch->len <= 0)
		d->last = true;
	return 0;
}

static int aip_read(struct aem_event *ev, struct aip_watch *watch,
		    struct socket *sock, struct aem_delivery *d)
{
	int ret;

	if (watch->kept)
		ret = aip_read_kept(ev, watch, sock->sk, d);
	else if (watch->lost)
		ret = aip_read_end(watch, d, -ENOBUFS);
	else if (aip_is_taken(sock->sk))
		ret = aip_read_end(watch, d, -EBUSY);
	else
		ret = aip_read_socket(ev, watch, sock, d);
	if (!ret && !d->last && aip_state(sock) & watch->wakes)
		aem_raise(ev);
	return ret;
}

/* Pieces of a stream, in order; false without memory. */
static bool aip_back_pieces(struct sk_buff_head *pieces, const char *data,
			    u32 len)
{
	struct sk_buff *skb;
	u32 size;

	__skb_queue_head_init(pieces);
	for (; len; data += size, len -= size) {
		size = min_t(u32, len, AIP_BACK_PIECE);
		skb = alloc_skb(size, GFP_KERNEL);
		if (!skb) {
			__skb_queue_purge(pieces);
			return false;
		}
		skb_put_data(skb, data, size);
		__skb_queue_tail(pieces, skb);
	}
	return true;
}

/*
 * Gives the pieces the numbers before those that are read next. An end of the
 * stream that was passed has one, too.
 */
static void aip_back_number(struct tcp_sock *tp, struct sk_buff_head *pieces,
			    u32 len, bool fin)
{
	u32 seq = tp->copied_seq - len - fin;
	struct sk_buff *skb;

	WRITE_ONCE(tp->copied_seq, seq);
	skb_queue_walk(pieces, skb) {
		TCP_SKB_CB(skb)->seq = seq;
		seq += skb->len;
		TCP_SKB_CB(skb)->end_seq = seq;
	}
	if (!fin)
		return;
	skb = skb_peek_tail(pieces);
	TCP_SKB_CB(skb)->tcp_flags = TCPHDR_FIN;
	TCP_SKB_CB(skb)->end_seq++;
}

/* Nobody has read on, or connected it anew. Called with the socket locked. */
static bool aip_is_same_stream(struct sock *sk, u32 seq)
{
	return !aip_is_taken(sk) && aip_is_connection(sk) &&
	       sk->sk_state != TCP_SYN_SENT && tcp_sk(sk)->copied_seq == seq;
}

static void aip_tcp_put_back(struct sock *sk, struct sk_buff_head *pieces,
			     u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool fin = sock_flag(sk, SOCK_DONE) && tp->copied_seq == tp->rcv_nxt;
	struct sk_buff *skb;

	aip_back_number(tp, pieces, len, fin);
	while ((skb = __skb_dequeue_tail(pieces))) {
		/* Without, it is not counted: it was when it came. */
		if (sk_rmem_schedule(sk, skb, skb->truesize))
			skb_set_owner_r(skb, sk);
		__skb_queue_head(&sk->sk_receive_queue, skb);
	}
	sk->sk_data_ready(sk);
}

/*
 * Has @data, behind which the stream was at @seq, be what is read next. False
 * without memory, or when it has gone on.
 */
static bool aip_tcp_back(struct sock *sk, const char *data, u32 len, u32 seq)
{
	struct sk_buff_head pieces;
	bool same;

	if (!aip_back_pieces(&pieces, data, len))
		return false;
	lock_sock(sk);
	same = aip_is_same_stream(sk, seq);
	if (same)
		aip_tcp_put_back(sk, &pieces, len);
	release_sock(sk);
	__skb_queue_purge(&pieces);
	return same;
}

/* For the event's next handler; false without room. */
static bool aip_keep(struct aem_event *ev, struct aip_watch *watch,
		     const char *image, u32 size)
{
	unsigned int units = aip_kept_units(size);
	struct aip_kept *kept;

	if (!aip_kept_charge(ev, units))
		return false;
	kept = kvmalloc(struct_size(kept, image, size), AEM_GFP);
	if (!kept) {
		aip_kept_uncharge(ev, units);
		return false;
	}
	kept->size = size;
	kept->len = watch->len;
	kept->fromlen = watch->fromlen;
	memcpy(kept->image, image, size);
	watch->kept = kept;
	return true;
}

/* Has nobody else the socket? @file is held by the caller, too. */
static bool aip_is_alone(struct aip_watch *watch, struct file *file)
{
	struct file *mine = fget(watch->fd);
	bool alone = mine == file && file_count(file) <= 3;

	if (mine)
		fput(mine);
	return alone;
}

static void aip_unread(struct aem_event *ev, struct aip_watch *watch,
		       struct file *file, const char *image)
{
	struct sock *sk = sock_from_file(file)->sk;
	bool tcp = aip_is_tcp(sk);
	u32 len = max(watch->len, 0);

	/* Why the event ends is told of again in any case, and so is an end. */
	if (!image || (tcp && !len))
		return;
	if (tcp && aip_is_alone(watch, file) &&
	    aip_tcp_back(sk, image, len, watch->seq))
		return;
	if (aip_keep(ev, watch, image, len + aip_data_offset(sk)))
		return;
	/* A datagram may get lost; a stream is told of it. */
	watch->lost = tcp;
	aem_refuse(ev);
}

/* An error that was taken from the socket. */
static void aip_unfail(struct sock *sk, int error)
{
	lock_sock(sk);
	if (!sk->sk_err)
		WRITE_ONCE(sk->sk_err, -error);
	sk_error_report(sk);
	release_sock(sk);
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
	struct file *file = aip_watch_file(watch);

	if (!file)
		return;
	if (watch->op == AEMIP_ACCEPT)
		aip_unaccept(watch);
	else if (watch->failed)
		aip_unfail(sock_from_file(file)->sk, watch->len);
	else if (watch->op == AEMIP_READ)
		aip_unread(ev, watch, file, d->data);
	fput(file);
}

static void aip_shutdown(struct aem_event *ev)
{
	struct aip_watch *watch = aip_watch_of(ev);

	timer_shutdown_sync(&watch->retry);
	spin_lock(&watch->lock);
	aip_watch_leave(watch);
	watch->ev = NULL;
	spin_unlock(&watch->lock);
}

static void aip_release(struct aem_event *ev)
{
	struct aip_watch *watch = aip_watch_of(ev);

	fsnotify_destroy_mark(&watch->mark, aip_group);
	fsnotify_put_mark(&watch->mark);
	aip_kept_free(ev, watch);
	if (watch->kept_file)
		fput(watch->kept_file);
	aem_event_uncharge(ev);
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
};

static int __init aip_module_init(void)
{
	int ret;

	/* Each event on a socket has a mark there. */
	aip_group = fsnotify_alloc_group(&aip_fsnotify_ops, FSNOTIFY_GROUP_DUPS);
	if (IS_ERR(aip_group))
		return PTR_ERR(aip_group);
	ret = aem_kind_register(&aip_kind);
	if (ret)
		fsnotify_put_group(aip_group);
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
}

module_init(aip_module_init);
module_exit(aip_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: TCP and UDP sockets");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
