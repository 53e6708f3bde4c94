// SPDX-License-Identifier: GPL-2.0-only
/* Messages of the probe. Nothing here allocates, locks or uses stdio. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static void put_char(struct message *m, char c)
{
	if (m->len < sizeof(m->text) - 4)
		m->text[m->len++] = c;
}

void put_text(struct message *m, const char *text)
{
	while (*text)
		put_char(m, *text++);
}

static void put_key(struct message *m, const char *key)
{
	char last = m->len ? m->text[m->len - 1] : '{';

	if (last != '{' && last != '[')
		put_char(m, ',');
	if (!key)
		return;
	put_char(m, '"');
	put_text(m, key);
	put_text(m, "\":");
}

void put_number(struct message *m, const char *key, long value)
{
	unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;
	char digits[24];
	int i = 0;

	put_key(m, key);
	if (value < 0)
		put_char(m, '-');
	do {
		digits[i++] = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	while (i)
		put_char(m, digits[--i]);
}

void put_string(struct message *m, const char *key, const char *value)
{
	put_key(m, key);
	put_char(m, '"');
	for (; *value; value++)
		put_char(m, *value == '"' || *value == '\\' || *value < ' ' ? '?' : *value);
	put_char(m, '"');
}

void put_hex(struct message *m, const char *key, const void *data, size_t len)
{
	const unsigned char *byte = data;

	put_key(m, key);
	put_char(m, '"');
	for (; len; len--, byte++) {
		put_char(m, "0123456789abcdef"[*byte >> 4]);
		put_char(m, "0123456789abcdef"[*byte & 15]);
	}
	put_char(m, '"');
}

/* A pipe takes up to 4096 bytes in one piece, whoever else writes. */
void send_message(struct message *m)
{
	long fault = suspend_fault();
	size_t done = 0;
	ssize_t n;

	m->text[m->len++] = '}';
	m->text[m->len++] = '\n';
	while (done < m->len) {
		n = write(1, m->text + done, m->len - done);
		if (n < 0 && errno != EINTR)
			_exit(99);
		if (n > 0)
			done += n;
	}
	resume_fault(fault);
}

void answer_with(const struct command *c, long ret, int error, struct message *more)
{
	struct message m = { 0 };

	put_text(&m, "{");
	put_number(&m, "re", c->id);
	put_number(&m, "ret", ret);
	if (error)
		put_string(&m, "errno", strerrorname_np(error) ?: "?");
	else
		put_text(&m, ",\"errno\":null");
	if (more && more->len) {
		put_text(&m, ",");
		more->text[more->len] = '\0';
		put_text(&m, more->text);
	}
	end_fault(&m);
	send_message(&m);
}

/* errno, as the call left it that returned `ret`, counts where that is negative. */
void answer(const struct command *c, long ret)
{
	answer_with(c, ret, ret < 0 ? errno : 0, NULL);
}

void fail(const struct command *c, int error)
{
	answer_with(c, -1, error, NULL);
}

long long clock_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

long long now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}
