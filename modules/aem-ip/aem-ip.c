// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-ip: events of TCP and UDP sockets.
 *
 * An event has a watch on its socket, which aem-core keeps; see aem-watch.h, and
 * aem-core/watch.c for its lifetime and what protects it. What a socket has is
 * asked in construct, in the context of the event's owner, and taken there:
 * until then it stays in the backlog, or in the socket, which closes its window
 * when it is full.
 *
 * What was read for a handler that is not called is kept for the event's next
 * one. A program that has stopped an event can take the data of its stream
 * (EVIP_TAKE).
 *
 * Nothing here has a lock of its own: what construct and undo use of a watch
 * belongs to the delivery, of which there is one at a time.
 */
#include <linux/file.h>
#include <linux/in6.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/uaccess.h>
#include <net/inet_connection_sock.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "aem-compat.h"
#include "aem-watch.h"

/* In front of a datagram in the zone: whom it is from. */
#define AIP_FROM		32

/* Whoever has something happen to the socket wakes each of them. */
static unsigned int max_events = 128;
module_param(max_events, uint, 0644);
MODULE_PARM_DESC(max_events, "events of a user on one socket");

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

static const struct aem_watch_ops aip_ops;

/* A watch on a socket whose file is held. */
static int aip_watch_add(struct aem_event *ev, struct socket *sock,
			 const struct aem_ip_args *args)
{
	bool tcp = aip_is_tcp(sock->sk);
	struct aem_watch_how how = {
		.ops = &aip_ops,
		.op = args->op,
		.fd = args->fd,
		.wakes = aip_wakes(args->op),
		.max = READ_ONCE(max_events),
		.connected = tcp,
		.reads = args->op == AEMIP_READ,
		.front = tcp ? 0 : AIP_FROM,
		.addr = args->addr,
		.addrlen = args->addrlen,
	};
	int ret;

	ret = aip_check_socket(ev, sock->sk, args->op);
	return ret ?: aem_watch_add(ev, sock, &how);
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

/* Accept */

/* The address's length; 0 where the program cannot be told it. */
static int aip_tell_peer(struct aem_watch *watch, struct socket *sock)
{
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

static void aip_accepted(struct aem_watch *watch, struct socket *sock,
			 struct aem_delivery *d)
{
	d->call.args[3] = aip_tell_peer(watch, sock);
}

/* Read */

/* Tells the handler what is in the zone at @addr. */
static void aip_tell_data(struct aem_watch *watch, struct aem_delivery *d,
			  u64 addr)
{
	bool has_data = watch->len > 0 || (!watch->len && !watch->connected);

	d->call.args[2] = has_data ? addr + watch->front : 0;
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
static u32 aip_next_size(struct aem_event *ev, struct aem_watch *watch,
			 struct sock *sk)
{
	int len = aem_sock_inq(sk);
	u32 size;

	size = watch->connected ? clamp_t(u32, len, AEM_READ_MIN, AEM_READ_MAX) :
	       len + AIP_FROM;
	return min_t(size_t, size, aem_event_zone_size(ev));
}

/* Reads what comes next of a stream into the room. */
static void aip_receive_stream(struct aem_watch *watch, struct socket *sock,
			       char *room, u32 size)
{
	struct msghdr msg = { };
	struct kvec iov = { room, size };

	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &iov, 1, size);
	watch->len = sock_recvmsg(sock, &msg, MSG_DONTWAIT);
	watch->failed = watch->len < 0;
	watch->fromlen = 0;
}

/* In front of a datagram goes whom it is from. */
static void aip_front(struct aem_watch *watch, struct msghdr *msg, char *room,
		      u32 size)
{
	watch->fromlen = min_t(u32, msg->msg_namelen, AIP_FROM);
	memcpy(room, msg->msg_name, watch->fromlen);
}

/* Reads the next datagram, and in front of it whom it is from, into the room. */
static void aip_receive_datagram(struct aem_event *ev, struct aem_watch *watch,
				 struct socket *sock, char *room, u32 size)
{
	struct sockaddr_storage from;
	struct msghdr msg = { .msg_name = &from };

	aem_watch_receive(ev, watch, sock, &msg, room, size);
}

/* What came instead of data: does it end a stream, was it the socket's? */
static void aip_read_error(struct aem_watch *watch, __poll_t news)
{
	if (watch->connected || !watch->failed)
		return;
	/* Else a security module's, which says the same again. */
	watch->failed = news & EPOLLERR;
	watch->denied = !watch->failed;
}

static int aip_read_socket(struct aem_event *ev, struct aem_watch *watch,
			   struct socket *sock, struct aem_delivery *d)
{
	__poll_t news = aem_watch_state(sock) & watch->wakes;
	char *room;
	u32 size;
	u64 addr;

	if (!news)
		return -EAGAIN;
	size = aip_next_size(ev, watch, sock->sk);
	room = aem_delivery_data(ev, d, size, &addr);
	if (!room)
		return -ENOSPC;
	if (watch->connected)
		aip_receive_stream(watch, sock, room, size);
	else
		aip_receive_datagram(ev, watch, sock, room, size);
	if (watch->len == -EAGAIN) {
		/* Urgent data is not passed by while a signal is pending. */
		if (watch->connected && news & EPOLLIN)
			aem_watch_retry_later(watch);
		return -EAGAIN;
	}
	aip_read_error(watch, news);
	aip_tell_data(watch, d, addr);
	if (watch->connected && watch->len <= 0)
		d->last = true;
	return 0;
}

static const struct aem_watch_ops aip_ops = {
	.read = aip_read_socket,
	.tell = aip_tell_data,
	.front = aip_front,
	.taken = aip_is_taken,
	.accepted = aip_accepted,
};

/*
 * The program takes what is kept of a stream. By the owner alone, whose calls
 * that are not made have been settled on its way here.
 */
static int aip_take(struct aem_event *ev, struct aem_watch *watch,
		    const struct aem_ip_take __user *arg)
{
	struct aem_ip_take take;
	struct aem_kept *kept;
	int ret;

	if (watch->op != AEMIP_READ || !watch->connected)
		return -EINVAL;
	if (ev->task != current->aem)
		return -EPERM;
	if (copy_from_user(&take, arg, sizeof(take)))
		return -EFAULT;
	if (take.pad)
		return -EINVAL;
	kept = aem_kept_get(watch);
	if (IS_ERR_OR_NULL(kept))
		return PTR_ERR_OR_ZERO(kept);
	ret = kept->size;
	if (kept->size > take.len)
		ret = -EMSGSIZE;
	else if (copy_to_user(u64_to_user_ptr(take.addr), kept->image, ret))
		ret = -EFAULT;
	if (ret < 0)
		aem_kept_set(watch, kept);
	else
		aem_kept_free(ev, kept);
	return ret;
}

static int aip_control(struct aem_event *ev, u64 opt, u64 arg)
{
	if (opt != EVIP_TAKE)
		return -EINVAL;
	return aip_take(ev, aem_watch_of(ev), u64_to_user_ptr(arg));
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

static int aip_connect(struct aem_watch *watch, struct sock *sk,
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

static int aip_write(struct aem_watch *watch, struct socket *sock)
{
	return aem_watch_state(sock) & watch->wakes ? 0 : -EAGAIN;
}

static int aip_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct aem_watch *watch = aem_watch_of(ev);
	struct file *file = aem_watch_file(watch);
	struct socket *sock;
	int ret;

	if (!file)
		return -EAGAIN;
	sock = sock_from_file(file);
	d->call.args[1] = watch->fd;
	switch (watch->op) {
	case AEMIP_ACCEPT:
		ret = aem_watch_accept(ev, watch, sock, d,
				       ev->flags & AEMIP_CLOEXEC,
				       ev->flags & AEMIP_NONBLOCK);
		break;
	case AEMIP_READ:
		ret = aem_watch_read(ev, watch, sock, d);
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

static struct aem_kind aip_kind = {
	.owner = THIS_MODULE,
	.name = "ip",
	.args_size = sizeof(struct aem_ip_args),
	.priv_size = sizeof(struct aem_watch *),
	.flags = AEMIP_CLOEXEC | AEMIP_NONBLOCK,
	.init = aip_init,
	.registered = aem_watch_registered,
	.construct = aip_construct,
	.undo = aem_watch_undo,
	.shutdown = aem_watch_shutdown,
	.release = aem_watch_release,
	.control = aip_control,
};

static int __init aip_module_init(void)
{
	return aem_kind_register(&aip_kind);
}

static void __exit aip_module_exit(void)
{
	aem_kind_unregister(&aip_kind);
}

module_init(aip_module_init);
module_exit(aip_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: TCP and UDP sockets");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
