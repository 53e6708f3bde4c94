/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HTTP/1.1 as it comes: the head of a request, and its body. No system calls,
 * no memory of its own; what it is given it may change.
 */
#ifndef AEMHTTPD_HTTP_H
#define AEMHTTPD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define HTTP_LINE	4096	/* bytes of a request line */
#define HTTP_HEAD	8192	/* of a head, the request line included */
#define HTTP_FIELDS	64	/* lines of a head, without the request line */
#define HTTP_BODY	65536	/* bytes of a body, and of what it is wrapped in */

/* How far a head has been looked through; zeroed before its first byte. */
struct http_scan {
	size_t at;		/* all before it has been seen */
	size_t line;		/* where the line begins that is not at its end */
	unsigned int lines;	/* complete ones */
};

enum http_range {
	HTTP_RANGE_NONE,
	HTTP_RANGE_FROM,	/* first to last, both included */
	HTTP_RANGE_SUFFIX,	/* the last so many bytes */
};

struct http_request {
	bool head;		/* HEAD: the answer has no body */
	bool keep;		/* the connection is to be kept */
	bool persistent_1_0;	/* ... which an HTTP/1.0 client has to be told */
	bool expects;		/* 100-continue */
	bool chunked;
	long long length;	/* of the body, in bytes; 0 without one */
	enum http_range range;
	long long first, last;	/* last: a suffix's bytes, too */
	time_t since;		/* If-Modified-Since, or -1 */
	char *path;		/* decoded, without leading slashes */
};

enum http_chunk {
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_EXTENSION,
	HTTP_CHUNK_SIZE_LF,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_DATA_CR,
	HTTP_CHUNK_DATA_LF,
	HTTP_TRAILER_START,
	HTTP_TRAILER_LINE,
	HTTP_TRAILER_LF,
	HTTP_TRAILER_END,
};

/* A body on its way, which is passed over. */
struct http_body {
	bool chunked;
	enum http_chunk state;
	bool digits;		/* the chunk's size has some */
	long long left;		/* of the body, or of the chunk */
	long long total;	/* bytes so far, whatever they are */
};

/*
 * Looks for the end of a head in what has come so far. Returns how long it is,
 * 0 when more has to come, or -1 times the status of the answer.
 */
int http_scan(const char *data, size_t len, struct http_scan *scan);

/*
 * Reads a whole head, in place. Returns 0, or the status of the answer, of 400
 * and more: for 405 the rest is valid, after anything else the connection
 * cannot go on.
 */
int http_parse(char *head, size_t len, struct http_request *req);

void http_body_begin(struct http_body *body, const struct http_request *req);

/*
 * Passes over a part of a body. Returns 1 when it is complete, 0 when more has
 * to come, or -1 times the status of the answer; *used is how much was its own.
 */
int http_body(struct http_body *body, const char *data, size_t len,
	      size_t *used);

/*
 * Which bytes of a file of that size are asked for: from *at to before *end.
 * Returns 200, 206 or 416.
 */
int http_slice(const struct http_request *req, long long size, long long *at,
	       long long *end);

/* The text that goes with a status. */
const char *http_reason(int status);

#endif /* AEMHTTPD_HTTP_H */
