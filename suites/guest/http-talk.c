// SPDX-License-Identifier: GPL-2.0-only
/*
 * http-talk PORT: connections to a server, as commands on stdin steer them. A
 * line each, and a line of JSON as its answer; N is a connection, 0 to 2047.
 *
 *	open N			{"at":NS}
 *	send N TEXT		{"at":NS}; TEXT has the escapes of C for a line
 *				feed, a carriage return, NUL and the backslash
 *	each N TEXT		the same, with a system call for each byte
 *	shut N			no more is sent
 *	drop N			it is closed
 *	answer N		the next answer: {"status":…,"fields":{…},"body":TEXT,
 *				"size":BYTES,"sum":…}, its body's first bytes
 *	head N			the next answer, which has no body
 *	end N			waits for the end: {"end":"eof","at":NS,"rest":BYTES},
 *				or "reset", or "none" after a minute
 *	cut N			the same, only for "reset", and without receiving
 *	slow N			receives as little as can be from here on, before open
 *
 * NS is CLOCK_MONOTONIC, before a command of sending and after one of waiting.
 * What is not HTTP is {"error":TEXT}.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS	2048
#define BUFFER		65536
#define MINUTE_MS	60000
#define SHOWN		200	/* bytes of a body */

static struct talk {
	int fd;
	bool slow;
	char *in;
	size_t len;
} talks[CONNECTIONS];

static int port;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void say_error(const char *what)
{
	printf("{\"error\":\"%s\"}\n", what);
}

static void say_at(long long at)
{
	printf("{\"at\":%lld}\n", at);
}

