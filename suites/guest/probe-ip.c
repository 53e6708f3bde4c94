// SPDX-License-Identifier: GPL-2.0-only
/* Events of sockets, and what a probe does with sockets so that they happen. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

/* What is read or sent at once at most. */
#define PIECE	65536

/* Where accept has the peer's address written, with a mark behind it. */
static unsigned char peer[sizeof(struct sockaddr_storage)];
#define PEER_MARK	0x5a

static void put_address(struct message *m, const void *addr)
{
	const struct sockaddr_in *in = addr;
	const struct sockaddr_in6 *in6 = addr;

	put_number(m, "family", in->sin_family);
	put_number(m, "port", ntohs(in->sin_family == AF_INET6 ? in6->sin6_port : in->sin_port));
}

static unsigned long sum_of(const unsigned char *data, int len)
{
	unsigned long sum = 0;

	while (len-- > 0)
		sum = sum * 31 % 1000003 + *data++;
	return sum;
}

void put_data(struct message *m, const unsigned char *data, int len)
{
	put_number(m, "len", len);
	put_number(m, "sum", sum_of(data, len));
	put_hex(m, "data", data, len > 64 ? 64 : len < 0 ? 0 : len);
}

/* Handlers */

static void accept_handler(int eid, int old, int new, int addrlen)
{
	struct message m = { 0 };
	int saved = errno;
	size_t i = sizeof(peer);

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", old);
	put_number(&m, "new", new);
	put_number(&m, "cloexec", !!(fcntl(new, F_GETFD) & FD_CLOEXEC));
	put_number(&m, "nonblock", !!(fcntl(new, F_GETFL) & O_NONBLOCK));
	put_address(&m, peer);
	while (i && peer[i - 1] == PEER_MARK)
		i--;
	put_number(&m, "written", i);
	put_number(&m, "addrlen", addrlen);
	finish_call(&m, eid);
	errno = saved;
}

static void read_handler(int eid, int fd, char *data, int len, struct sockaddr *from, int fromlen)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", fd);
	put_data(&m, (unsigned char *)data, len);
	put_number(&m, "fromlen", fromlen);
	if (fromlen)
		put_address(&m, from);
	put_text(&m, "}");
	send_message(&m);
	perform_script(eid, data, len < 0 ? 0 : len);
	handler_depth--;
	atomic_fetch_add(&calls, 1);
	errno = saved;
}

static void fd_handler(int eid, int fd)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", fd);
	finish_call(&m, eid);
	errno = saved;
}

static void connect_handler(int eid, int fd, int error)
{
	struct message m = { 0 };
	int saved = errno;

	handler_depth++;
	begin_call(&m, eid);
	put_number(&m, "fd", fd);
	put_string(&m, "error", error ? strerrorname_np(-error) ?: "?" : "");
	finish_call(&m, eid);
	errno = saved;
}

/* How many descriptors there are. */
static long open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	/* Not: itself, and its parent, and the directory's own. */
	return count - 3;
}

/* For a handler's script. */
bool act_on_socket(const char *name, long arg, long *ret)
{
	char byte;

	if (!strcmp(name, "close"))
		*ret = close(arg);
	else if (!strcmp(name, "recv"))
		*ret = recv(arg, &byte, 1, MSG_DONTWAIT);
	else if (!strcmp(name, "seize"))
		*ret = dup2(0, arg);
	else if (!strcmp(name, "descriptors"))
		*ret = open_descriptors();
	else
		return false;
	return true;
}

/* Registering */

static int register_accept(const struct command *c, unsigned int flags)
{
	void *handler = handler_of(c, accept_handler);
	int fd = number(c, "fd", -1), len = number(c, "addrlen", 0);
	int *addrlen = given(c, "nolen") ? NULL : &len;
	struct sockaddr *addr = given(c, "addrlen") ? (struct sockaddr *)peer : NULL;

	memset(peer, PEER_MARK, sizeof(peer));
	if (given(c, "badaddr"))
		addr = (struct sockaddr *)8;
	if (flags)
		return aemIP_accept_flags(fd, addr, addrlen, handler, flags);
	return aemIP_accept(fd, addr, addrlen, handler);
}

/* `op=` accept (with `addrlen`), read, close, connect or write. */
static void do_register(const struct command *c)
{
	unsigned int flags = number(c, "flags", 0);
	const char *op = word(c, "op");
	int fd = number(c, "fd", -1);
	long ret = -1;

	if (!strcmp(op, "accept"))
		ret = register_accept(c, flags);
	else if (!strcmp(op, "read"))
		ret = flags ? aemIP_read_flags(fd, handler_of(c, read_handler), flags)
			    : aemIP_read(fd, handler_of(c, read_handler));
	else if (!strcmp(op, "close"))
		ret = flags ? aemIP_close_flags(fd, handler_of(c, fd_handler), flags)
			    : aemIP_close(fd, handler_of(c, fd_handler));
	else if (!strcmp(op, "connect"))
		ret = flags ? aemIP_connect_flags(fd, handler_of(c, connect_handler), flags)
			    : aemIP_connect(fd, handler_of(c, connect_handler));
	else
		ret = flags ? aemIP_write_flags(fd, handler_of(c, fd_handler), flags)
			    : aemIP_write(fd, handler_of(c, fd_handler));
	answer(c, ret);
}

