// SPDX-License-Identifier: GPL-2.0-only
/*
 * Very many small messages over very many connections: what sends them, and
 * what looks at each of them, for probe-flood.c, whose handlers are given them
 * in pieces of any size.
 *
 * A message says on which connection it is sent and as which one there, and
 * has a sum. A connection is known by its port: from the other end that is
 * the peer's, so that what another connection is given is not taken for right.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

struct mail {
	uint32_t from, number;
	uint64_t words[2];
	uint64_t sum;
};

_Static_assert(sizeof(struct mail) == MAIL_SIZE, "what a mailbox has room for");

/*
 * Messages that one call sends at most; half of it in the mean. With one a call
 * the calls would be most of what a test takes.
 */
#define BATCH	64

static atomic_long messages, strange;

static uint64_t sum_of(const struct mail *m)
{
	uint64_t sum = (uint64_t)m->from << 32 | m->number;
	int i;

	/* Each step is one to one, so that no change of a word is lost. */
	for (i = 0; i < 2; i++) {
		sum = (sum ^ m->words[i]) * 0x9e3779b97f4a7c15;
		sum ^= sum >> 29;
	}
	return sum;
}

void mail_begin(struct mailbox *box, int fd)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);

	getpeername(fd, (struct sockaddr *)&from, &len);
	*box = (struct mailbox){ .from = ntohs(from.sin_port) };
}

static void look_at(struct mailbox *box)
{
	struct mail m;

	memcpy(&m, box->part, sizeof(m));
	if (m.from == box->from && m.number == box->next && m.sum == sum_of(&m))
		atomic_fetch_add(&messages, 1);
	else
		atomic_fetch_add(&strange, 1);
	box->next++;
}

void mail_take(struct mailbox *box, const unsigned char *data, size_t len)
{
	size_t part;

	for (; len; data += part, len -= part) {
		part = MAIL_SIZE - box->len;
		if (part > len)
			part = len;
		memcpy(box->part + box->len, data, part);
		box->len += part;
		if (box->len < MAIL_SIZE)
			continue;
		look_at(box);
		box->len = 0;
	}
}

/* A part of a message is none. */
void mail_end(const struct mailbox *box)
{
	if (box->len)
		atomic_fetch_add(&strange, 1);
}

long mail_count(void)
{
	return atomic_load(&messages);
}

long mail_strange(void)
{
	return atomic_load(&strange);
}

static struct line {
	int fd;
	uint32_t port, next;
	long left;	/* messages to be sent by this command */
	size_t len;	/* of what has been left for the next call to send ... */
	unsigned char data[(BATCH + 1) * MAIL_SIZE];	/* ... in front of the rest */
} *lines;

static long line_count;
static int failed;	/* the first error of what nobody waited for */

static int line_open(struct line *line, int port)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int on = 1;

	line->fd = flood_connect(port);
	if (line->fd < 0 || getsockname(line->fd, (struct sockaddr *)&from, &len) < 0)
		return -1;
	line->port = ntohs(from.sin_port);
	return setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void finish(const struct command *c, int ret)
{
	if (ret < 0 && !failed)
		failed = errno;
	answer(c, ret);
}

/* Opens `count` connections to `port`. */
static void do_open(const struct command *c)
{
	long count = number(c, "count", 1);
	struct rlimit files = { count + 64, count + 64 };
	int ret = 0;

	lines = calloc(count, sizeof(*lines));
	if (!lines || setrlimit(RLIMIT_NOFILE, &files) < 0)
		ret = -1;
	for (line_count = 0; line_count < count && ret >= 0; line_count++)
		ret = line_open(&lines[line_count], number(c, "port", 0));
	finish(c, ret);
}

static uint64_t next_word(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void write_mail(struct line *line)
{
	struct mail m = {
		.from = line->port,
		.number = line->next++,
		.words = { next_word(), next_word() },
	};

	m.sum = sum_of(&m);
	memcpy(line->data + line->len, &m, sizeof(m));
	line->len += sizeof(m);
	line->left--;
}

/* Some messages, of which the last one waits in part for its rest, if there are more. */
static int send_some(struct line *line)
{
	uint64_t random = next_word();
	size_t count = 1 + random % BATCH, keep = (random >> 32) % MAIL_SIZE;

	while (count-- && line->left)
		write_mail(line);
	if (!line->left)
		keep = 0;
	if (send_all(line->fd, line->data, line->len - keep) < 0)
		return -1;
	memmove(line->data, line->data + line->len - keep, keep);
	line->len = keep;
	return 0;
}

/* `each` messages more on each connection, by turns. */
static void do_send(const struct command *c)
{
	long each = number(c, "each", 1), busy = line_count, i;
	int ret = 0;

	for (i = 0; i < line_count; i++)
		lines[i].left = each;
	while (busy && ret >= 0)
		for (i = 0; i < line_count && ret >= 0; i++) {
			if (!lines[i].left)
				continue;
			ret = send_some(&lines[i]);
			busy -= !lines[i].left;
		}
	finish(c, ret);
}

/* Closes them all. */
static void do_close(const struct command *c)
{
	while (line_count > 0)
		close(lines[--line_count].fd);
	free(lines);
	lines = NULL;
	answer(c, 0);
}

/* Was all of it done? */
static void do_done(const struct command *c)
{
	answer_with(c, failed ? -1 : 0, failed, NULL);
}

const struct verb mail_verbs[] = {
	{ "mail-open", do_open },
	{ "mail-send", do_send },
	{ "mail-close", do_close },
	{ "mail-done", do_done },
	{ }
};
