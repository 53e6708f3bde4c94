// SPDX-License-Identifier: GPL-2.0-only
/*
 * Very much data over many connections: one probe has it come to handlers, which
 * check every byte, while a thread of it stops and starts their events; another
 * one sends it.
 *
 * A connection begins with its number, four bytes; what follows is a function
 * of that and of the place in the stream. Or messages come: see probe-mail.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define MAX_STREAMS	4096

struct stream {
	int eid;
	unsigned char head[4];
	uint32_t number;
	unsigned long at;	/* bytes so far, the head included */
	struct mailbox box;
};

static struct stream *streams[MAX_STREAMS];	/* by descriptor */
static atomic_int eids[MAX_STREAMS];
static atomic_int accepted, ended;
static atomic_long received, wrong, pieces, stops;
static atomic_bool over;
static bool of_mail;

static unsigned char byte_at(uint32_t number, unsigned long at)
{
	uint64_t x = ((uint64_t)number << 32 | (at & 0xffffffff)) * 0x9e3779b97f4a7c15;

	return x >> 56;
}

static void check_byte(struct stream *s, unsigned char byte)
{
	if (s->at < sizeof(s->head))
		s->head[s->at] = byte;
	else if (byte != byte_at(s->number, s->at))
		atomic_fetch_add(&wrong, 1);
	if (++s->at == sizeof(s->head))
		memcpy(&s->number, s->head, sizeof(s->number));
}

static void check_piece(struct stream *s, const unsigned char *data, int len)
{
	int i;

	if (of_mail) {
		mail_take(&s->box, data, len);
		return;
	}
	for (i = 0; i < len; i++)
		check_byte(s, data[i]);
}

static void flood_read(int eid, int fd, unsigned char *data, int len)
{
	struct stream *s = streams[fd];

	(void)eid;
	if (len > 0)
		check_piece(s, data, len);
	atomic_fetch_add(&pieces, 1);
	if (len > 0) {
		atomic_fetch_add(&received, len);
		return;
	}
	if (len < 0)
		atomic_fetch_add(&wrong, 1);
	mail_end(&s->box);
	streams[fd] = NULL;
	free(s);
	close(fd);
	atomic_fetch_add(&ended, 1);
}

static void flood_accept(int eid, int old, int new)
{
	struct stream *s = calloc(1, sizeof(*s));

	(void)eid;
	(void)old;
	if (!s || new >= MAX_STREAMS) {
		atomic_fetch_add(&wrong, 1);
		return;
	}
	streams[new] = s;
	mail_begin(&s->box, new);
	s->eid = aemIP_read(new, flood_read);
	if (s->eid < 0 || aemCORE_event_start(s->eid) < 0)
		atomic_fetch_add(&wrong, 1);
	atomic_store(&eids[atomic_fetch_add(&accepted, 1)], s->eid);
}

/* Has what comes to `fd`, which listens, be checked: bytes, or messages by `mail`. */
static void do_catch(const struct command *c)
{
	struct rlimit files = { MAX_STREAMS, MAX_STREAMS };
	int eid;

	of_mail = given(c, "mail");
	if (of_mail && setrlimit(RLIMIT_NOFILE, &files) < 0) {
		answer(c, -1);
		return;
	}
	eid = aemIP_accept_flags(number(c, "fd", -1), NULL, NULL, flood_accept, AEMIP_NONBLOCK);

	if (eid >= 0 && aemCORE_event_start(eid) < 0)
		eid = -1;
	atomic_store(&eids[atomic_fetch_add(&accepted, 1)], eid);
	answer(c, eid);
}

/* Waits until `count` connections have ended, for `seconds` at most; sums up. */
static void do_caught(const struct command *c)
{
	struct timespec look = { .tv_nsec = 100000000 };
	long long until = now_ns() + number(c, "seconds", 30) * 1000000000LL;
	struct message m = { 0 };

	while (atomic_load(&ended) < number(c, "count", 0) && now_ns() < until)
		if (aem_evwait(&look) < 0)
			break;
	atomic_store(&over, true);
	put_number(&m, "received", atomic_load(&received));
	put_number(&m, "wrong", atomic_load(&wrong));
	put_number(&m, "pieces", atomic_load(&pieces));
	answer_with(c, atomic_load(&ended), 0, &m);
}