/* aem_entry() itself: what libaem does not say. */
static void do_entry(const struct command *c)
{
	struct aem_ip_args args = {
		.head.size = sizeof(args),
		.head.flags = number(c, "flags", 0),
		.head.handler = (uintptr_t)fd_handler,
		.fd = number(c, "fd", -1),
		.op = number(c, "op", 0),
		.addr = number(c, "addr", 0),
		.addrlen = number(c, "addrlen", 0),
		.pad = number(c, "pad", 0),
	};

	answer(c, aem_entry(aemCORE_sysnr("ip"), &args));
}

/* What an event has kept of its stream. */
static void do_take_kept(const struct command *c)
{
	static __thread unsigned char data[PIECE];
	size_t len = number(c, "len", PIECE);
	struct message m = { 0 };
	int ret;

	ret = aemIP_take(number(c, "eid", 0), given(c, "badaddr") ? (void *)8 : data, len);
	if (ret > 0)
		put_data(&m, data, ret);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

static void do_init(const struct command *c)
{
	answer(c, aemIP_init());
}

/* Sockets */

/* This host's, or with `addr` that one's. */
static socklen_t address_of(const struct command *c, struct sockaddr_storage *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (given(c, "v6")) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		in6->sin6_port = htons(number(c, "port", 0));
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (given(c, "addr"))
		inet_pton(AF_INET, word(c, "addr"), &in->sin_addr);
	in->sin_port = htons(number(c, "port", 0));
	return sizeof(*in);
}

/* `kind=` tcp, udp, unix or raw; `v6`; `nonblock`. */
static int make_socket(const struct command *c)
{
	const char *kind = word(c, "kind") ?: "tcp";
	int how = SOCK_CLOEXEC | (given(c, "nonblock") ? SOCK_NONBLOCK : 0);
	int family = given(c, "v6") ? AF_INET6 : AF_INET;

	if (!strcmp(kind, "unix"))
		return socket(AF_UNIX, SOCK_STREAM | how, 0);
	if (!strcmp(kind, "raw"))
		return socket(family, SOCK_RAW | how, IPPROTO_ICMP);
	if (!strcmp(kind, "udp"))
		return socket(family, SOCK_DGRAM | how, 0);
	return socket(family, SOCK_STREAM | how, 0);
}

static void answer_socket(const struct command *c, int fd, int ret)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	struct message m = { 0 };
	int error = errno;

	if (ret < 0 && fd >= 0) {
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && !getsockname(fd, (struct sockaddr *)&addr, &len))
		put_address(&m, &addr);
	answer_with(c, fd, fd < 0 ? error : 0, &m);
}

static void do_make(const struct command *c)
{
	int fd = make_socket(c);

	answer_socket(c, fd, fd);
}

/* A socket with an address of its own; `listen` with so long a backlog. */
static void do_bind(const struct command *c)
{
	struct sockaddr_storage addr;
	socklen_t len = address_of(c, &addr);
	int fd = make_socket(c), ret;

	ret = bind(fd, (struct sockaddr *)&addr, len);
	if (!ret && given(c, "listen"))
		ret = listen(fd, number(c, "listen", 1));
	answer_socket(c, fd, ret);
}

/* A socket that is connected to `port`, or with `nonblock` on its way. */
static void do_connect(const struct command *c)
{
	struct sockaddr_storage addr;
	socklen_t len = address_of(c, &addr);
	int fd = given(c, "fd") ? number(c, "fd", -1) : make_socket(c), ret;

	ret = connect(fd, (struct sockaddr *)&addr, len);
	if (ret < 0 && errno == EINPROGRESS)
		ret = 0;
	answer_socket(c, fd, ret);
}

/* By the program itself, without waiting for one. */
static void do_accept(const struct command *c)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int fd = number(c, "fd", -1);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct message m = { 0 };
	int ret = -1;

	errno = EAGAIN;
	if (poll(&ready, 1, given(c, "now") ? 0 : 10000) == 1)
		ret = accept4(fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC);
	if (ret >= 0)
		put_address(&m, &addr);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

/* `text=` or `len` bytes of `byte`; `count` times; `oob`; to `port`, if told. */
static void do_send(const struct command *c)
{
	static __thread char data[PIECE];
	struct sockaddr_storage addr;
	socklen_t addrlen = given(c, "port") ? address_of(c, &addr) : 0;
	int flags = MSG_NOSIGNAL | (given(c, "oob") ? MSG_OOB : 0) |
		    (given(c, "nonblock") ? MSG_DONTWAIT : 0);
	long i, count = number(c, "count", 1), ret = 0, sent = 0;
	const char *text = word(c, "text");
	size_t len = number(c, "len", text ? (long)strlen(text) : 0);

	if (len > PIECE)
		len = PIECE;
	if (text)
		memcpy(data, text, len);
	else
		memset(data, number(c, "byte", 'x'), len);
	for (i = 0; i < count && ret >= 0; i++) {
		ret = sendto(number(c, "fd", -1), data, len, flags,
			     addrlen ? (struct sockaddr *)&addr : NULL, addrlen);
		if (ret > 0)
			sent += ret;
	}
	answer(c, ret < 0 && !sent ? -1 : sent);
}

