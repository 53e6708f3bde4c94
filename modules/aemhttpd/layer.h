/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event layer: how the server is told that something has happened. All
 * else of the server is the same, whatever tells it.
 *
 * A layer reports by calling back, from its wait():
 *
 *	server_accepted()	a connection
 *	server_accept_failed()	there are no descriptors, or no memory
 *	server_data()		what a connection's peer has sent, its end
 *	server_writable()	there is room to send again
 *	server_timer()		the time that was set has come
 *
 * The server may call a layer at any time while it is called back, also to
 * remove the connection of which it is told.
 */
#ifndef AEMHTTPD_LAYER_H
#define AEMHTTPD_LAYER_H

#include <stdbool.h>

struct connection;

/* What a layer keeps of a connection. */
struct layer_state {
	int a, b;
};

/* Functions that return an int return 0, or -1 with errno. */
struct event_layer {
	const char *name;
	/* Begins to report connections of a listening socket. */
	int (*open)(int listening);
	/* Reports nothing more. What was added stays open. */
	void (*close)(void);
	/* Connections are wanted, or left to wait in the backlog. */
	int (*accepting)(bool on);
	/* Begins to report what is sent to a new connection. */
	int (*add)(struct connection *c);
	/* Data is wanted, or left in the socket. Some may still be told. */
	int (*reading)(struct connection *c, bool on);
	/* A send found no room: to be told when there is some, or no more. */
	int (*writing)(struct connection *c, bool on);
	/* The connection's descriptor is about to be closed. */
	void (*remove)(struct connection *c);
	/*
	 * Before close(), of each connection: hands over what was read of it
	 * and not reported. NULL where there is no such thing.
	 */
	void (*release)(struct connection *c);
	/* When to call server_timer(): CLOCK_MONOTONIC in ns; once. */
	int (*timer)(long long due);
	/* Waits until something is reported, or a second has passed. ENODEV: the layer is gone. */
	int (*wait)(void);
};

extern const struct event_layer layer_aem, layer_epoll, layer_uring;
extern const struct event_layer layer_select;

/* For layers: reports all there is to read, or to accept, by system calls. */
void layer_read(struct connection *c);
void layer_accept(int listening);
/* A timer as a descriptor. */
int layer_timerfd(void);
int layer_timerfd_set(int fd, long long due);
void layer_timerfd_read(int fd);

#endif /* AEMHTTPD_LAYER_H */
