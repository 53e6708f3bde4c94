// SPDX-License-Identifier: GPL-2.0-only
/* Events of TIPC sockets, names and nodes, and what a probe does so that they happen. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tipc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

/* No message is longer. */
#define MESSAGE	TIPC_MAX_USER_MSG_SIZE

/* Handlers */

static void accept_handler(int eid, int old, int new, unsigned int ref, unsigned int node)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", old);
	put_number(&m, "new", new);
	put_number(&m, "cloexec", !!(fcntl(new, F_GETFD) & FD_CLOEXEC));
	put_number(&m, "nonblock", !!(fcntl(new, F_GETFL) & O_NONBLOCK));
	put_number(&m, "ref", ref);
	put_number(&m, "node", node);
	finish_call(&m, eid);
	errno = saved;
}

static void put_range(struct message *m, const char *key, const struct tipc_service_range *range)
{
	char text[64];

	snprintf(text, sizeof(text), "%u:%u:%u", range->type, range->lower, range->upper);
	put_string(m, key, text);
}

static void receive_handler(int eid, int fd, char *data, int len,
			    const struct aem_tipc_origin *origin,
			    const struct tipc_service_range *dest)
{
	static const char *const kinds[] = { "message", "returned", "joined", "left" };
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", fd);
	put_data(&m, (unsigned char *)data, len);
	if (origin) {
		put_number(&m, "ref", origin->ref);
		put_number(&m, "node", origin->node);
		put_number(&m, "type", origin->type);
		put_number(&m, "instance", origin->instance);
		put_string(&m, "what", origin->what < 4 ? kinds[origin->what] : "?");
		put_number(&m, "code", origin->error);
	}
	if (dest)
		put_range(&m, "dest", dest);
	put_text(&m, "}");
	send_message(&m);
	perform_script(eid, data, len < 0 ? 0 : len);
	handler_depth--;
	atomic_fetch_add(&calls, 1);
	errno = saved;
}

static void error_handler(int eid, int fd, int error)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", fd);
	put_number(&m, "code", error);
	finish_call(&m, eid);
	errno = saved;
}

static void continue_handler(int eid, int fd)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", fd);
	finish_call(&m, eid);
	errno = saved;
}

static const char *topology_event(int event)
{
	switch (event) {
	case TIPC_PUBLISHED:
		return "published";
	case TIPC_WITHDRAWN:
		return "withdrawn";
	case TIPC_SUBSCR_TIMEOUT:
		return "timeout";
	default:
		return event < 0 ? strerrorname_np(-event) ?: "?" : "?";
	}
}

static void topology_handler(int eid, int event, unsigned int lower, unsigned int upper,
			     unsigned int ref, unsigned int node)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_string(&m, "what", topology_event(event));
	put_number(&m, "lower", lower);
	put_number(&m, "upper", upper);
	put_number(&m, "ref", ref);
	put_number(&m, "node", node);
	finish_call(&m, eid);
	errno = saved;
}

/* Registering */

/* `op=` accept, receive, error or continue. */
static void do_register(const struct command *c)
{
	unsigned int flags = number(c, "flags", 0);
	const char *op = word(c, "op");
	int fd = number(c, "fd", -1);
	void *handler;
	long ret;

	if (!strcmp(op, "accept")) {
		handler = handler_of(c, accept_handler);
		ret = flags ? aemTIPC_accept_flags(fd, handler, flags)
			    : aemTIPC_accept(fd, handler);
	} else if (!strcmp(op, "receive")) {
		handler = handler_of(c, receive_handler);
		ret = flags ? aemTIPC_receive_flags(fd, handler, flags)
			    : aemTIPC_receive(fd, handler);
	} else if (!strcmp(op, "error")) {
		handler = handler_of(c, error_handler);
		ret = flags ? aemTIPC_error_flags(fd, handler, flags)
			    : aemTIPC_error(fd, handler);
	} else {
		handler = handler_of(c, continue_handler);
		ret = flags ? aemTIPC_continue_flags(fd, handler, flags)
			    : aemTIPC_continue(fd, handler);
	}
	answer(c, ret);
}

/* `type`, `lower` to `upper`, for `timeout` ms; each name, or with `first` the first and last. */
static struct tipc_subscr subscription_of(const struct command *c)
{
	unsigned int filter = given(c, "first") ? TIPC_SUB_SERVICE : TIPC_SUB_PORTS;

