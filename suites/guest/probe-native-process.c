// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel tells of processes: a pidfd that becomes readable, what
 * waitid(2) says of a child, and the proc connector's events. A pidfd says of
 * a process that is no child only that it has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

#define WATCHED	16

/* pidfd */

static struct {
	int fd;
	pid_t pid;
} watched[WATCHED];
static int watched_count;

static int watch_pidfd(pid_t pid)
{
	int fd;

	if (watched_count == WATCHED) {
		errno = ENOBUFS;
		return -1;
	}
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -1;
	watched[watched_count].fd = fd;
	watched[watched_count++].pid = pid;
	return 0;
}

/* As wait(2) has it; -1 of one that is no child. */
static int status_of(int pidfd)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, pidfd, &info, WEXITED) < 0)
		return -1;
	if (info.si_code == CLD_EXITED)
		return (info.si_status & 0xff) << 8;
	return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

static int collect_pidfds(struct told *t, bool wait)
{
	struct pollfd polled[WATCHED];
	int i;

	for (i = 0; i < watched_count; i++)
		polled[i] = (struct pollfd){ .fd = watched[i].fd, .events = POLLIN };
	if (poll(polled, watched_count, wait ? -1 : 0) < 0)
		return errno == EINTR ? 0 : -1;
	for (i = watched_count - 1; i >= 0; i--) {
		if (!(polled[i].revents & POLLIN))
			continue;
		tell_more(t, "exit:%d:%d", watched[i].pid, status_of(watched[i].fd));
		close(watched[i].fd);
		watched[i] = watched[--watched_count];
	}
	return 0;
}

/* The proc connector tells of all processes. */

static int connector = -1;

static int send_listen(void)
{
	struct {
		struct nlmsghdr head;
		struct cn_msg cn;
		enum proc_cn_mcast_op op;
	} __attribute__((packed)) message = {
		.head.nlmsg_len = sizeof(message),
		.head.nlmsg_type = NLMSG_DONE,
		.cn.id = { CN_IDX_PROC, CN_VAL_PROC },
		.cn.len = sizeof(message.op),
		.op = PROC_CN_MCAST_LISTEN,
	};

	return send(connector, &message, sizeof(message), 0) < 0 ? -1 : 0;
}

static int open_connector(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int size = 4 << 20;

	if (connector >= 0)
		close(connector);
	connector = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	if (connector < 0)
		return -1;
	setsockopt(connector, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(connector, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return send_listen();
}

static void tell_event(struct told *t, const struct proc_event *ev)
{
	switch (ev->what) {
	case PROC_EVENT_FORK:
		tell_more(t, "%s:%d:%d",
			  ev->event_data.fork.child_pid == ev->event_data.fork.child_tgid ?
			  "fork" : "thread",
			  ev->event_data.fork.child_pid, ev->event_data.fork.parent_tgid);
		break;
	case PROC_EVENT_EXEC:
		tell_more(t, "exec:%d:0", ev->event_data.exec.process_pid);
		break;
	case PROC_EVENT_EXIT:
		/* A thread that is not the first has an id of its own. */
		tell_more(t, "%s:%d:%u",
			  ev->event_data.exit.process_pid == ev->event_data.exit.process_tgid ?
			  "exit" : "thread-exit",
			  ev->event_data.exit.process_pid, ev->event_data.exit.exit_code);
		break;
	default:
		break;
	}
}

/* What concerns processes of `about`'s, or their threads: the pid, or the parent. */
static bool concerns(const struct proc_event *ev, pid_t about)
{
	switch (ev->what) {
	case PROC_EVENT_FORK:
		return ev->event_data.fork.child_tgid == about ||
		       ev->event_data.fork.parent_tgid == about;
	case PROC_EVENT_EXEC:
		return ev->event_data.exec.process_tgid == about;
	case PROC_EVENT_EXIT:
		return ev->event_data.exit.process_tgid == about;
	default:
		return false;
	}
}

static int collect_connector(struct told *t, pid_t about, bool wait)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *head = (const void *)buf;
	const struct cn_msg *cn;
	struct proc_event ev;
	ssize_t n;

	n = recv(connector, buf, sizeof(buf), wait ? 0 : MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	for (; NLMSG_OK(head, (size_t)n); head = NLMSG_NEXT(head, n)) {
		cn = NLMSG_DATA(head);
		/* It is not aligned there. */
		memcpy(&ev, cn->data, sizeof(ev));
		if (concerns(&ev, about))
			tell_event(t, &ev);
	}
	return 1;
}

/* `native-watch via=pidfd|connector pid=PID` */
static void do_watch(const struct command *c)
{
	if (!strcmp(word(c, "via") ?: "", "pidfd"))
		answer(c, watch_pidfd(number(c, "pid", 0)));
	else
		answer(c, open_connector());
}

/*
 * `native-watched via=pidfd|connector pid=PID [least=N]`: what has happened,
 * each as `what:pid:more`. What the connector tells of other processes is
 * thrown away.
 */
static void do_watched(const struct command *c)
{
	bool pidfd = !strcmp(word(c, "via") ?: "", "pidfd");
	long least = number(c, "least", 0);
	struct told t = { 0 };
	int ret;

	do {
		if (pidfd)
			ret = collect_pidfds(&t, t.count < least);
		else
			ret = collect_connector(&t, number(c, "pid", 0), t.count < least);
		if (ret < 0) {
			answer(c, -1);
			return;
		}
		/* The connector has an event a message: what is there is read whole. */
	} while (t.count < least || ret > 0);
	answer_told(c, &t);
}

const struct verb native_process_verbs[] = {
	{ "native-watch", do_watch },
	{ "native-watched", do_watched },
	{ }
};
