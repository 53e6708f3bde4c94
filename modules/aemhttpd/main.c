// SPDX-License-Identifier: GPL-2.0-only
/*
 * aemhttpd [-l LAYER] [-a ADDRESS] [-p PORT] [-c CONNECTIONS] [-t TIMES] FOLDER
 *
 * Serves the files below FOLDER by HTTP/1.1, in one thread of execution.
 *
 *	-l aem|epoll|io_uring|select	what tells it of events; aem
 *	-a 127.0.0.1			the IPv4 address that it listens on
 *	-p 8080				the port; 0 for any
 *	-c 1000				connections at most; more have to wait
 *	-t head=10000,request=60000,body=10000,send=30000,linger=5000
 *					milliseconds that a peer has: for the
 *					whole head of a request, until the next
 *					request, for a body, to take something
 *					of an answer, to close after the last
 *
 * When it listens it says `listening on PORT by LAYER`. On aem it says
 * `by epoll` when aem-ip or aem-timer are taken away, goes on by epoll, and
 * says `by aem` when it has them again.
 *
 * Exit status: 1 when it cannot serve, 2 for wrong options.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aem.h>

#include "server.h"

#define BACKLOG		4096
#define NSEC_PER_SEC	1000000000LL

static const struct event_layer *const layers[] = {
	&layer_aem, &layer_epoll, &layer_uring, &layer_select,
};

static struct server_options options = {
	.ms = {
		[WAIT_REQUEST] = 60000,
		[WAIT_HEAD] = 10000,
		[WAIT_BODY] = 10000,
		[WAIT_SEND] = 30000,
		[WAIT_LINGER] = 5000,
	},
};

void die(const char *what)
{
	fprintf(stderr, "aemhttpd: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void __attribute__((noreturn)) wrong_usage(void)
{
	fputs("usage: aemhttpd [-l aem|epoll|io_uring|select] [-a ADDRESS] [-p PORT]\n"
	      "                [-c CONNECTIONS] [-t head=MS,request=MS,body=MS,send=MS,linger=MS]\n"
	      "                FOLDER\n", stderr);
	exit(2);
}

static long number(const char *text, long least, long most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most)
		wrong_usage();
	return value;
}

static void read_times(char *text)
{
	static char *const names[] = {
		[WAIT_REQUEST] = "request", [WAIT_HEAD] = "head",
		[WAIT_BODY] = "body", [WAIT_SEND] = "send",
		[WAIT_LINGER] = "linger", [WAIT_TURN] = NULL,
	};
	char *value;
	int what;

	while (*text) {
		what = getsubopt(&text, names, &value);
		if (what < 0 || !value)
			wrong_usage();
		options.ms[what] = number(value, 1, 86400000);
	}
}

static const struct event_layer *layer_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
		if (!strcmp(layers[i]->name, name))
			return layers[i];
	wrong_usage();
}

static int listen_on(struct in_addr address, int *port)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr = address,
	};
	socklen_t len = sizeof(name);
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		die("socket");
	/* Both are its connections', too. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		die("cannot listen");
	*port = ntohs(name.sin_port);
	return fd;
}

/*
 * As many descriptors as it may have and has a use for: one for each connection
 * and one for its file, and some. The server has tables for all of them.
 */
static void raise_limit(void)
{
	rlim_t wanted = 2 * (rlim_t)options.connections + 64;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		die("getrlimit");
	files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("setrlimit");
}

static void say(const char *by)
{
	printf("by %s\n", by);
	fflush(stdout);
}

/* Registers something, so that it does not leave epoll for nothing. */
static bool aem_is_there(int listening)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_AEM,
		.sigev_notify_function = (void *)say,
	};
	int accept, timer;

	if (aemIP_init() < 0 || aemTimer_init() < 0)
		return false;
	accept = aemIP_accept(listening, NULL, NULL, (void *)say);
	if (accept < 0)
		return false;
	aemCORE_event_shutdown(accept);
	if (aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, &timer) < 0)
		return false;
	aemPOSIX_timer_delete(timer);
	return true;
}

/* Without AEM it goes on by epoll, and looks once a second. */
static void serve_without_aem(int listening)
{
	long long look = server_now() + NSEC_PER_SEC;

	if (server_switch(&layer_epoll) < 0)
		die("epoll");
	say(layer->name);
	for (;;) {
		if (layer->wait() < 0 && errno != EINTR)
			die("epoll");
		if (server_now() < look)
			continue;
		look = server_now() + NSEC_PER_SEC;
		if (!aem_is_there(listening))
			continue;
		if (server_switch(&layer_aem) == 0)
			break;
		if (server_switch(&layer_epoll) < 0)
			die("epoll");
	}
	say(layer->name);
}

static void __attribute__((noreturn)) serve(int listening)
{
	for (;;) {
		if (layer->wait() == 0 || errno == EINTR)
			continue;
		if (errno != ENODEV)
			die(layer->name);
		serve_without_aem(listening);
	}
}

int main(int argc, char **argv)
{
	const struct event_layer *first = &layer_aem;
	struct in_addr address = { htonl(INADDR_LOOPBACK) };
	int port = 8080, fd, opt;

	options.connections = 1000;
	while ((opt = getopt(argc, argv, "l:a:p:c:t:")) != -1) {
		if (opt == 'l')
			first = layer_named(optarg);
		else if (opt == 'a' && inet_pton(AF_INET, optarg, &address) == 1)
			continue;
		else if (opt == 'p')
			port = number(optarg, 0, 65535);
		else if (opt == 'c')
			options.connections = number(optarg, 1, 16000000);
		else if (opt == 't')
			read_times(optarg);
		else
			wrong_usage();
	}
	if (optind != argc - 1)
		wrong_usage();
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	if (files_open(argv[optind]) < 0)
		die(argv[optind]);
	fd = listen_on(address, &port);
	if (server_open(&options, fd, first) < 0)
		die(first->name);
	printf("listening on %d by %s\n", port, layer->name);
	fflush(stdout);
	serve(fd);
}
