// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and their answers. What has come is dealt with where it is; only
 * what is left over, of a head that is not complete or of requests behind one
 * that is being answered, is copied. Answers go out in the order of requests,
 * since the next one is not looked at before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

/* Passed over after the last answer; who sends more is cut off. */
#define LINGER		(1024 * 1024)
#define DATE		"%a, %d %b %Y %H:%M:%S GMT"
#define DATE_MAX	32

void serve_forget(struct connection *c)
{
	free(c->in);
	free(c->out);
	free(c->path);
	c->in = NULL;
	c->out = NULL;
	c->path = NULL;
	c->in_len = 0;
	c->out_len = 0;
	c->out_at = 0;
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
}

static void cut_off(struct connection *c)
{
	c->reset = true;
	connection_drop(c);
}

static const char *date_of(time_t t, char *text)
{
	const time_t epoch = 0;
	struct tm tm;

	/* A file may be of a year that there is no date for. */
	if (!gmtime_r(&t, &tm) || !strftime(text, DATE_MAX, DATE, &tm))
		strftime(text, DATE_MAX, DATE, gmtime_r(&epoch, &tm));
	return text;
}

/* Made anew when the second changes. */
static const char *date_now(void)
{
	static char text[DATE_MAX];
	static time_t made;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec != made || !text[0]) {
		made = now.tv_sec;
		date_of(made, text);
	}
	return text;
}

/*
 * Sends what there is room for and keeps the rest. Without memory for it the
 * connection is no use any more: false.
 */
static bool send_text(struct connection *c, const char *text, size_t len,
		      bool more)
{
	ssize_t sent = 0;
	char *out;

	if (!c->out_len)
		sent = send(c->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT |
			    (more ? MSG_MORE : 0));
	if (sent < 0 && errno != EAGAIN)
		return false;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == len)
		return true;
	out = realloc(c->out, c->out_len + len - sent);
	if (!out)
		return false;
	memcpy(out + c->out_len, text + sent, len - sent);
	c->out = out;
	c->out_len += len - sent;
	return true;
}

static const char *connection_field(const struct connection *c)
{
	if (!c->keep)
		return "Connection: close\r\n";
	return c->req.persistent_1_0 ? "Connection: keep-alive\r\n" : "";
}

/* An answer that is all text. False: the connection is no use any more. */
static bool answer_text(struct connection *c, int status, const char *fields)
{
	char text[768], body[64];
	int len, size = 0;

	if (status != 304)
		size = snprintf(body, sizeof(body), "%d %s\n", status,
				http_reason(status));
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 %d %s\r\nServer: AEMhttpd\r\nDate: %s\r\n%s%s",
		       status, http_reason(status), date_now(), fields,
		       connection_field(c));
	if (status != 304)
		len += snprintf(text + len, sizeof(text) - len,
				"Content-Type: text/plain\r\nContent-Length: %d\r\n", size);
	len += snprintf(text + len, sizeof(text) - len, "\r\n");
	if (!c->req.head && size) {
		memcpy(text + len, body, size);
		len += size;
	}
	return send_text(c, text, len, false);
}

static bool answer_file(struct connection *c, const struct served *file)
{
	char text[768], modified[DATE_MAX], range[96] = "";
	long long at, end;
	int len, status;

	date_of(file->modified, modified);
	if (c->req.since != -1 && file->modified <= c->req.since) {
		close(file->fd);
		snprintf(range, sizeof(range), "Last-Modified: %s\r\n", modified);
		return answer_text(c, 304, range);
	}
	status = http_slice(&c->req, file->size, &at, &end);
	if (status == 416) {
		close(file->fd);
		snprintf(range, sizeof(range), "Content-Range: bytes */%lld\r\n",
			 (long long)file->size);
		return answer_text(c, 416, range);
	}
	if (status == 206)
		snprintf(range, sizeof(range),
			 "Content-Range: bytes %lld-%lld/%lld\r\n", at, end - 1,
			 (long long)file->size);
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 %d %s\r\nServer: AEMhttpd\r\nDate: %s\r\n"
		       "Content-Type: %s\r\nContent-Length: %lld\r\n"
		       "Last-Modified: %s\r\nAccept-Ranges: bytes\r\n%s%s\r\n",
		       status, http_reason(status), date_now(), file->type,
		       end - at, modified, range, connection_field(c));
	if (c->req.head || at == end) {
		close(file->fd);
		return send_text(c, text, len, false);
	}
	c->file = file->fd;
	c->at = at;
	c->end = end;
	return send_text(c, text, len, true);
}

