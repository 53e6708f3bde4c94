// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel tells of files: inotify, and fanotify, which says who did
 * it. Both by the same names of what happens; each is told as
 * `what:pid:name`, with pid 0 where nobody is named.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

static int inotify_fd = -1, fanotify_fd = -1;

static const struct what {
	const char *name;
	uint64_t fanotify;
	uint32_t inotify;
} whats[] = {
	{ "open", FAN_OPEN, IN_OPEN },
	{ "close", FAN_CLOSE, IN_CLOSE },
	{ "read", FAN_ACCESS, IN_ACCESS },
	{ "write", FAN_MODIFY, IN_MODIFY },
	{ "attribute", FAN_ATTRIB, IN_ATTRIB },
	{ "create", FAN_CREATE, IN_CREATE },
	{ "remove", FAN_DELETE, IN_DELETE },
	{ "unmount", 0, IN_UNMOUNT },
	{ "overflow", FAN_Q_OVERFLOW, IN_Q_OVERFLOW },
};

#define WHATS	(sizeof(whats) / sizeof(whats[0]))

/* `what=open,close`: as a mask of one of the two. */
static uint64_t mask_in(const struct command *c, bool fanotify)
{
	const char *at = word(c, "what") ?: "";
	uint64_t mask = 0;
	size_t i, len;

	while (*at) {
		len = strcspn(at, ",");
		for (i = 0; i < WHATS; i++)
			if (strlen(whats[i].name) == len && !strncmp(whats[i].name, at, len))
				mask |= fanotify ? whats[i].fanotify : whats[i].inotify;
		at += len + (at[len] == ',');
	}
	return mask;
}

static bool is_fanotify(const struct command *c)
{
	return !strcmp(word(c, "via") ?: "", "fanotify");
}

/* `native-files via=inotify|fanotify` */
static void do_open(const struct command *c)
{
	int fd;

	if (is_fanotify(c)) {
		fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC |
				   FAN_REPORT_DFID_NAME, O_RDONLY);
		fanotify_fd = fd;
	} else {
		fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		inotify_fd = fd;
	}
	answer(c, fd < 0 ? -1 : 0);
}

/*
 * `native-mark via=... name=NAME what=LIST [how=filesystem] [ignore=1] [remove=1]`:
 * of a directory, what happens in it, too.
 */
static void do_mark(const struct command *c)
{
	const char *name = word(c, "name");
	unsigned int flags = given(c, "remove") ? FAN_MARK_REMOVE : FAN_MARK_ADD;
	uint64_t mask = mask_in(c, is_fanotify(c));
	int ret;

	if (!is_fanotify(c)) {
		ret = inotify_add_watch(inotify_fd, name, mask);
		answer(c, ret);
		return;
	}
	if (given(c, "how"))
		flags |= FAN_MARK_FILESYSTEM;
	if (given(c, "ignore"))
		flags |= FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY;
	else if (!given(c, "how"))
		mask |= FAN_EVENT_ON_CHILD;
	answer(c, fanotify_mark(fanotify_fd, flags, mask, AT_FDCWD, name));
}

static void tell_fanotify(struct told *t, const struct fanotify_event_metadata *event)
{
	const struct fanotify_event_info_fid *fid = (const void *)(event + 1);
	const struct file_handle *handle = (const void *)fid->handle;
	const char *name = "";
	size_t i;

	if (event->event_len > sizeof(*event) &&
	    fid->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME)
		name = (const char *)handle->f_handle + handle->handle_bytes;
	for (i = 0; i < WHATS; i++)
		if (event->mask & whats[i].fanotify)
			tell_more(t, "%s:%d:%s", whats[i].name, event->pid, name);
}

static int collect_fanotify(struct told *t)
{
	char buf[8192] __attribute__((aligned(8)));
	const struct fanotify_event_metadata *event = (const void *)buf;
	ssize_t n = read(fanotify_fd, buf, sizeof(buf));

	for (; n > 0 && FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n))
		tell_fanotify(t, event);
	return n < 0 && errno != EAGAIN ? -1 : n > 0;
}

static int collect_inotify(struct told *t)
{
	char buf[8192] __attribute__((aligned(8)));
	const struct inotify_event *event;
	ssize_t n = read(inotify_fd, buf, sizeof(buf)), at;
	size_t i;

	for (at = 0; at < n; at += sizeof(*event) + event->len) {
		event = (const void *)(buf + at);
		for (i = 0; i < WHATS; i++)
			if (event->mask & whats[i].inotify)
				tell_more(t, "%s:0:%s", whats[i].name,
					  event->len ? event->name : "");
	}
	return n < 0 && errno != EAGAIN ? -1 : n > 0;
}

/* `native-files-take via=... [least=N]` */
static void do_take(const struct command *c)
{
	struct pollfd p = { .fd = is_fanotify(c) ? fanotify_fd : inotify_fd, .events = POLLIN };
	long least = number(c, "least", 0);
	struct told t = { 0 };
	int ret;

	do {
		if (poll(&p, 1, t.count < least ? -1 : 0) < 0 && errno != EINTR) {
			answer(c, -1);
			return;
		}
		ret = is_fanotify(c) ? collect_fanotify(&t) : collect_inotify(&t);
		if (ret < 0) {
			answer(c, -1);
			return;
		}
	} while (t.count < least || ret > 0);
	answer_told(c, &t);
}

const struct verb native_file_verbs[] = {
	{ "native-files", do_open },
	{ "native-mark", do_mark },
	{ "native-files-take", do_take },
	{ }
};
