// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels and the facilities of the kernel that watch them. A command opens
 * them with one facility, others put something into channels or take it out,
 * and `native-take` asks the facility what has become ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

/* Of what was told, so many are named one by one. */
#define NAMED	64

struct channel channels[MAX_CHANNELS];
int channel_count;

static const struct facility *const facilities[] = {
	&epoll_facility, &poll_facility, &signal_facility, &signalfd_facility,
	&aio_facility, &uring_facility,
};

static const struct facility *opened;

/* Since the last `native-take`. */
static struct {
	long total;
	int times[MAX_CHANNELS];
	int named[NAMED];
} told;

void native_told(int channel)
{
	if (channel < 0 || channel >= channel_count)
		_exit(93);
	if (told.total < NAMED)
		told.named[told.total] = channel;
	told.total++;
	told.times[channel]++;
}

void tell_more(struct told *t, const char *format, ...)
{
	size_t room = sizeof(t->text) - t->len;
	va_list args;
	int len;

	if (t->count++ && room > 1) {
		t->text[t->len++] = ';';
		room--;
	}
	va_start(args, format);
	len = vsnprintf(t->text + t->len, room, format, args);
	va_end(args);
	if (len > 0)
		t->len += (size_t)len < room ? (size_t)len : room - 1;
}

void answer_told(const struct command *c, const struct told *t)
{
	struct message m = { 0 };

	put_string(&m, "told", t->text);
	answer_with(c, t->count, 0, &m);
}

int native_signal(int use)
{
	return SIGRTMIN + 2 + use;
}

void block_native(int use, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, native_signal(use));
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* epoll */

static int epoll_fd = -1;

static int open_epoll(bool edge)
{
	struct epoll_event event = { .events = EPOLLIN | (edge ? EPOLLET : 0) };
	int i;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -1;
	for (i = 0; i < channel_count; i++) {
		event.data.u32 = i;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, channels[i].reader, &event) < 0)
			return -1;
	}
	return 0;
}

static int collect_epoll(bool wait)
{
	static struct epoll_event events[MAX_CHANNELS];
	int i, n = epoll_wait(epoll_fd, events, MAX_CHANNELS, wait ? -1 : 0);

	for (i = 0; i < n; i++)
		native_told(events[i].data.u32);
	return n < 0 ? -1 : 0;
}

static void close_epoll(void)
{
	close(epoll_fd);
}

const struct facility epoll_facility = { "epoll", open_epoll, collect_epoll, close_epoll };

/* poll(2) */

static int open_poll(bool edge)
{
	errno = EOPNOTSUPP;
	return edge ? -1 : 0;
}

static int collect_poll(bool wait)
{
	static struct pollfd polled[MAX_CHANNELS];
	int i;

	for (i = 0; i < channel_count; i++)
		polled[i] = (struct pollfd){ .fd = channels[i].reader, .events = POLLIN };
	if (poll(polled, channel_count, wait ? -1 : 0) < 0)
		return -1;
	for (i = 0; i < channel_count; i++)
		if (polled[i].revents & POLLIN)
			native_told(i);
	return 0;
}

static void close_nothing(void)
{
}

const struct facility poll_facility = { "poll", open_poll, collect_poll, close_nothing };

/* Realtime signals that say which descriptor: fcntl(2), F_SETSIG; and signalfd(2) on top. */

static sigset_t signal_set;
/* The channel of each reader. */
static short channel_of[4 * MAX_CHANNELS];
static int signal_fd = -1;