/* Begins the answer to the request that is complete. */
static bool answer(struct connection *c, int status, const char *path)
{
	struct served file;

	c->phase = PHASE_SEND;
	if (!status)
		status = files_find(path, &file);
	if (status == 200)
		return answer_file(c, &file);
	if (status == 405)
		return answer_text(c, status, "Allow: GET, HEAD\r\n");
	/* Who has no descriptor left had better have fewer connections. */
	if (status == 503)
		c->keep = false;
	return answer_text(c, status, "");
}

/* The last answer: what came is not understood, or too late. */
static bool refuse(struct connection *c, int status)
{
	c->keep = false;
	c->phase = PHASE_SEND;
	return answer_text(c, status, "");
}

enum sent { SENT_ALL, SENT_SOME, SENT_TURN, SENT_NEVER };

/* Sends of the answer what there is room for. */
static enum sent push(struct connection *c, bool *moved)
{
	size_t turn = TURN, want;
	ssize_t sent;

	while (c->out_at < c->out_len) {
		sent = send(c->fd, c->out + c->out_at, c->out_len - c->out_at,
			    MSG_NOSIGNAL | MSG_DONTWAIT |
			    (c->file >= 0 ? MSG_MORE : 0));
		if (sent < 0)
			return errno == EAGAIN ? SENT_SOME : SENT_NEVER;
		c->out_at += sent;
		*moved = true;
	}
	while (c->at < c->end) {
		if (!turn)
			return SENT_TURN;
		want = c->end - c->at < (off_t)turn ? (size_t)(c->end - c->at) : turn;
		sent = sendfile(c->fd, c->file, &c->at, want);
		if (sent < 0)
			return errno == EAGAIN ? SENT_SOME : SENT_NEVER;
		/* The file has become shorter than was said. */
		if (!sent)
			return SENT_NEVER;
		turn -= sent;
		*moved = true;
	}
	return SENT_ALL;
}

static void want_room(struct connection *c, bool on)
{
	if (c->writing == on)
		return;
	c->writing = on;
	if (layer->writing(c, on) < 0 && errno != ENODEV)
		c->reset = true;
}

static void want_data(struct connection *c, bool on)
{
	if (c->reading == on)
		return;
	c->reading = on;
	if (layer->reading(c, on) < 0 && errno != ENODEV)
		c->reset = true;
}

/*
 * After the last answer. Closed with something unread, TCP would reset the
 * connection, and the peer might lose the answer.
 */
static bool linger(struct connection *c)
{
	if (c->ended || shutdown(c->fd, SHUT_WR) < 0)
		return false;
	serve_forget(c);
	c->phase = PHASE_LINGER;
	connection_wait(c, WAIT_LINGER);
	want_room(c, false);
	want_data(c, true);
	return !c->reset;
}

static void forget_text(struct connection *c)
{
	free(c->out);
	c->out = NULL;
	c->out_len = 0;
	c->out_at = 0;
}

/* The go-ahead for a body, where there was no room for it at once. */
static bool push_go_ahead(struct connection *c)
{
	bool moved = false;
	enum sent sent;

	sent = push(c, &moved);
	if (sent == SENT_ALL)
		forget_text(c);
	want_room(c, sent == SENT_SOME);
	return sent != SENT_NEVER && !c->reset;
}

enum step { STEP_ON, STEP_WAIT, STEP_DROP };

static enum step step_send(struct connection *c)
{
	bool moved = false;

	switch (push(c, &moved)) {
	case SENT_NEVER:
		c->reset = true;
		return STEP_DROP;
	case SENT_TURN:
		want_room(c, false);
		connection_wait(c, WAIT_TURN);
		return STEP_WAIT;
	case SENT_SOME:
		want_room(c, true);
		if (moved || c->waits != WAIT_SEND)
			connection_wait(c, WAIT_SEND);
		return STEP_WAIT;
	case SENT_ALL:
		break;
	}
	forget_text(c);
	if (c->file >= 0)
		close(c->file);
	c->file = -1;
	c->at = 0;
	c->end = 0;
	if (!c->keep)
		return linger(c) ? STEP_WAIT : STEP_DROP;
	c->phase = PHASE_HEAD;
	connection_wait(c, WAIT_REQUEST);
	want_room(c, false);
	return STEP_ON;
}

/* The head is complete: its answer, or first its body. */
static bool begin_request(struct connection *c, char *head, size_t len)
{
	int status;

	status = http_parse(head, len, &c->req);
	if (status && status != 405)
		return refuse(c, status);
	c->keep = c->req.keep;
	if (!c->req.chunked && !c->req.length)
		return answer(c, status, c->req.path);
	c->status = status;
	if (!status) {
		c->path = strdup(c->req.path);
		if (!c->path)
			return false;
	}
	http_body_begin(&c->body, &c->req);
	c->phase = PHASE_BODY;
	connection_wait(c, WAIT_BODY);
	if (!c->req.expects)
		return true;
	return send_text(c, "HTTP/1.1 100 Continue\r\n\r\n", 25, false);
}