/* Has so much come, or something wrong? */
static bool is_there(const struct command *c)
{
	return atomic_load(&wrong) || mail_strange() ||
	       (atomic_load(&ended) >= number(c, "ended", 0) &&
		/* The first event is that of the socket that listens. */
		atomic_load(&accepted) - 1 >= number(c, "accepted", 0) &&
		mail_count() >= number(c, "messages", 0));
}

/*
 * How far it is, for a thread without events: as soon as so much has come, or
 * something wrong, else after half a second. Returns whether it has.
 */
static void do_look(const struct command *c)
{
	long long until = now_ns() + 500000000LL;
	struct message m = { 0 };

	while (!is_there(c) && now_ns() < until)
		usleep(10000);
	put_number(&m, "accepted", atomic_load(&accepted) - 1);
	put_number(&m, "ended", atomic_load(&ended));
	put_number(&m, "messages", mail_count());
	put_number(&m, "wrong", atomic_load(&wrong) + mail_strange());
	put_number(&m, "stops", atomic_load(&stops));
	answer_with(c, is_there(c), 0, &m);
}

/*
 * Stops and starts the events, until `count` connections have ended or nobody
 * waits for them; by `pace` no more often than data comes.
 */
static void do_worry(const struct command *c)
{
	unsigned int seed = number(c, "seed", 1);
	int eid;

	while (atomic_load(&ended) < number(c, "count", 0) && !atomic_load(&over)) {
		if (given(c, "pace") && atomic_load(&stops) > atomic_load(&pieces)) {
			usleep(1000);
			continue;
		}
		eid = atomic_load(&eids[rand_r(&seed) % atomic_load(&accepted)]);
		/* The owner is to get on, too, on one processor. */
		sched_yield();
		/* It may have ended. */
		if (!eid || aemCORE_event_stop(eid) < 0)
			continue;
		atomic_fetch_add(&stops, 1);
		aemCORE_event_start(eid);
	}
	answer(c, atomic_load(&stops));
}

int flood_connect(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return close_after(fd, -1);
	return fd;
}

int send_all(int fd, const unsigned char *data, size_t len)
{
	ssize_t sent;

	while (len) {
		sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent < 0)
			return -1;
		data += sent;
		len -= sent;
	}
	return 0;
}

/* The next `len` bytes of a stream. */
static int flood_send(int fd, uint32_t number, unsigned long at, size_t len)
{
	static unsigned char data[8192];
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = at + i < 4 ? number >> 8 * (at + i) & 0xff : byte_at(number, at + i);
	return send_all(fd, data, len);
}

/*
 * `bytes` on each of `count` connections to `port`, in pieces of any size, by
 * turns; then the end of each.
 */
static void do_flood(const struct command *c)
{
	long count = number(c, "count", 1), bytes = number(c, "bytes", 4), i;
	unsigned int seed = number(c, "seed", 1);
	int *fds = calloc(count, sizeof(*fds));
	unsigned long at, len;
	int ret = 0;

	for (i = 0; i < count && ret >= 0; i++) {
		ret = flood_connect(number(c, "port", 0));
		fds[i] = ret;
	}
	for (at = 0; at < (unsigned long)bytes && ret >= 0; at += len) {
		len = 1 + rand_r(&seed) % 8192;
		if (len > bytes - at)
			len = bytes - at;
		for (i = 0; i < count && ret >= 0; i++)
			ret = flood_send(fds[i], i, at, len);
	}
	for (i = 0; i < count; i++)
		if (fds[i] > 0)
			close(fds[i]);
	free(fds);
	answer(c, ret < 0 ? -1 : 0);
}

const struct verb flood_verbs[] = {
	{ "flood-catch", do_catch },
	{ "flood-caught", do_caught },
	{ "flood-look", do_look },
	{ "flood-worry", do_worry },
	{ "flood", do_flood },
	{ }
};