static void open_talk(struct talk *t)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1, least = 1;
	long long at;

	t->len = 0;
	if (!t->in)
		t->in = malloc(BUFFER);
	t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->slow)
		setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	at = now();
	if (!t->in || connect(t->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		say_error(strerror(errno));
	else
		say_at(at);
}

/* In place. Returns the length. */
static size_t unescape(char *text)
{
	static const char codes[] = "rn0\\", values[] = "\r\n\0\\";
	char *from = text, *to = text;
	const char *code;

	for (; *from; from++) {
		code = *from == '\\' && from[1] ? strchr(codes, from[1]) : NULL;
		*to++ = code ? values[code - codes] : *from;
		from += code ? 1 : 0;
	}
	return to - text;
}

static void send_text(struct talk *t, char *text, bool each)
{
	size_t len = unescape(text), step = each ? 1 : len, at;
	long long began = now();

	for (at = 0; at < len; at += step)
		if (send(t->fd, text + at, step, MSG_NOSIGNAL) != (ssize_t)step) {
			say_error(strerror(errno));
			return;
		}
	say_at(began);
}

/* More of the stream: how much, 0 at its end, -1 with errno. */
static ssize_t more(struct talk *t)
{
	struct pollfd wanted = { .fd = t->fd, .events = POLLIN };
	ssize_t len;

	if (poll(&wanted, 1, MINUTE_MS) <= 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	len = recv(t->fd, t->in + t->len, BUFFER - t->len, 0);
	if (len > 0)
		t->len += len;
	return len;
}

static void forget(struct talk *t, size_t len)
{
	t->len -= len;
	memmove(t->in, t->in + len, t->len);
}

static void put_text(const char *text, size_t len)
{
	size_t i;

	putchar('"');
	for (i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			printf("\\%c", text[i]);
		else if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 0x7f)
			printf("\\u%04x", (unsigned char)text[i]);
		else
			putchar(text[i]);
	}
	putchar('"');
}

/* Prints the fields, with names in small letters; returns the body's length, 0 without one. */
static long long put_fields(char *at, char *end)
{
	long long length = 0;
	bool first = true;
	char *line_end, *colon, *p;

	printf("\"fields\":{");
	for (; at < end; at = line_end + 2) {
		line_end = memmem(at, end - at, "\r\n", 2);
		colon = line_end ? memchr(at, ':', line_end - at) : NULL;
		if (!colon)
			break;
		for (p = at; p < colon; p++)
			*p = tolower((unsigned char)*p);
		if (!first)
			putchar(',');
		first = false;
		put_text(at, colon - at);
		putchar(':');
		put_text(colon + 2, line_end - colon - 2);
		if (colon - at == 14 && !memcmp(at, "content-length", 14))
			length = atoll(colon + 1);
	}
	printf("},");
	return length;
}

/* Of what it consists, in its order. */
static unsigned int sum_of(unsigned int sum, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum = sum * 31 + (unsigned char)data[i];
	return sum;
}

static void take_body(struct talk *t, long long length)
{
	unsigned int sum = 0;
	long long left = length;
	bool first = true;
	size_t part;

	while (left > 0) {
		if (!t->len && more(t) <= 0)
			break;
		part = (long long)t->len < left ? t->len : (size_t)left;
		if (first) {
			printf("\"body\":");
			put_text(t->in, part < SHOWN ? part : SHOWN);
			putchar(',');
			first = false;
		}
		sum = sum_of(sum, t->in, part);
		left -= part;
		forget(t, part);
	}
	printf("\"size\":%lld,\"sum\":%u,\"at\":%lld}\n", length - left, sum, now());
}

static void take_answer(struct talk *t, bool body)
{
	char *end = NULL, *line_end;
	long long length;
	size_t head;
	ssize_t len = 1;

	while (!end && len > 0) {
		end = memmem(t->in, t->len, "\r\n\r\n", 4);
		if (!end)
			len = more(t);
	}
	if (!end) {
		say_error(len < 0 ? strerror(errno) : "end of the stream");
		return;
	}
	head = end + 4 - t->in;
	line_end = memmem(t->in, head, "\r\n", 2);
	if (line_end - t->in < 13 || memcmp(t->in, "HTTP/1.1 ", 9)) {
		say_error("no status line of HTTP/1.1");
		return;
	}
	printf("{\"status\":%d,", atoi(t->in + 9));
	length = put_fields(line_end + 2, end + 2);
	forget(t, head);
	take_body(t, body ? length : 0);
}

static void take_end(struct talk *t)
{
	size_t rest = 0;
	const char *how;
	ssize_t len;

	do {
		rest += t->len;
		t->len = 0;
		len = more(t);
	} while (len > 0);
	how = !len ? "eof" : errno == ETIMEDOUT ? "none" : "reset";
	printf("{\"end\":\"%s\",\"at\":%lld,\"rest\":%zu}\n", how, now(), rest);
}

static void take_cut(struct talk *t)
{
	struct pollfd wanted = { .fd = t->fd };
	int count = poll(&wanted, 1, MINUTE_MS);

	printf("{\"end\":\"%s\",\"at\":%lld}\n", count > 0 ? "reset" : "none", now());
}

static void obey(struct talk *t, const char *verb, char *text)
{
	if (!strcmp(verb, "open")) {
		open_talk(t);
	} else if (!strcmp(verb, "send") || !strcmp(verb, "each")) {
		send_text(t, text, *verb == 'e');
	} else if (!strcmp(verb, "answer") || !strcmp(verb, "head")) {
		take_answer(t, *verb == 'a');
	} else if (!strcmp(verb, "end")) {
		take_end(t);
	} else if (!strcmp(verb, "cut")) {
		take_cut(t);
	} else if (!strcmp(verb, "shut")) {
		shutdown(t->fd, SHUT_WR);
		say_at(now());
	} else if (!strcmp(verb, "drop")) {
		close(t->fd);
		say_at(now());
	} else if (!strcmp(verb, "slow")) {
		t->slow = true;
		say_at(now());
	} else {
		say_error("unknown command");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct rlimit files = { CONNECTIONS + 64, CONNECTIONS + 64 };
	static char line[BUFFER];
	char verb[16];
	int number, at;

	if (argc != 2)
		return 2;
	port = atoi(argv[1]);
	setrlimit(RLIMIT_NOFILE, &files);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		at = 0;
		if (sscanf(line, "%15s %d%n", verb, &number, &at) != 2 ||
		    number < 0 || number >= CONNECTIONS)
			return 2;
		obey(&talks[number], verb, line + at + (line[at] == ' '));
	}
	return 0;
}