static bool take_head(struct connection *c, char *data, size_t len, size_t *used)
{
	int head;

	head = http_scan(data, len, &c->scan);
	if (!head) {
		if (c->waits == WAIT_REQUEST)
			connection_wait(c, WAIT_HEAD);
		return true;
	}
	c->scan = (struct http_scan){ 0 };
	if (head < 0) {
		c->req = (struct http_request){ 0 };
		*used = len;
		return refuse(c, -head);
	}
	*used = head;
	return begin_request(c, data, head);
}

static bool take_body(struct connection *c, char *data, size_t len, size_t *used)
{
	bool well;
	int ret;

	ret = http_body(&c->body, data, len, used);
	if (ret < 0)
		return refuse(c, -ret);
	if (!ret)
		return true;
	well = answer(c, c->status, c->path);
	free(c->path);
	c->path = NULL;
	return well;
}

/* Goes on until more is needed. Returns how much was used, or -1: drop it. */
static ssize_t advance(struct connection *c, char *data, size_t len)
{
	size_t at = 0, used;
	enum step step;

	for (;;) {
		used = 0;
		if (c->phase == PHASE_LINGER)
			return len;
		if (c->phase == PHASE_SEND) {
			step = step_send(c);
			if (step == STEP_DROP)
				return -1;
			if (step == STEP_WAIT)
				return c->phase == PHASE_LINGER ? len : at;
			continue;
		}
		if (c->phase == PHASE_BODY && c->out_len && !push_go_ahead(c))
			return -1;
		if (at == len)
			return at;
		if (c->phase == PHASE_HEAD ?
		    !take_head(c, data + at, len - at, &used) :
		    !take_body(c, data + at, len - at, &used))
			return -1;
		at += used;
		if (!used && c->phase == PHASE_HEAD)
			return at;
	}
}

/* Keeps what is not dealt with. False without memory. */
static bool keep_rest(struct connection *c, const char *data, size_t len)
{
	char *kept = NULL;

	if (len) {
		kept = malloc(len);
		if (!kept)
			return false;
		memcpy(kept, data, len);
	}
	free(c->in);
	c->in = kept;
	c->in_len = len;
	return true;
}

/* Deals with what is kept, and then with the peer's end, if that was it. */
static void go_on(struct connection *c, char *data, size_t len)
{
	ssize_t used;

	used = advance(c, data, len);
	if (used < 0 || c->reset) {
		connection_drop(c);
		return;
	}
	if (!keep_rest(c, data + used, len - used)) {
		cut_off(c);
		return;
	}
	if (c->phase == PHASE_LINGER)
		return;
	if (c->ended && c->phase != PHASE_SEND) {
		/* A part of a request is none. */
		connection_drop(c);
		return;
	}
	/* While it is being answered it is kept from asking more. */
	want_data(c, !c->ended && !(c->phase == PHASE_SEND && c->in_len));
	if (c->reset)
		connection_drop(c);
}

void serve_data(struct connection *c, char *data, size_t len)
{
	char *all;

	c->fresh = false;
	if (c->phase == PHASE_LINGER) {
		c->lingered += len;
		if (c->lingered > LINGER)
			cut_off(c);
		return;
	}
	if (!c->in_len) {
		go_on(c, data, len);
		return;
	}
	all = realloc(c->in, c->in_len + len);
	if (!all) {
		cut_off(c);
		return;
	}
	memcpy(all + c->in_len, data, len);
	c->in = all;
	c->in_len += len;
	if (c->phase != PHASE_SEND)
		go_on(c, c->in, c->in_len);
}

void serve_end(struct connection *c)
{
	c->ended = true;
	want_data(c, false);
	if (c->phase != PHASE_SEND || c->reset)
		connection_drop(c);
}

void serve_on(struct connection *c)
{
	go_on(c, c->in, c->in_len);
}

void serve_late(struct connection *c)
{
	switch (c->waits) {
	case WAIT_HEAD:
	case WAIT_BODY:
		/* Nobody has asked for anything. */
		if (c->fresh)
			break;
		c->req = (struct http_request){ 0 };
		if (c->out_len || !refuse(c, 408)) {
			c->reset = true;
			break;
		}
		free(c->in);
		c->in = NULL;
		c->in_len = 0;
		serve_on(c);
		return;
	case WAIT_SEND:
		c->reset = true;
		break;
	default:
		break;
	}
	connection_drop(c);
}
