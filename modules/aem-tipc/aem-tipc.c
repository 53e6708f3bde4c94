// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-tipc: events of TIPC sockets, and of the names and nodes of its network.
 *
 * An event of a socket has a watch on it, which aem-core keeps; see aem-watch.h,
 * and aem-core/watch.c for its lifetime and what protects it. What a socket has
 * is asked in construct, in the context of the event's owner, and taken there,
 * each message for a call of its own: until then it stays in the socket.
 *
 * A subscription is an event with a socket of its own, connected to the topology
 * server of the network namespace that its owner is in. The program needs no
 * descriptor for it, cannot read from it in the event's stead, and what comes
 * ends with the event. What the server tells stays in that socket until a handler
 * was called for it: construct looks at it, and only the next one takes it away.
 * So nothing is kept for a call that is not made.
 *
 * Locking: none of its own. What construct and undo use of a watch belongs to the
 * delivery, of which there is one at a time; why, which any reader of the socket
 * sets, is a byte. A socket's state and queue are looked at with its lock held.
 *
 * TIPC's own headers are not for modules: its states and what of a message's
 * header is used here are on the wire, or shown to user mode by sock_diag.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/tipc.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "aem-watch.h"

/* States of a socket. */
#define ATIPC_LISTEN		TCP_LISTEN
#define ATIPC_OPEN		TCP_CLOSE
#define ATIPC_DISCONNECTING	TCP_CLOSE_WAIT

/* What of a message comes back to its sender at most. */
#define ATIPC_RETURNED_MAX	1024

/* As how many events more the two sockets of a subscription count. */
#define ATIPC_SUBSCRIPTION	16

/* Whoever has something happen to the socket wakes each of them. */
static unsigned int max_events = 128;
module_param(max_events, uint, 0644);
MODULE_PARM_DESC(max_events, "events of a user on one socket");

/* In front of the data in the zone. */
struct atipc_front {
	struct aem_tipc_origin origin;
	struct tipc_service_range dest;
	u32 pad;
};

/* aem_watch.fromlen: which parts of it there are. */
#define ATIPC_HAS_ORIGIN	1
#define ATIPC_HAS_DEST		2

/* How a message is received. */
struct atipc_message {
	struct msghdr msg;
	struct {
		struct sockaddr_tipc sock;
		struct sockaddr_tipc member;
	} from;
	void *control;
	size_t size;	/* of control */
};

/* To be received with what there is room for in @control, of @size bytes. */
static void atipc_message_init(struct atipc_message *m, void *control,
			       size_t size)
{
	*m = (struct atipc_message){
		.msg.msg_name = &m->from,
		.msg.msg_control = control,
		.msg.msg_controllen = size,
		.control = control,
		.size = size,
	};
}

static bool atipc_is_connected(const struct sock *sk)
{
	return sk->sk_type == SOCK_STREAM || sk->sk_type == SOCK_SEQPACKET;
}

/* Connected, on its way to it, or it has been; a socket that never is will do. */
static bool atipc_may_talk(const struct sock *sk)
{
	int state = READ_ONCE(sk->sk_state);

	return !atipc_is_connected(sk) ||
	       (state != ATIPC_OPEN && state != ATIPC_LISTEN);
}

/* Can there be such an event of this socket? */
static int atipc_check_socket(struct aem_event *ev, const struct sock *sk, u32 op)
{
	bool of_connection = op == AEMTIPC_ACCEPT || op == AEMTIPC_ERROR;

	if (sk->sk_family != AF_TIPC)
		return -EAFNOSUPPORT;
	if (of_connection && !atipc_is_connected(sk))
		return -EOPNOTSUPP;
	if (op == AEMTIPC_ACCEPT)
		return READ_ONCE(sk->sk_state) == ATIPC_LISTEN ? 0 : -EINVAL;
	if (!atipc_may_talk(sk))
		return -ENOTCONN;
	/* Its handler is given data. */
	if (op == AEMTIPC_RECEIVE && !aem_event_zone_size(ev))
		return -ENXIO;
	return 0;
}

static int atipc_check_args(const struct aem_tipc_args *args)
{
	u32 flags = args->head.flags;

	if (args->op > AEMTIPC_SUBSCRIBE || args->pad)
		return -EINVAL;
	/* Another process has no use for a descriptor of this one. */
	if (args->op == AEMTIPC_ACCEPT && flags & (EVF_FORK | EVF_CAPSULE))
		return -EINVAL;
	if (args->op != AEMTIPC_ACCEPT &&
	    flags & (AEMTIPC_CLOEXEC | AEMTIPC_NONBLOCK))
		return -EINVAL;
	if (args->op != AEMTIPC_SUBSCRIBE)
		return args->type || args->lower || args->upper ||
		       args->timeout || args->filter ? -EINVAL : 0;
	/* The server hangs up on what it does not like. */
	if (args->fd != -1 || args->lower > args->upper)
		return -EINVAL;
	return args->filter == TIPC_SUB_PORTS ||
	       args->filter == TIPC_SUB_SERVICE ? 0 : -EINVAL;
}

