// SPDX-License-Identifier: GPL-2.0-only
/* TIPC's topology server, without libaem: which nodes come and go. */
#include <errno.h>
#include <linux/tipc.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

static int topology = -1;

/* Asks for the nodes. */
static void do_nodes(const struct command *c)
{
	struct sockaddr_tipc server = {
		.family = AF_TIPC,
		.addrtype = TIPC_SERVICE_ADDR,
		.addr.name.name = { TIPC_TOP_SRV, TIPC_TOP_SRV },
	};
	struct tipc_subscr nodes = {
		.seq = { TIPC_NODE_STATE, 0, 0xffffffff },
		.timeout = TIPC_WAIT_FOREVER,
		.filter = TIPC_SUB_PORTS,
	};
	int ret;

	topology = socket(AF_TIPC, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ret = topology;
	if (ret >= 0)
		ret = connect(topology, (struct sockaddr *)&server, sizeof(server));
	if (ret >= 0 && send(topology, &nodes, sizeof(nodes), 0) != sizeof(nodes))
		ret = -1;
	answer(c, ret);
}

/* What has become of nodes since, `up:ADDRESS:TIME;...`; waits until it is `least` things. */
static void do_take(const struct command *c)
{
	struct pollfd ready = { .fd = topology, .events = POLLIN };
	long least = number(c, "least", 0);
	struct tipc_event event;
	struct told t = { 0 };

	if (least)
		entering("native-nodes-take");
	while (t.count < least || poll(&ready, 1, 0) == 1) {
		if (recv(topology, &event, sizeof(event), 0) != sizeof(event))
			break;
		tell_more(&t, "%s:%u:%lld", event.event == TIPC_PUBLISHED ? "up" : "down",
			  event.found_lower, now_ns());
	}
	answer_told(c, &t);
}

const struct verb native_tipc_verbs[] = {
	{ "native-nodes", do_nodes },
	{ "native-nodes-take", do_take },
	{ }
};
