// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes of a network: a probe whose first thread is in a network namespace of
 * its own, links between two of them, and TIPC's bearers on those.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/tipc_netlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

/* A request that is being written. */
struct request {
	union {
		struct nlmsghdr head;
		char bytes[1024];
	};
};

static void *put_bytes(struct request *r, const void *data, size_t len)
{
	void *at = r->bytes + NLMSG_ALIGN(r->head.nlmsg_len);

	if (data)
		memcpy(at, data, len);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + len;
	return at;
}

static void begin(struct request *r, unsigned short type, unsigned short flags, const void *data,
		  size_t len)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_len = NLMSG_HDRLEN;
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	put_bytes(r, data, len);
}

static struct nlattr *put(struct request *r, unsigned short type, const void *data, size_t len)
{
	struct nlattr a = { .nla_type = type, .nla_len = NLA_HDRLEN + len };
	struct nlattr *at = put_bytes(r, &a, sizeof(a));

	if (len)
		put_bytes(r, data, len);
	return at;
}

static struct nlattr *nest(struct request *r, unsigned short type)
{
	return put(r, type | NLA_F_NESTED, NULL, 0);
}

static void end(struct request *r, struct nlattr *a)
{
	a->nla_len = r->bytes + r->head.nlmsg_len - (char *)a;
}

static void put_word(struct request *r, unsigned short type, uint32_t value)
{
	put(r, type, &value, sizeof(value));
}

static void put_name(struct request *r, unsigned short type, const char *name)
{
	put(r, type, name, strlen(name) + 1);
}

/* Sends it and gets the answer into `r`: 0, or -1 with errno. */
static int ask(struct request *r, int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const struct nlmsgerr *error = NLMSG_DATA(&r->head);
	ssize_t len = -1;

	if (fd < 0)
		return -1;
	if (send(fd, r, r->head.nlmsg_len, 0) > 0)
		len = recv(fd, r, sizeof(*r), 0);
	if (len >= 0 && r->head.nlmsg_type == NLMSG_ERROR && error->error) {
		errno = -error->error;
		len = -1;
	}
	return close_after(fd, len < 0 ? -1 : 0);
}

/* The number of TIPC's family, or -1. */
static int tipc_family(void)
{
	const struct genlmsghdr head = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	struct request r;
	struct nlattr *a;
	size_t at;

	begin(&r, GENL_ID_CTRL, 0, &head, sizeof(head));
	put_name(&r, CTRL_ATTR_FAMILY_NAME, TIPC_GENL_V2_NAME);
	if (ask(&r, NETLINK_GENERIC) < 0)
		return -1;
	for (at = NLMSG_HDRLEN + GENL_HDRLEN; at < r.head.nlmsg_len; at += NLA_ALIGN(a->nla_len)) {
		a = (struct nlattr *)(r.bytes + at);
		if (a->nla_type == CTRL_ATTR_FAMILY_ID)
			return *(unsigned short *)((char *)a + NLA_HDRLEN);
	}
	errno = ENOENT;
	return -1;
}

static int begin_tipc(struct request *r, unsigned char cmd)
{
	const struct genlmsghdr head = { .cmd = cmd, .version = TIPC_GENL_V2_VERSION };
	int family = tipc_family();

	if (family >= 0)
		begin(r, family, 0, &head, sizeof(head));
	return family;
}

static void do_new(const struct command *c)
{
	answer(c, unshare(CLONE_NEWNET));
}

/* `name` here and `peer` where process `pid` is. */
static void do_veth(const struct command *c)
{
	const struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	struct nlattr *info, *data, *peer;
	struct request r;

	begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
	put_name(&r, IFLA_IFNAME, word(c, "name"));
	info = nest(&r, IFLA_LINKINFO);
	put_name(&r, IFLA_INFO_KIND, "veth");
	data = nest(&r, IFLA_INFO_DATA);
	peer = nest(&r, VETH_INFO_PEER);
	put_bytes(&r, &link, sizeof(link));
	put_name(&r, IFLA_IFNAME, word(c, "peer"));
	put_word(&r, IFLA_NET_NS_PID, number(c, "pid", 0));
	end(&r, peer);
	end(&r, data);
	end(&r, info);
	answer(c, ask(&r, NETLINK_ROUTE));
}

static struct sockaddr_in address_of(const struct command *c, const char *key)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	inet_pton(AF_INET, word(c, key) ?: "", &in.sin_addr);
	return in;
}

/* Switches the interface `name` on, with the address `addr`, or with `down` off. */
static void do_link(const struct command *c)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = address_of(c, "addr");
	struct ifreq ifr = { 0 };
	int ret = 0;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", word(c, "name"));
	if (given(c, "addr")) {
		memcpy(&ifr.ifr_addr, &in, sizeof(in));
		ret = ioctl(fd, SIOCSIFADDR, &ifr);
	}
	memset(&ifr.ifr_ifru, 0, sizeof(ifr.ifr_ifru));
	ifr.ifr_flags = given(c, "down") ? 0 : IFF_UP;
	if (!ret)
		ret = ioctl(fd, SIOCSIFFLAGS, &ifr);
	answer(c, close_after(fd, ret));
}

/* What is for a host gets lost from now on, where the socket is; or no more. */
static int lose(int fd, const struct sockaddr_in *host, unsigned long request)
{
	struct rtentry route = { .rt_flags = RTF_UP | RTF_HOST | RTF_REJECT };
	struct sockaddr_in mask = { .sin_family = AF_INET };

	mask.sin_addr.s_addr = INADDR_BROADCAST;
	memcpy(&route.rt_dst, host, sizeof(*host));
	memcpy(&route.rt_genmask, &mask, sizeof(mask));
	return ioctl(fd, request, &route);
}

