// SPDX-License-Identifier: GPL-2.0-only
/*
 * http-load files FOLDER COUNT
 *	makes the files 0, 1, … whose size and bytes follow from their number
 * http-load hold PORT COUNT
 *	connects so often, says {"held":COUNT}, and keeps all open until its
 *	stdin ends
 * http-load cpu PID
 *	how much CPU time a process has used: {"ns":…}
 * http-load get PORT CONNECTIONS REQUESTS DEPTH COUNT
 *	asks for these files over so many connections, DEPTH requests ahead on
 *	each, and looks at every byte of every answer:
 *	{"answers":…,"bytes":…,"wrong":…,"lost":…}
 *
 * wrk and ab count answers and do not look at them; neither has a second
 * request under way on a connection. So this is ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD		1024
#define PIECE		65536
#define DEPTH		64
#define BATCH		64
#define EACH		4000

static int port, files;

static void __attribute__((noreturn)) die(const char *what)
{
	printf("{\"error\":\"%s: %s\"}\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* Of 1 byte to some 5 kB; few are of the same size. */
static size_t size_of(unsigned int file)
{
	return file * 7919 % 5003 + 1;
}

static unsigned char byte_of(unsigned int file, size_t at)
{
	return file * 131 + at * 7 + (at >> 8);
}

/* All of them, in memory. */
static unsigned char **contents;

static void make_contents(void)
{
	size_t at;
	int i;

	contents = calloc(files, sizeof(*contents));
	for (i = 0; contents && i < files; i++) {
		contents[i] = malloc(size_of(i));
		if (!contents[i])
			die("memory");
		for (at = 0; at < size_of(i); at++)
			contents[i][at] = byte_of(i, at);
	}
	if (!contents)
		die("memory");
}

static void make_files(const char *folder)
{
	char name[4096];
	int i, fd;

	make_contents();
	for (i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "%s/%d", folder, i);
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			die(name);
		if (write(fd, contents[i], size_of(i)) != (ssize_t)size_of(i))
			die(name);
		close(fd);
	}
}

/*
 * From an address of its own for so many connections: the kernel looks for a
 * port that is free, and the longer the more of an address's are not.
 */
static int connected(void)
{
	static unsigned int count;
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + count++ / EACH),
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		die("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	return fd;
}

static void hold(int count)
{
	char byte;
	int i;

	for (i = 0; i < count; i++)
		connected();
	printf("{\"held\":%d}\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void tell_cpu(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	errno = clock_getcpuclockid(pid, &clock);
	if (errno || clock_gettime(clock, &used) < 0)
		die("CPU time");
	printf("{\"ns\":%lld}\n", used.tv_sec * 1000000000LL + used.tv_nsec);
}

static struct client {
	int fd;
	unsigned int asked[DEPTH];	/* a ring of files, in order */
	unsigned int first, count;
	char head[HEAD];
	size_t head_len;
	bool in_body;
	size_t at;	/* of the body */
	bool closed;
} *clients;

static long long to_ask, answers, bytes, wrong, lost;
static unsigned int next_file;

static void ask(struct client *c, unsigned int depth)
{
	char text[DEPTH * 64];
	size_t len = 0;
	unsigned int file;

	while (c->count < depth && to_ask > 0) {
		/* Neighbours in time are far from each other. */
		file = next_file++ * 61 % files;
		c->asked[(c->first + c->count++) % DEPTH] = file;
		len += snprintf(text + len, sizeof(text) - len,
				"GET /%u HTTP/1.1\r\nHost: h\r\n\r\n", file);
		to_ask--;
	}
	if (len && send(c->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		c->closed = true;
}

/* The head of the answer is whole: is it that of the file? */
static bool head_is_right(struct client *c, unsigned int file)
{
	static const char field[] = "\r\nContent-Length: ";
	char *length = strstr(c->head, field);

	return !strncmp(c->head, "HTTP/1.1 200 ", 13) && length &&
	       (size_t)atoll(length + strlen(field)) == size_of(file);
}

/* A part of a stream. What is wrong once is not followed further. */
static void look(struct client *c, const char *data, size_t len)
{
	unsigned int file;
	size_t i, part;

	for (i = 0; i < len && !c->closed; i += part) {
		part = 1;
		file = c->asked[c->first];
		if (!c->count || c->head_len >= HEAD - 1) {
			wrong++;
			c->closed = true;
			return;
		}
		if (!c->in_body) {
			c->head[c->head_len++] = data[i];
			if (c->head_len < 4 || memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4))
				continue;
			c->head[c->head_len] = '\0';
			c->in_body = true;
			c->at = 0;
			if (head_is_right(c, file))
				continue;
			wrong++;
			c->closed = true;
			return;
		}
		part = size_of(file) - c->at;
		if (part > len - i)
			part = len - i;
		if (memcmp(data + i, contents[file] + c->at, part)) {
			wrong++;
			c->closed = true;
			return;
		}
		bytes += part;
		c->at += part;
		if (c->at < size_of(file))
			continue;
		answers++;
		c->in_body = false;
		c->head_len = 0;
		c->first = (c->first + 1) % DEPTH;
		c->count--;
	}
}

static void get(int connections, unsigned int depth)
{
	int set = epoll_create1(EPOLL_CLOEXEC), open = connections, count, i;
	struct epoll_event events[BATCH], event = { .events = EPOLLIN };
	static char data[PIECE];
	struct client *c;
	ssize_t len;

	make_contents();
	clients = calloc(connections, sizeof(*clients));
	if (set < 0 || !clients)
		die("memory");
	for (i = 0; i < connections; i++) {
		clients[i].fd = connected();
		event.data.ptr = &clients[i];
		if (epoll_ctl(set, EPOLL_CTL_ADD, clients[i].fd, &event) < 0)
			die("epoll_ctl");
	}
	/* All are open before the first one asks. */
	for (i = 0; i < connections; i++)
		ask(&clients[i], depth);
	while (open) {
		count = epoll_wait(set, events, BATCH, 60000);
		if (count <= 0)
			break;
		for (i = 0; i < count; i++) {
			c = events[i].data.ptr;
			len = recv(c->fd, data, sizeof(data), 0);
			if (len > 0)
				look(c, data, len);
			if (len > 0 && !c->closed)
				ask(c, depth);
			if (len > 0 && !c->closed && c->count)
				continue;
			close(c->fd);
			open--;
			lost += c->count;
		}
	}
	lost += to_ask;
	printf("{\"answers\":%lld,\"bytes\":%lld,\"wrong\":%lld,\"lost\":%lld}\n",
	       answers, bytes, wrong, open ? lost + open : lost);
}

int main(int argc, char **argv)
{
	struct rlimit most = { 100000, 100000 };

	setrlimit(RLIMIT_NOFILE, &most);
	if (argc == 4 && !strcmp(argv[1], "files")) {
		files = atoi(argv[3]);
		make_files(argv[2]);
	} else if (argc == 4 && !strcmp(argv[1], "hold")) {
		port = atoi(argv[2]);
		hold(atoi(argv[3]));
	} else if (argc == 3 && !strcmp(argv[1], "cpu")) {
		tell_cpu(atoi(argv[2]));
	} else if (argc == 7 && !strcmp(argv[1], "get")) {
		port = atoi(argv[2]);
		to_ask = atoll(argv[4]);
		files = atoi(argv[6]);
		get(atoi(argv[3]), atoi(argv[5]) < DEPTH ? atoi(argv[5]) : DEPTH);
	} else {
		return 2;
	}
	return 0;
}
