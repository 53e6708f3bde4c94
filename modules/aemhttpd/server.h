/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AEMhttpd's connections. The program has one thread, and all of this runs in
 * callbacks of the event layer, of which there is one at a time: nothing is
 * locked.
 *
 * A connection exists from server_accepted() to connection_drop(), which
 * closes its descriptor and frees it; it is found by its descriptor. It is
 * always in one queue of connections that have the same time to live, so each
 * queue is in the order of its deadlines, and only its first one is looked at.
 */
#ifndef AEMHTTPD_SERVER_H
#define AEMHTTPD_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "http.h"
#include "layer.h"

/* Bytes of files that a connection may send before others are looked at. */
#define TURN		(256 * 1024)

enum phase {
	PHASE_HEAD,	/* waits for a request, or has a part of one */
	PHASE_BODY,	/* passes over a request's body */
	PHASE_SEND,	/* has an answer to send */
	PHASE_LINGER,	/* has sent its last, and waits for the peer's end */
};

/* What a connection has so much time for. */
enum wait_for {
	WAIT_REQUEST,	/* the next request's first byte */
	WAIT_HEAD,	/* all of a head, from the connection or its first byte */
	WAIT_BODY,	/* all of a body */
	WAIT_SEND,	/* the peer to take something */
	WAIT_LINGER,	/* the peer's end */
	WAIT_TURN,	/* nothing: others' turn */
	WAITS,
};

struct connection {
	int fd;
	uint32_t generation;	/* of those that have had this descriptor */
	struct connection *next, *prev;
	enum wait_for waits;
	enum phase phase;
	long long deadline;	/* CLOCK_MONOTONIC in ns */
	bool reading;		/* data is wanted from the layer */
	bool writing;		/* told to be told of room */
	bool ended;		/* the peer sends no more */
	bool keep;		/* goes on after this answer */
	bool fresh;		/* no byte of its first request has come */
	bool reset;		/* to be cut off */
	/* What has come and is not dealt with; NULL when all is. */
	char *in;
	size_t in_len;
	struct http_scan scan;
	/* The request whose body is passed over: what its answer will be. */
	struct http_body body;
	struct http_request req;
	char *path;
	int status;
	/* What is left of an answer: text, then a file from at to end. */
	char *out;
	size_t out_len, out_at;
	int file;		/* -1 without one */
	off_t at, end;
	/* Passed over while it lingers. */
	size_t lingered;
	struct layer_state layer;
};

struct server_options {
	unsigned int connections;		/* at most */
	long long ms[WAITS];
};

extern const struct event_layer *layer;

/* server.c */
int server_open(const struct server_options *options, int listening,
		const struct event_layer *first);
/* Another layer takes over, with all connections. Returns 0 or -1. */
int server_switch(const struct event_layer *next);
struct connection *server_connection(int fd);
/* Calls a function with each connection, which it may drop. */
void server_each(void (*visit)(struct connection *c));
bool server_accepts(void);
void server_accepted(int fd);
void server_accept_failed(void);
void server_data(struct connection *c, char *data, int len);
void server_writable(struct connection *c);
void server_timer(void);
long long server_now(void);
void connection_wait(struct connection *c, enum wait_for what);
void connection_drop(struct connection *c);

/* main.c */
void die(const char *what) __attribute__((noreturn));

/* serve.c: what came, and what is left of an answer; may drop the connection. */
void serve_data(struct connection *c, char *data, size_t len);
void serve_end(struct connection *c);
void serve_on(struct connection *c);
void serve_late(struct connection *c);
void serve_forget(struct connection *c);

/* file.c */
struct served {
	int fd;
	off_t size;
	time_t modified;
	const char *type;
};

int files_open(const char *root);
/* Returns 200, or the status of the answer. */
int files_find(const char *path, struct served *file);

#endif /* AEMHTTPD_SERVER_H */