	return (struct tipc_subscr){
		.seq.type = number(c, "type", 0),
		.seq.lower = number(c, "lower", 0),
		.seq.upper = number(c, "upper", 0xffffffff),
		.timeout = number(c, "timeout", TIPC_WAIT_FOREVER),
		.filter = number(c, "filter", filter),
	};
}

/*
 * The answer tells when it was called: TIPC counts ticks, and the last one may
 * be a while ago, see do_call().
 */
static void do_subscribe(const struct command *c)
{
	struct tipc_subscr what = subscription_of(c);
	void *handler = handler_of(c, topology_handler);
	unsigned int flags = number(c, "flags", 0);
	struct message m = { 0 };
	int ret;

	put_number(&m, "t", clock_ns(CLOCK_MONOTONIC_COARSE));
	if (given(c, "nothing"))
		ret = aemTIPC_subscribe(NULL, handler);
	else
		ret = flags ? aemTIPC_subscribe_flags(&what, handler, flags)
			    : aemTIPC_subscribe(&what, handler);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

/* aem_entry() itself: what libaem does not say. */
static void do_entry(const struct command *c)
{
	struct aem_tipc_args args = {
		.head.size = sizeof(args),
		.head.flags = number(c, "flags", 0),
		.head.handler = (uintptr_t)continue_handler,
		.fd = number(c, "fd", -1),
		.op = number(c, "op", 0),
		.type = number(c, "type", 0),
		.lower = number(c, "lower", 0),
		.upper = number(c, "upper", 0),
		.timeout = number(c, "timeout", 0),
		.filter = number(c, "filter", 0),
		.pad = number(c, "pad", 0),
	};

	answer(c, aem_entry(aemCORE_sysnr("tipc"), &args));
}

static void do_init(const struct command *c)
{
	answer(c, aemTIPC_init());
}

/* Sockets */

/* What a command names: `type` and `instance`, `type`, `lower` and `upper`, or `ref` and `node`. */
static socklen_t address_of(const struct command *c, struct sockaddr_tipc *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->family = AF_TIPC;
	addr->scope = TIPC_CLUSTER_SCOPE;
	if (given(c, "ref")) {
		addr->addrtype = TIPC_SOCKET_ADDR;
		addr->addr.id.ref = number(c, "ref", 0);
		addr->addr.id.node = number(c, "node", 0);
	} else if (given(c, "upper")) {
		addr->addrtype = TIPC_SERVICE_RANGE;
		addr->addr.nameseq.type = number(c, "type", 0);
		addr->addr.nameseq.lower = number(c, "lower", 0);
		addr->addr.nameseq.upper = number(c, "upper", 0);
	} else {
		addr->addrtype = TIPC_SERVICE_ADDR;
		addr->addr.name.name.type = number(c, "type", 0);
		addr->addr.name.name.instance = number(c, "instance", 0);
	}
	return sizeof(*addr);
}

/* `kind=` rdm, dgram, stream or seqpacket; `nonblock`. */
static int make_socket(const struct command *c)
{
	const char *kind = word(c, "kind") ?: "rdm";
	int type = SOCK_RDM;

	if (!strcmp(kind, "dgram"))
		type = SOCK_DGRAM;
	else if (!strcmp(kind, "stream"))
		type = SOCK_STREAM;
	else if (!strcmp(kind, "seqpacket"))
		type = SOCK_SEQPACKET;
	return socket(AF_TIPC, type | SOCK_CLOEXEC | (given(c, "nonblock") ? SOCK_NONBLOCK : 0), 0);
}

/* A descriptor, with the socket's port identity. */
static void answer_socket(const struct command *c, int fd, int ret)
{
	struct sockaddr_tipc addr = { 0 };
	socklen_t len = sizeof(addr);
	struct message m = { 0 };
	int error = errno;

	if (ret < 0 && fd >= 0) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && !getsockname(fd, (struct sockaddr *)&addr, &len)) {
		put_number(&m, "ref", addr.addr.id.ref);
		put_number(&m, "node", addr.addr.id.node);
	}
	answer_with(c, fd, fd < 0 ? error : 0, &m);
}

static void do_make(const struct command *c)
{
	int fd = make_socket(c);

	answer_socket(c, fd, fd);
}