/* What there is, up to `len`; with `wait` until there is something. */
static void do_recv(const struct command *c)
{
	static __thread unsigned char data[PIECE];
	size_t len = number(c, "len", PIECE);
	struct message m = { 0 };
	long ret;

	ret = recv(number(c, "fd", -1), data, len < PIECE ? len : PIECE,
		   given(c, "wait") ? 0 : MSG_DONTWAIT);
	if (ret > 0)
		put_data(&m, data, ret);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

/* A byte every `ms`, until it is known that nobody is there: how many. */
static void do_heartbeat(const struct command *c)
{
	struct timespec t;
	long beats = 0;

	timespec_of(c, &t);
	while (send(number(c, "fd", -1), "x", 1, MSG_NOSIGNAL) == 1) {
		beats++;
		nanosleep(&t, NULL);
	}
	answer(c, beats);
}

/* Reads until the end: how many bytes. */
static void do_sink(const struct command *c)
{
	static __thread char data[PIECE];
	long ret, all = 0;

	while ((ret = recv(number(c, "fd", -1), data, sizeof(data), 0)) > 0)
		all += ret;
	answer(c, all);
}

static void do_shutdown(const struct command *c)
{
	answer(c, shutdown(number(c, "fd", -1), number(c, "how", SHUT_WR)));
}

static void do_listen(const struct command *c)
{
	answer(c, listen(number(c, "fd", -1), number(c, "backlog", 1)));
}

/* How much there is to be read; waits, for ten seconds at most, until it is `len`. */
static void do_queued(const struct command *c)
{
	const struct timespec look = { .tv_nsec = 1000000 };
	long tries = given(c, "len") ? 10000 : 1;
	int len = -1;

	do {
		if (ioctl(number(c, "fd", -1), FIONREAD, &len) < 0) {
			answer(c, -1);
			return;
		}
	} while (len < number(c, "len", 0) && --tries && !nanosleep(&look, NULL));
	answer(c, len);
}

/* The error that the socket has; it has it no more. */
static void do_error(const struct command *c)
{
	int fd = number(c, "fd", -1), error = 0;
	socklen_t len = sizeof(error);

	answer(c, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -1 : error);
}

/* `name=` rcvbuf, sndbuf, lowat, oobinline, user-timeout, or reset: closing it then is one. */
static void do_option(const struct command *c)
{
	static const struct {
		const char *name;
		int level, option;
	} options[] = {
		{ "rcvbuf", SOL_SOCKET, SO_RCVBUF }, { "sndbuf", SOL_SOCKET, SO_SNDBUF },
		{ "lowat", SOL_SOCKET, SO_RCVLOWAT }, { "oobinline", SOL_SOCKET, SO_OOBINLINE },
		{ "user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT },
	};
	struct linger reset = { .l_onoff = 1 };
	int fd = number(c, "fd", -1), value = number(c, "value", 1);
	size_t i;
	int ret;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!strcmp(word(c, "name"), options[i].name)) {
			ret = setsockopt(fd, options[i].level, options[i].option, &value,
					 sizeof(value));
			answer(c, ret);
			return;
		}
	}
	answer(c, setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
}

/* A descriptor of another process, as if it had been passed on. */
static void do_take(const struct command *c)
{
	int process = syscall(SYS_pidfd_open, number(c, "pid", 0), 0);
	long ret = syscall(SYS_pidfd_getfd, process, number(c, "fd", -1), 0);

	answer(c, close_after(process, ret));
}

/* How many descriptors it may have: as many as it has; without `full` as before. */
static void do_descriptors(const struct command *c)
{
	static rlim_t before;
	struct rlimit limit;
	int next;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		answer(c, -1);
		return;
	}
	if (given(c, "full")) {
		next = dup(0);
		close(next);
		before = limit.rlim_cur;
		limit.rlim_cur = next;
	} else {
		limit.rlim_cur = before;
	}
	answer(c, setrlimit(RLIMIT_NOFILE, &limit));
}

const struct verb ip_verbs[] = {
	{ "ip-init", do_init },
	{ "ip-register", do_register },
	{ "ip-entry", do_entry },
	{ "ip-take", do_take_kept },
	{ "sock-make", do_make },
	{ "sock-bind", do_bind },
	{ "sock-connect", do_connect },
	{ "sock-accept", do_accept },
	{ "sock-send", do_send },
	{ "sock-recv", do_recv },
	{ "sock-heartbeat", do_heartbeat },
	{ "sock-sink", do_sink },
	{ "sock-shutdown", do_shutdown },
	{ "sock-listen", do_listen },
	{ "sock-option", do_option },
	{ "sock-queued", do_queued },
	{ "sock-error", do_error },
	{ "sock-take", do_take },
	{ "descriptors", do_descriptors },
	{ }
};