static int open_signals(bool edge)
{
	struct f_owner_ex owner = { F_OWNER_TID, syscall(SYS_gettid) };
	int i, fd;

	if (!edge) {
		errno = EOPNOTSUPP;
		return -1;
	}
	block_native(CHANNEL_SIGNAL, &signal_set);
	/* For want of room in the queue the kernel sends this one. */
	sigaddset(&signal_set, SIGIO);
	pthread_sigmask(SIG_BLOCK, &signal_set, NULL);
	for (i = 0; i < channel_count; i++) {
		fd = channels[i].reader;
		channel_of[fd] = i;
		if (fcntl(fd, F_SETSIG, native_signal(CHANNEL_SIGNAL)) < 0 ||
		    fcntl(fd, F_SETOWN_EX, &owner) < 0 ||
		    fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
			return -1;
	}
	return 0;
}

static int collect_signals(bool wait)
{
	static const struct timespec none;
	siginfo_t info;
	int signo;

	for (;;) {
		signo = wait ? sigwaitinfo(&signal_set, &info) :
			       sigtimedwait(&signal_set, &info, &none);
		if (signo < 0)
			return errno == EAGAIN ? 0 : -1;
		if (signo == SIGIO) {
			errno = EOVERFLOW;
			return -1;
		}
		native_told(channel_of[info.si_fd]);
		wait = false;
	}
}

const struct facility signal_facility = { "signals", open_signals, collect_signals, close_nothing };

static int open_signalfd(bool edge)
{
	if (open_signals(edge) < 0)
		return -1;
	signal_fd = signalfd(-1, &signal_set, SFD_NONBLOCK | SFD_CLOEXEC);
	return signal_fd < 0 ? -1 : 0;
}

static int collect_signalfd(bool wait)
{
	struct pollfd p = { .fd = signal_fd, .events = POLLIN };
	struct signalfd_siginfo info[64];
	ssize_t n;
	size_t i;

	if (poll(&p, 1, wait ? -1 : 0) < 0)
		return -1;
	while ((n = read(signal_fd, info, sizeof(info))) > 0) {
		for (i = 0; i < n / sizeof(info[0]); i++) {
			if (info[i].ssi_signo == SIGIO) {
				errno = EOVERFLOW;
				return -1;
			}
			native_told(channel_of[info[i].ssi_fd]);
		}
	}
	return errno == EAGAIN ? 0 : -1;
}

static void close_signalfd(void)
{
	close(signal_fd);
}

const struct facility signalfd_facility = {
	"signalfd", open_signalfd, collect_signalfd, close_signalfd
};

/* Channels */

static void close_channels(void)
{
	int i;

	if (opened)
		opened->close();
	opened = NULL;
	for (i = 0; i < channel_count; i++) {
		close(channels[i].reader);
		close(channels[i].writer);
	}
	channel_count = 0;
}

static int open_channels(int count)
{
	struct rlimit limit = { 2 * MAX_CHANNELS + 256, 2 * MAX_CHANNELS + 256 };
	int fds[2];

	/* What is over its limit fails by itself. */
	setrlimit(RLIMIT_NOFILE, &limit);
	while (channel_count < count) {
		if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
			return -1;
		channels[channel_count++] = (struct channel){ fds[0], fds[1] };
	}
	return 0;
}

static int open_all(const char *name, int count, bool edge)
{
	const struct facility *f = NULL;
	size_t i;

	for (i = 0; name && i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (!strcmp(facilities[i]->name, name))
			f = facilities[i];
	if (!f || count < 1 || count > MAX_CHANNELS) {
		errno = EINVAL;
		return -1;
	}
	close_channels();
	if (open_channels(count) < 0)
		return -1;
	/* What it has opened when it fails goes with the process. */
	if (f->open(edge) < 0)
		return -1;
	opened = f;
	return 0;
}

static int fire(int channel, long times)
{
	while (times-- > 0)
		if (write(channels[channel].writer, "x", 1) != 1)
			return -1;
	return 0;
}

/* Takes out so many bytes, or all there are. */
static int drain(int channel, size_t count)
{
	char bytes[4096];
	ssize_t n;

	if (count)
		return read(channels[channel].reader, bytes, count) == (ssize_t)count ? 0 : -1;
	do {
		n = read(channels[channel].reader, bytes, sizeof(bytes));
	} while (n > 0);
	return n < 0 && errno == EAGAIN ? 0 : -1;
}

/* Verbs */

/* `native-open facility=NAME channels=COUNT [edge=1]` */
static void do_open(const struct command *c)
{
	answer(c, open_all(word(c, "facility"), number(c, "channels", 1), given(c, "edge")));
}

/* A channel of the command's, or an answer that there is none. */
static int channel_in(const struct command *c)
{
	long channel = number(c, "channel", 0);

	if (channel >= 0 && channel < channel_count)
		return channel;
	fail(c, EBADF);
	return -1;
}

static void do_fire(const struct command *c)
{
	int channel = channel_in(c);

	if (channel >= 0)
		answer(c, fire(channel, number(c, "times", 1)));
}

/* `native-fire-all [from=N] [step=N]`: each channel once, in order. */
static void do_fire_all(const struct command *c)
{
	int i, step = number(c, "step", 1), ret = 0;

	for (i = number(c, "from", 0); i < channel_count && !ret; i += step)
		ret = fire(i, 1);
	answer(c, ret);
}

static void do_drain(const struct command *c)
{
	int channel = channel_in(c);

	if (channel >= 0)
		answer(c, drain(channel, number(c, "bytes", 0)));
}

/*
 * `native-take [least=N]`: what is due; waits until so many have been told.
 * Tells how many, of how many channels, how often the most frequent one, and
 * the first of them by name.
 */
static void do_take(const struct command *c)
{
	long i, most = 0, distinct = 0, least = number(c, "least", 0);
	struct message m = { 0 };

	if (!opened) {
		fail(c, EBADF);
		return;
	}
	memset(&told, 0, sizeof(told));
	if (least)
		entering("native-take");
	do {
		if (opened->collect(told.total < least) < 0) {
			answer(c, -1);
			return;
		}
	} while (told.total < least);
	for (i = 0; i < channel_count; i++) {
		distinct += !!told.times[i];
		if (told.times[i] > most)
			most = told.times[i];
	}
	put_number(&m, "distinct", distinct);
	put_number(&m, "most", most);
	put_text(&m, ",\"told\":\"");
	for (i = 0; i < told.total && i < NAMED; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%s%d", i ? "," : "", told.named[i]);
		put_text(&m, text);
	}
	put_text(&m, "\"");
	answer_with(c, told.total, 0, &m);
}

static void do_close(const struct command *c)
{
	close_channels();
	answer(c, 0);
}

const struct verb native_verbs[] = {
	{ "native-open", do_open },
	{ "native-fire", do_fire },
	{ "native-fire-all", do_fire_all },
	{ "native-drain", do_drain },
	{ "native-take", do_take },
	{ "native-close", do_close },
	{ }
};