/* Gives `fd`, or a new socket, a name; with `listen` it listens. `withdraw` takes the name back. */
static void do_bind(const struct command *c)
{
	int fd = given(c, "fd") ? number(c, "fd", -1) : make_socket(c), ret;
	struct sockaddr_tipc addr;
	socklen_t len = address_of(c, &addr);

	if (given(c, "withdraw"))
		addr.scope = -addr.scope;
	ret = bind(fd, (struct sockaddr *)&addr, len);
	if (!ret && given(c, "listen"))
		ret = listen(fd, 0);
	if (given(c, "fd"))
		answer(c, ret);
	else
		answer_socket(c, fd, ret);
}

/* A socket that is on its way to be connected: that ends when it is accepted. */
static void do_connect(const struct command *c)
{
	int fd = make_socket(c), ret;
	struct sockaddr_tipc addr;
	socklen_t len = address_of(c, &addr);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	ret = connect(fd, (struct sockaddr *)&addr, len);
	if (ret < 0 && errno == EINPROGRESS)
		ret = 0;
	fcntl(fd, F_SETFL, given(c, "nonblock") ? O_NONBLOCK : 0);
	answer_socket(c, fd, ret);
}

/* `text=` or `len` bytes of `byte`, `count` times; to an address, if one is named. */
static void do_send(const struct command *c)
{
	static __thread char data[MESSAGE];
	bool to = given(c, "type") || given(c, "ref");
	int flags = MSG_NOSIGNAL | (given(c, "nonblock") ? MSG_DONTWAIT : 0);
	long count = number(c, "count", 1), sent = 0, ret = 0;
	const char *text = word(c, "text");
	size_t len = number(c, "len", text ? (long)strlen(text) : 0);
	struct sockaddr_tipc addr;
	socklen_t addrlen = address_of(c, &addr);

	if (len > MESSAGE)
		len = MESSAGE;
	if (text)
		memcpy(data, text, strlen(text) < MESSAGE ? strlen(text) : MESSAGE);
	else
		memset(data, number(c, "byte", 'x'), len);
	while (sent < count) {
		ret = sendto(number(c, "fd", -1), data, len, flags,
			     to ? (struct sockaddr *)&addr : NULL, to ? addrlen : 0);
		if (ret < 0)
			break;
		sent++;
	}
	answer(c, ret < 0 && !sent ? -1 : sent);
}

/* `join` the group `type` as `instance`, told of its members with `events`; or `leave` it. */
static void do_group(const struct command *c)
{
	struct tipc_group_req group = {
		.type = number(c, "type", 0),
		.instance = number(c, "instance", 0),
		.scope = TIPC_CLUSTER_SCOPE,
		.flags = given(c, "events") ? TIPC_GROUP_MEMBER_EVTS : 0,
	};
	int fd = number(c, "fd", -1);

	if (given(c, "leave"))
		answer(c, setsockopt(fd, SOL_TIPC, TIPC_GROUP_LEAVE, NULL, 0));
	else
		answer(c, setsockopt(fd, SOL_TIPC, TIPC_GROUP_JOIN, &group, sizeof(group)));
}

/* Messages that cannot be delivered come back, or with `value=1` they do not. */
static void do_droppable(const struct command *c)
{
	unsigned int value = number(c, "value", 0);
	int fd = number(c, "fd", -1);

	answer(c, setsockopt(fd, SOL_TIPC, TIPC_DEST_DROPPABLE, &value, sizeof(value)));
}

/* By the program itself, without waiting for one: of a message its origin, too. */
static void do_take(const struct command *c)
{
	static __thread unsigned char data[MESSAGE];
	struct sockaddr_tipc from[2] = { 0 };
	socklen_t len = sizeof(from);
	struct message m = { 0 };
	long ret;

	ret = recvfrom(number(c, "fd", -1), data, sizeof(data), MSG_DONTWAIT,
		       (struct sockaddr *)from, &len);
	if (ret > 0)
		put_data(&m, data, ret);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

/* Waits, for ten seconds at most, until there is something; without taking it. */
static void do_ready(const struct command *c)
{
	struct pollfd ready = { .fd = number(c, "fd", -1), .events = POLLIN };

	answer(c, poll(&ready, 1, 10000));
}

const struct verb tipc_verbs[] = {
	{ "tipc-init", do_init },
	{ "tipc-register", do_register },
	{ "tipc-subscribe", do_subscribe },
	{ "tipc-entry", do_entry },
	{ "tipc-make", do_make },
	{ "tipc-bind", do_bind },
	{ "tipc-connect", do_connect },
	{ "tipc-send", do_send },
	{ "tipc-group", do_group },
	{ "tipc-droppable", do_droppable },
	{ "tipc-take", do_take },
	{ "tipc-ready", do_ready },
	{ }
};