static __poll_t atipc_wakes(u32 op)
{
	switch (op) {
	case AEMTIPC_ERROR:
		return EPOLLHUP | EPOLLRDHUP | EPOLLERR;
	case AEMTIPC_CONTINUE:
		return EPOLLHUP | EPOLLERR | EPOLLOUT | EPOLLWRNORM;
	default:
		return EPOLLHUP | EPOLLRDHUP | EPOLLERR | EPOLLIN | EPOLLRDNORM;
	}
}

static const struct aem_watch_ops atipc_ops;

static struct aem_watch_how atipc_how(const struct aem_tipc_args *args)
{
	return (struct aem_watch_how){
		.ops = &atipc_ops,
		.op = args->op,
		.fd = args->fd,
		.wakes = atipc_wakes(args->op),
		.max = READ_ONCE(max_events),
		.reads = args->op == AEMTIPC_RECEIVE,
		.front = sizeof(struct atipc_front),
	};
}

static int atipc_watch(struct aem_event *ev, const struct aem_tipc_args *args)
{
	struct aem_watch_how how = atipc_how(args);
	struct socket *sock;
	int ret;

	sock = sockfd_lookup(args->fd, &ret);
	if (!sock)
		return ret;
	how.connected = atipc_is_connected(sock->sk);
	ret = atipc_check_socket(ev, sock->sk, args->op);
	if (!ret)
		ret = aem_watch_add(ev, sock, &how);
	if (ret)
		sockfd_put(sock);
	return ret;
}

/* Accept */

/* The handler is told whose connection it is. */
static void atipc_accepted(struct aem_watch *watch, struct socket *sock,
			   struct aem_delivery *d)
{
	struct sockaddr_tipc addr;

	/* Also where it has ended already. */
	if (READ_ONCE(sock->ops)->getname(sock, (struct sockaddr *)&addr, 2) < 0)
		return;
	d->call.args[3] = addr.addr.id.ref;
	d->call.args[4] = addr.addr.id.node;
}

/* Receive */

/* Tells the handler what is in the zone at @addr. */
static void atipc_tell(struct aem_watch *watch, struct aem_delivery *d, u64 addr)
{
	bool has_data = watch->len > 0 || (!watch->len && !watch->connected);

	d->call.args[2] = has_data ? addr + watch->front : 0;
	d->call.args[3] = watch->len;
	if (watch->fromlen & ATIPC_HAS_ORIGIN)
		d->call.args[4] = addr + offsetof(struct atipc_front, origin);
	if (watch->fromlen & ATIPC_HAS_DEST)
		d->call.args[5] = addr + offsetof(struct atipc_front, dest);
}

/*
 * How much room there should be for what comes next: what is said to be there
 * includes TIPC's headers. Of messages another one may be the next.
 */
static u32 atipc_next_size(struct aem_event *ev, struct aem_watch *watch,
			   struct sock *sk)
{
	bool stream = sk->sk_type == SOCK_STREAM;
	struct sk_buff *skb;
	u32 size = 0;

	lock_sock(sk);
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		size += skb->len;
		if (!stream || size >= AEM_READ_MAX)
			break;
	}
	release_sock(sk);
	if (stream)
		size = min_t(u32, size, AEM_READ_MAX);
	size = max_t(u32, size, AEM_READ_MIN) + watch->front;
	return min_t(size_t, size, aem_event_zone_size(ev));
}

/* How the connection ended, as the handler of a receive event is told. */
static s32 atipc_end(u8 why)
{
	return why == TIPC_CONN_SHUTDOWN ? 0 : -ECONNRESET;
}

/* What came back, and why: @cmsg is what the socket says of it. */
static void atipc_returned(struct aem_watch *watch, struct atipc_front *front,
			   struct cmsghdr *cmsg)
{
	front->origin.what = AEMTIPC_RETURNED;
	front->origin.error = *(u32 *)CMSG_DATA(cmsg);
}

