// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * echo-server: sends back what comes, on any number of TCP connections.
 *
 *	cc echo-server.c $(pkg-config --cflags --libs aem) -o echo-server
 *	./echo-server PORT
 *
 * There is no loop over descriptors: the kernel calls on_connection() with
 * each new connection, and on_data() with what has come. What the peer does
 * not take is kept, and the connection's read event stopped until
 * on_room() has sent it: so the peer is kept from sending more.
 *
 * Exit status: 1 when it cannot serve.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aem.h>

#define CONNECTIONS	1024
#define PIECE		16384	/* what a handler is given at most */

static struct connection {
	int read, write;	/* event ids */
	size_t len;		/* what waits to be sent */
	char waits[PIECE];
} connections[CONNECTIONS];	/* by descriptor */

/* As much as there is room for. Returns how much, or -1. */
static ssize_t push(int fd, const char *data, size_t len)
{
	size_t done = 0;
	ssize_t sent;

	while (done < len) {
		sent = send(fd, data + done, len - done,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0)
			return errno == EAGAIN ? (ssize_t)done : -1;
		done += sent;
	}
	return done;
}

static void on_data(int id, int fd, char *data, int len)
{
	struct connection *c = &connections[fd];
	ssize_t sent;

	sent = len > 0 ? push(fd, data, len) : -1;
	if (sent < 0) {
		/* The end of both its events, too. */
		close(fd);
		return;
	}
	c->len = len - sent;
	memcpy(c->waits, data + sent, c->len);
	if (c->len)
		aemCORE_event_stop(id);
}

static void on_room(int id, int fd)
{
	struct connection *c = &connections[fd];
	ssize_t sent;

	(void)id;
	sent = push(fd, c->waits, c->len);
	if (sent < 0) {
		close(fd);
		return;
	}
	c->len -= sent;
	memmove(c->waits, c->waits + sent, c->len);
	if (!c->len)
		aemCORE_event_start(c->read);
}

static void on_connection(int id, int listening, int fd)
{
	struct connection *c = &connections[fd];

	(void)id;
	(void)listening;
	if (fd >= CONNECTIONS) {
		close(fd);
		return;
	}
	c->len = 0;
	c->write = aemIP_write(fd, on_room);
	c->read = aemIP_read(fd, on_data);
	if (c->read < 0 || c->write < 0 || aemCORE_event_start(c->write) < 0 ||
	    aemCORE_event_start(c->read) < 0)
		close(fd);
}

static int fail(const char *what)
{
	perror(what);
	return EXIT_FAILURE;
}

static int listen_on(int port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_ANY_INIT,
		.sin6_port = htons(port),
	};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, SOMAXCONN) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	int fd, id;

	if (argc != 2) {
		fputs("usage: echo-server PORT\n", stderr);
		return EXIT_FAILURE;
	}
	if (!aemCORE_vmtable_init(TBL_VZONE, 0))
		return fail("no zone");
	fd = listen_on(atoi(argv[1]));
	if (fd < 0)
		return fail("cannot listen");
	id = aemIP_accept_flags(fd, NULL, NULL, on_connection, AEMIP_CLOEXEC);
	if (id < 0 || aemCORE_event_start(id) < 0)
		return fail("/dev/aem-ip");
	/* Comes back with each signal that is handled. */
	for (;;)
		aem_evkeepalive();
}