/* What is for the host `addr` gets lost from now on; with `undo` no more. */
static void do_lose(const struct command *c)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = address_of(c, "addr");

	answer(c, close_after(fd, lose(fd, &in, given(c, "undo") ? SIOCDELRT : SIOCADDRT)));
}

/* A socket in the network namespace of a process; nothing else of this one goes there. */
static int socket_of(int pid)
{
	int process = syscall(SYS_pidfd_open, pid, 0), own, fd = -1;

	if (process < 0)
		return -1;
	own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own >= 0 && !setns(process, CLONE_NEWNET)) {
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (setns(own, CLONE_NEWNET))
			_exit(95);
	}
	if (own >= 0)
		fd = close_after(own, fd);
	return close_after(process, fd);
}

/*
 * `first=PID:ADDR [second=PID:ADDR]`: from where process PID is nothing gets to
 * the host ADDR any more, in that order. Tells when it began.
 */
static void do_silence(const struct command *c)
{
	static const char *const keys[] = { "first", "second" };
	struct sockaddr_in host = { .sin_family = AF_INET };
	struct message m = { 0 };
	int fds[2] = { -1, -1 }, i, ret = 0;
	long long began;
	char *addr;

	for (i = 0; i < 2 && given(c, keys[i]) && !ret; i++) {
		fds[i] = socket_of(atoi(word(c, keys[i])));
		ret = fds[i] < 0 ? -1 : 0;
	}
	began = now_ns();
	for (i = 0; i < 2 && given(c, keys[i]) && !ret; i++) {
		addr = strchr(word(c, keys[i]), ':');
		if (!addr || inet_pton(AF_INET, addr + 1, &host.sin_addr) != 1) {
			errno = EINVAL;
			ret = -1;
		} else {
			ret = lose(fds[i], &host, SIOCADDRT);
		}
	}
	put_number(&m, "t", began);
	answer_with(c, ret, ret ? errno : 0, &m);
	for (i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* To the host `addr`, over the interface `name`, TCP tries again after `rto` ms at the earliest. */
static void do_retry(const struct command *c)
{
	const struct rtmsg route = {
		.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST,
	};
	struct sockaddr_in in = address_of(c, "addr");
	struct nlattr *metrics;
	struct request r;

	begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof(route));
	put_word(&r, RTA_DST, in.sin_addr.s_addr);
	put_word(&r, RTA_OIF, if_nametoindex(word(c, "name")));
	metrics = nest(&r, RTA_METRICS);
	put_word(&r, RTAX_LOCK, 1 << RTAX_RTO_MIN);
	put_word(&r, RTAX_RTO_MIN, number(c, "rto", 0));
	end(&r, metrics);
	answer(c, ask(&r, NETLINK_ROUTE));
}

/* The node's address is `addr`. */
static void do_node(const struct command *c)
{
	struct nlattr *net;
	struct request r;

	if (begin_tipc(&r, TIPC_NL_NET_SET) < 0) {
		answer(c, -1);
		return;
	}
	net = nest(&r, TIPC_NLA_NET);
	put_word(&r, TIPC_NLA_NET_ADDR, number(c, "addr", 0));
	end(&r, net);
	answer(c, ask(&r, NETLINK_GENERIC));
}

/* The UDP bearer's own address, `local`, and its peer's, `remote`. */
static void put_udp(struct request *r, const struct command *c)
{
	static const char *const keys[] = { "local", "remote" };
	struct sockaddr_storage addr;
	struct nlattr *udp = nest(r, TIPC_NLA_BEARER_UDP_OPTS);
	struct sockaddr_in in;
	int i;

	for (i = 0; i < 2; i++) {
		in = address_of(c, keys[i]);
		in.sin_port = htons(6118);
		memset(&addr, 0, sizeof(addr));
		memcpy(&addr, &in, sizeof(in));
		put(r, TIPC_NLA_UDP_LOCAL + i, &addr, sizeof(addr));
	}
	end(r, udp);
}

static int set_bearer(const struct command *c, unsigned char cmd, const char *key,
		      unsigned short property)
{
	struct nlattr *bearer, *properties;
	struct request r;

	if (begin_tipc(&r, cmd) < 0)
		return -1;
	bearer = nest(&r, TIPC_NLA_BEARER);
	put_name(&r, TIPC_NLA_BEARER_NAME, word(c, "name"));
	if (cmd == TIPC_NL_BEARER_ENABLE && given(c, "local"))
		put_udp(&r, c);
	if (key) {
		properties = nest(&r, TIPC_NLA_BEARER_PROP);
		put_word(&r, property, number(c, key, 0));
		end(&r, properties);
	}
	end(&r, bearer);
	return ask(&r, NETLINK_GENERIC);
}

/* Enables the bearer `name`, with a `tolerance` in milliseconds; `off`: disables it. */
static void do_bearer(const struct command *c)
{
	unsigned char cmd = given(c, "off") ? TIPC_NL_BEARER_DISABLE : TIPC_NL_BEARER_ENABLE;
	int ret = set_bearer(c, cmd, NULL, 0);

	if (!ret && given(c, "tolerance"))
		ret = set_bearer(c, TIPC_NL_BEARER_SET, "tolerance", TIPC_NLA_PROP_TOL);
	answer(c, ret);
}

const struct verb net_verbs[] = {
	{ "net-new", do_new },
	{ "net-veth", do_veth },
	{ "net-link", do_link },
	{ "net-lose", do_lose },
	{ "net-silence", do_silence },
	{ "net-retry", do_retry },
	{ "tipc-node", do_node },
	{ "tipc-bearer", do_bearer },
	{ }
};