/* What stands in front of a message, as @msg tells of it. */
static void atipc_front(struct aem_watch *watch, struct msghdr *msg, char *room,
			u32 size)
{
	struct atipc_message *m = container_of(msg, struct atipc_message, msg);
	struct msghdr told = {
		.msg_control = m->control,
		.msg_controllen = m->size - msg->msg_controllen,
	};
	struct atipc_front front = {
		.origin.ref = m->from.sock.addr.id.ref,
		.origin.node = m->from.sock.addr.id.node,
	};
	struct cmsghdr *cmsg;

	watch->fromlen = ATIPC_HAS_ORIGIN;
	if (msg->msg_namelen == sizeof(m->from)) {
		front.origin.type = m->from.member.addr.name.name.type;
		front.origin.instance = m->from.member.addr.name.name.instance;
	}
	if (msg->msg_flags & MSG_OOB)
		front.origin.what = msg->msg_flags & MSG_EOR ? AEMTIPC_LEFT :
							       AEMTIPC_JOINED;
	for_each_cmsghdr(cmsg, &told) {
		if (cmsg->cmsg_type == TIPC_ERRINFO) {
			atipc_returned(watch, &front, cmsg);
		} else if (cmsg->cmsg_type == TIPC_RETDATA) {
			aem_watch_spill(watch, room, size, CMSG_DATA(cmsg),
					cmsg->cmsg_len - sizeof(*cmsg));
		} else if (cmsg->cmsg_type == TIPC_DESTNAME &&
			   cmsg->cmsg_len >= CMSG_LEN(sizeof(front.dest))) {
			/* Cut off where there was no room for all of it. */
			memcpy(&front.dest, CMSG_DATA(cmsg), sizeof(front.dest));
			watch->fromlen |= ATIPC_HAS_DEST;
		}
	}
	/* It was the connection's end: what comes back is not of the stream. */
	if (watch->connected && front.origin.error) {
		watch->why = front.origin.error;
		watch->len = atipc_end(front.origin.error);
		watch->fromlen = 0;
		return;
	}
	memcpy(room, &front, sizeof(front));
}

/* Reads the next message, whole, and what stands in front of it. */
static void atipc_receive_message(struct aem_event *ev, struct aem_watch *watch,
				  struct socket *sock, char *room, u32 size)
{
	u8 control[CMSG_SPACE(2 * sizeof(u32)) +
		   CMSG_SPACE(ATIPC_RETURNED_MAX) +
		   CMSG_SPACE(sizeof(struct tipc_service_range))]
		__aligned(sizeof(size_t));
	struct atipc_message m;

	atipc_message_init(&m, control, sizeof(control));
	aem_watch_receive(ev, watch, sock, &m.msg, room, size);
}

/* Reads what comes next of a stream. */
static void atipc_receive_stream(struct aem_watch *watch, struct socket *sock,
				 char *room, u32 size)
{
	/* What is returned has no room there. */
	u8 control[CMSG_SPACE(2 * sizeof(u32)) +
		   CMSG_SPACE(sizeof(struct tipc_service_range))]
		__aligned(sizeof(size_t));
	struct atipc_message m;
	struct kvec iov = { room + watch->front, size - watch->front };

	watch->fromlen = 0;
	atipc_message_init(&m, control, sizeof(control));
	iov_iter_kvec(&m.msg.msg_iter, ITER_DEST, &iov, 1, iov.iov_len);
	watch->len = sock_recvmsg(sock, &m.msg, MSG_DONTWAIT);
	watch->failed = watch->len < 0;
	if (watch->len >= 0)
		atipc_front(watch, &m.msg, room, size);
}

/* The connection has ended, and all that came before has been read. */
static bool atipc_is_over(struct sock *sk)
{
	bool over;

	lock_sock(sk);
	over = sk->sk_state == ATIPC_DISCONNECTING &&
	       skb_queue_empty(&sk->sk_receive_queue);
	release_sock(sk);
	return over;
}

/* There was no message. Has the handler to be called all the same? */
static bool atipc_is_news(struct aem_watch *watch, struct sock *sk)
{
	switch (watch->len) {
	case -EAGAIN:
		/* It may be the last, which is told in a larger room. */
		if (watch->kept || !watch->connected || !atipc_is_over(sk))
			return false;
		/* Somebody else has read how, or it fell silent. */
		watch->failed = false;
		watch->len = atipc_end(READ_ONCE(watch->why));
		return true;
	case -ENOMEM:
		aem_watch_retry_later(watch);
		return false;
	case -EACCES:
	case -EPERM:
		/* A security module's, which says the same again. */
		watch->failed = false;
		watch->denied = true;
		return true;
	default:
		return true;
	}
}

static int atipc_read(struct aem_event *ev, struct aem_watch *watch,
		      struct socket *sock, struct aem_delivery *d)
{
	char *room;
	u32 size;
	u64 addr;

	if (!(aem_watch_state(sock) & watch->wakes))
		return -EAGAIN;
	size = atipc_next_size(ev, watch, sock->sk);
	room = aem_delivery_data(ev, d, size, &addr);
	if (!room)
		return -ENOSPC;
	if (sock->sk->sk_type == SOCK_STREAM)
		atipc_receive_stream(watch, sock, room, size);
	else
		atipc_receive_message(ev, watch, sock, room, size);
	if (!atipc_is_news(watch, sock->sk))
		return -EAGAIN;
	atipc_tell(watch, d, addr);
	/* After a message that is too long there may be others. */
	if (watch->connected && watch->len <= 0 && watch->len != -EMSGSIZE) {
		/* Others may know why where this one does not. */
		if (watch->why)
			aem_watch_why(sock, watch->why);
		d->last = true;
	}
	return 0;
}

static const struct aem_watch_ops atipc_ops = {
	.read = atipc_read,
	.tell = atipc_tell,
	.front = atipc_front,
	.accepted = atipc_accepted,
};

/* Error, continue */

/* The error code in the header of a message: see TIPC's protocol, word 1. */
static u8 atipc_error_code(const struct sk_buff *skb)
{
	const __be32 *header = (const __be32 *)skb->data;

	return be32_to_cpu(header[1]) >> 25 & 0xf;
}

static int atipc_error(struct aem_watch *watch, struct sock *sk,
		       struct aem_delivery *d)
{
	u8 why = READ_ONCE(watch->why);
	struct sk_buff *last;
	bool over;

	lock_sock(sk);
	/* What it shuts down itself is the program's business. */
	over = sk->sk_state == ATIPC_DISCONNECTING && !sk->sk_shutdown;
	last = skb_peek_tail(&sk->sk_receive_queue);
	/* Nothing comes in behind what ended it. */
	if (over && !why && last)
		why = atipc_error_code(last);
	release_sock(sk);
	if (!over)
		return -EAGAIN;
	d->call.args[2] = why;
	d->last = true;
	return 0;
}

static int atipc_continue(struct aem_watch *watch, struct socket *sock)
{
	return aem_watch_state(sock) & watch->wakes ? 0 : -EAGAIN;
}

/* Subscriptions */

/*
 * Has the topology server told of it from now on: the subscription is in what
 * opens the connection, so that there is nothing to be waited for.
 */
static int atipc_send_subscription(struct socket *sock,
				   const struct aem_tipc_args *args)
{
	struct sockaddr_tipc server = {
		.family = AF_TIPC,
		.addrtype = TIPC_SERVICE_ADDR,
		.scope = TIPC_NODE_SCOPE,
		.addr.name.name.type = TIPC_TOP_SRV,
		.addr.name.name.instance = TIPC_TOP_SRV,
	};
	struct tipc_subscr what = {
		.seq.type = args->type,
		.seq.lower = args->lower,
		.seq.upper = args->upper,
		.timeout = args->timeout,
		.filter = args->filter,
	};
	struct msghdr msg = {
		.msg_name = &server,
		.msg_namelen = sizeof(server),
		.msg_flags = MSG_DONTWAIT,
	};
	struct kvec iov = { &what, sizeof(what) };
	int ret;

	ret = kernel_sendmsg(sock, &msg, &iov, 1, sizeof(what));
	return ret < 0 ? ret : 0;
}

static int atipc_subscribe(struct aem_event *ev, const struct aem_tipc_args *args)
{
	struct aem_watch_how how = atipc_how(args);
	struct socket *sock;
	int ret;

	if (!aem_event_charge(ev, ATIPC_SUBSCRIPTION))
		return -EAGAIN;
	ret = sock_create(AF_TIPC, SOCK_SEQPACKET, 0, &sock);
	if (ret)
		goto uncharge;
	ret = atipc_send_subscription(sock, args);
	if (ret)
		goto close;
	ret = aem_watch_add_own(ev, sock, &how);
	if (ret)
		goto close;
	return 0;
close:
	sock_release(sock);
uncharge:
	aem_event_uncharge(ev, ATIPC_SUBSCRIPTION);
	return ret;
}

/* What the server has told, without taking it away, or as @flags say. */
static int atipc_look(struct socket *sock, struct tipc_event *what, int flags)
{
	struct kvec iov = { what, sizeof(*what) };
	struct msghdr msg = { };

	return kernel_recvmsg(sock, &msg, &iov, 1, sizeof(*what),
			      MSG_DONTWAIT | flags);
}

/* What fromlen says of a subscription: the first that is there was told. */
#define ATIPC_TOLD	1

static int atipc_topology(struct aem_event *ev, struct aem_watch *watch,
			  struct aem_delivery *d)
{
	struct socket *sock = watch->sock;
	struct tipc_event what;
	int ret;

	/* An error of the socket's comes first, once, and takes nothing away. */
	if (watch->fromlen == ATIPC_TOLD && atipc_look(sock, &what, 0) < 0)
		atipc_look(sock, &what, 0);
	watch->fromlen = 0;
	ret = atipc_look(sock, &what, MSG_PEEK);
	if (ret == -EAGAIN && !(aem_watch_state(sock) & EPOLLHUP))
		return -EAGAIN;
	if (ret != sizeof(what)) {
		/* The server has hung up: it has no room for one more. */
		d->call.args[1] = ret < 0 && ret != -EAGAIN ? ret : -ECONNRESET;
		d->last = true;
		return 0;
	}
	watch->fromlen = ATIPC_TOLD;
	d->call.args[1] = what.event;
	d->call.args[2] = what.found_lower;
	d->call.args[3] = what.found_upper;
	d->call.args[4] = what.port.ref;
	d->call.args[5] = what.port.node;
	d->last = what.event == TIPC_SUBSCR_TIMEOUT;
	if (skb_queue_len_lockless(&sock->sk->sk_receive_queue) > 1)
		aem_raise(ev);
	return 0;
}

/* The event */

static int atipc_init(struct aem_event *ev, const void *argp)
{
	const struct aem_tipc_args *args = argp;
	int ret;

	ret = atipc_check_args(args);
	if (ret)
		return ret;
	if (args->op == AEMTIPC_SUBSCRIBE)
		return atipc_subscribe(ev, args);
	return atipc_watch(ev, args);
}

static int atipc_construct_socket(struct aem_event *ev, struct aem_watch *watch,
				  struct socket *sock, struct aem_delivery *d)
{
	d->call.args[1] = watch->fd;
	switch (watch->op) {
	case AEMTIPC_ACCEPT:
		return aem_watch_accept(ev, watch, sock, d,
					ev->flags & AEMTIPC_CLOEXEC,
					ev->flags & AEMTIPC_NONBLOCK);
	case AEMTIPC_RECEIVE:
		return aem_watch_read(ev, watch, sock, d);
	case AEMTIPC_ERROR:
		return atipc_error(watch, sock->sk, d);
	default:
		return atipc_continue(watch, sock);
	}
}

static int atipc_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct aem_watch *watch = aem_watch_of(ev);
	struct file *file;
	int ret;

	if (watch->op == AEMTIPC_SUBSCRIBE)
		return atipc_topology(ev, watch, d);
	file = aem_watch_file(watch);
	if (!file)
		return -EAGAIN;
	ret = atipc_construct_socket(ev, watch, sock_from_file(file), d);
	fput(file);
	return ret;
}

static void atipc_undo(struct aem_event *ev, struct aem_delivery *d)
{
	struct aem_watch *watch = aem_watch_of(ev);

	if (watch->op == AEMTIPC_SUBSCRIBE)
		watch->fromlen = 0;
	else
		aem_watch_undo(ev, d);
}

static void atipc_release(struct aem_event *ev)
{
	if (aem_watch_of(ev)->op == AEMTIPC_SUBSCRIBE)
		aem_event_uncharge(ev, ATIPC_SUBSCRIPTION);
	aem_watch_release(ev);
}

static struct aem_kind atipc_kind = {
	.owner = THIS_MODULE,
	.name = "tipc",
	.args_size = sizeof(struct aem_tipc_args),
	.priv_size = sizeof(struct aem_watch *),
	.flags = AEMTIPC_CLOEXEC | AEMTIPC_NONBLOCK,
	.init = atipc_init,
	.registered = aem_watch_registered,
	.construct = atipc_construct,
	.undo = atipc_undo,
	.shutdown = aem_watch_shutdown,
	.release = atipc_release,
};

static int __init atipc_module_init(void)
{
	struct socket *sock;
	int ret;

	/* Without TIPC there is nothing to be watched. */
	ret = sock_create_kern(&init_net, AF_TIPC, SOCK_RDM, 0, &sock);
	if (ret)
		return ret;
	sock_release(sock);
	return aem_kind_register(&atipc_kind);
}

static void __exit atipc_module_exit(void)
{
	aem_kind_unregister(&atipc_kind);
}

module_init(atipc_module_init);
module_exit(atipc_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: TIPC sockets, names and nodes");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
