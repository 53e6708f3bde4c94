// SPDX-License-Identifier: GPL-2.0-only
/*
 * The syntax of RFC 9110 and RFC 9112, strictly: what two readers could take
 * for different requests is refused.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "http.h"

/* More digits than any length has that is served. */
#define DIGITS		18

/* A piece of the head. */
struct span {
	char *at;
	size_t len;
};

/* What was seen of the fields that may come once. */
struct seen {
	bool host, length, encoding, close, keep, if_range, none_match;
};

int http_scan(const char *data, size_t len, struct http_scan *scan)
{
	const char *end;
	size_t size, at;

	while (scan->at < len) {
		end = memchr(data + scan->at, '\n', len - scan->at);
		if (!end)
			break;
		at = end - data;
		if (at == scan->line || data[at - 1] != '\r')
			return -400;
		size = at - 1 - scan->line;
		scan->at = at + 1;
		if (!scan->lines && size > HTTP_LINE)
			return -414;
		if (at >= HTTP_HEAD)
			return -431;
		if (!size && scan->lines)
			return at + 1;
		/* One empty line before a request is passed over. */
		if (!size && scan->line)
			return -400;
		if (scan->lines > HTTP_FIELDS)
			return -431;
		scan->line = at + 1;
		scan->lines += size > 0;
	}
	scan->at = len;
	if (!scan->lines && len - scan->line > HTTP_LINE + 1)
		return -414;
	return len >= HTTP_HEAD ? -431 : 0;
}

static bool is_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_text(unsigned char c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool all(struct span s, bool (*is)(unsigned char c))
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!is(s.at[i]))
			return false;
	return true;
}

static bool same(struct span s, const char *text)
{
	return s.len == strlen(text) && !strncasecmp(s.at, text, s.len);
}

static struct span trimmed(struct span s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Takes what is before a byte off the front; without it everything. */
static struct span take(struct span *s, char until)
{
	char *end = memchr(s->at, until, s->len);
	struct span piece = { s->at, end ? (size_t)(end - s->at) : s->len };
	size_t gone = piece.len + (end ? 1 : 0);

	s->at += gone;
	s->len -= gone;
	return piece;
}

/* Digits and nothing else. Returns -1 for anything else, -2 for too many. */
static long long number(struct span s)
{
	long long value = 0;
	size_t i;

	if (!s.len)
		return -1;
	for (i = 0; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return -1;
	while (s.len > 1 && s.at[0] == '0') {
		s.at++;
		s.len--;
	}
	if (s.len > DIGITS)
		return -2;
	for (i = 0; i < s.len; i++)
		value = value * 10 + (s.at[i] - '0');
	return value;
}

/* What is not one range of bytes counts as if it were not there. */
static void parse_range(struct span s, struct http_request *req)
{
	struct span from;
	long long first, last;

	if (!same((struct span){ s.at, s.len < 6 ? s.len : 6 }, "bytes="))
		return;
	s.at += 6;
	s.len -= 6;
	s = trimmed(s);
	if (!memchr(s.at, '-', s.len))
		return;
	from = take(&s, '-');
	first = from.len ? number(from) : 0;
	last = s.len ? number(s) : -2;
	/* So large a number is behind every end. */
	if (first == -2)
		first = INT64_MAX;
	if (first == -1 || last == -1 || (!from.len && !s.len))
		return;
	if (last == -2)
		last = INT64_MAX;
	if (from.len && first > last)
		return;
	req->range = from.len ? HTTP_RANGE_FROM : HTTP_RANGE_SUFFIX;
	req->first = first;
	req->last = last;
}

static void parse_connection(struct span s, struct seen *seen)
{
	while (s.len) {
		struct span option = trimmed(take(&s, ','));

		if (same(option, "close"))
			seen->close = true;
		else if (same(option, "keep-alive"))
			seen->keep = true;
	}
}

static void parse_since(struct span s, struct http_request *req)
{
	struct tm tm = { 0 };
	char text[32];
	char *end;

	if (s.len >= sizeof(text))
		return;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (end && !*end)
		req->since = timegm(&tm);
}

static bool is_host(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"#/<>?@\\^`{|}", c);
}

/* Returns 0 or a status. */
static int parse_length(struct span value, struct http_request *req,
			struct seen *seen)
{
	if (seen->length)
		return 400;
	seen->length = true;
	req->length = number(value);
	if (req->length == -1)
		return 400;
	return req->length == -2 || req->length > HTTP_BODY ? 413 : 0;
}

/* Returns 0 or a status. */
static int parse_field(struct span name, struct span value, int minor,
		       struct http_request *req, struct seen *seen)
{
	if (same(name, "Host")) {
		if (seen->host || !all(value, is_host))
			return 400;
		seen->host = true;
	} else if (same(name, "Content-Length")) {
		return parse_length(value, req, seen);
	} else if (same(name, "Transfer-Encoding")) {
		if (seen->encoding || !minor)
			return 400;
		seen->encoding = true;
		req->chunked = same(value, "chunked");
		return req->chunked ? 0 : 501;
	} else if (same(name, "Connection")) {
		parse_connection(value, seen);
	} else if (same(name, "Expect")) {
		if (!same(value, "100-continue"))
			return 417;
		req->expects = minor > 0;
	} else if (same(name, "Range")) {
		parse_range(value, req);
	} else if (same(name, "If-Range")) {
		seen->if_range = true;
	} else if (same(name, "If-None-Match")) {
		seen->none_match = true;
	} else if (same(name, "If-Modified-Since")) {
		parse_since(value, req);
	}
	return 0;
}

/* Returns 0 or a status; the first one counts. */
static int parse_fields(struct span head, int minor, struct http_request *req)
{
	struct seen seen = { 0 };
	struct span line, name;
	int status = 0, ret;

	while (head.len) {
		line = take(&head, '\n');
		/* http_scan() has seen to it that there is one. */
		line.len--;
		if (!line.len)
			break;
		if (!memchr(line.at, ':', line.len))
			return 400;
		name = take(&line, ':');
		if (!name.len || !all(name, is_token) || !all(line, is_text))
			return 400;
		ret = parse_field(name, trimmed(line), minor, req, &seen);
		if (ret == 400)
			return 400;
		if (!status)
			status = ret;
	}
	if ((minor && !seen.host) || (seen.length && seen.encoding))
		return 400;
	req->keep = !seen.close && (minor || seen.keep);
	req->persistent_1_0 = req->keep && !minor;
	if (seen.none_match)
		req->since = -1;
	if (seen.if_range || req->head)
		req->range = HTTP_RANGE_NONE;
	return status;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. Returns false for what is no path. */
static bool decode(struct span target, char **path)
{
	char *from = target.at, *end = target.at + target.len, *to = target.at;
	int high, low;

	for (; from < end && *from != '?'; from++) {
		if (*from <= ' ' || *from >= 0x7f || *from == '#')
			return false;
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		high = end - from > 2 ? hex(from[1]) : -1;
		low = high < 0 ? -1 : hex(from[2]);
		if (low < 0 || !(high | low))
			return false;
		*to++ = high << 4 | low;
		from += 2;
	}
	for (; from < end; from++)
		if (*from <= ' ' || *from >= 0x7f || *from == '#')
			return false;
	/* There is room: behind the target stands a space. */
	*to = '\0';
	for (to = target.at; *to == '/'; to++)
		;
	*path = to;
	return true;
}

/* "http://HOST/PATH" is "/PATH". Returns 0 or a status. */
static int parse_target(struct span target, struct http_request *req)
{
	static const char scheme[] = "http://";
	size_t len = strlen(scheme);

	if (target.len > len && !strncasecmp(target.at, scheme, len)) {
		target.at += len;
		target.len -= len;
		while (target.len && target.at[0] != '/' && target.at[0] != '?') {
			if (!is_host(target.at[0]))
				return 400;
			target.at++;
			target.len--;
		}
	} else if (target.at[0] != '/') {
		return 400;
	}
	return decode(target, &req->path) ? 0 : 400;
}

/* Returns 0 or a status. */
static int check_method(struct span method, struct http_request *req)
{
	static const char *const others[] = {
		"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH",
	};
	size_t i;

	/* Methods have case. */
	req->head = method.len == 4 && !memcmp(method.at, "HEAD", 4);
	if (req->head || (method.len == 3 && !memcmp(method.at, "GET", 3)))
		return 0;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i]) == method.len &&
		    !memcmp(method.at, others[i], method.len))
			return 405;
	return 501;
}

int http_parse(char *head, size_t len, struct http_request *req)
{
	struct span rest = { head, len }, line, method, target;
	int minor, wrong, status;

	*req = (struct http_request){ .since = -1 };
	line = take(&rest, '\n');
	if (line.len == 1)
		line = take(&rest, '\n');
	line.len--;
	method = take(&line, ' ');
	target = take(&line, ' ');
	if (!method.len || !all(method, is_token) || !target.len ||
	    line.len != 8 || memcmp(line.at, "HTTP/", 5) ||
	    line.at[5] < '0' || line.at[5] > '9' || line.at[6] != '.' ||
	    line.at[7] < '0' || line.at[7] > '9')
		return 400;
	if (line.at[5] != '1')
		return 505;
	minor = line.at[7] - '0';
	wrong = check_method(method, req);
	status = parse_fields(rest, minor, req);
	if (status)
		return status;
	if (wrong)
		return wrong;
	return parse_target(target, req);
}

void http_body_begin(struct http_body *body, const struct http_request *req)
{
	*body = (struct http_body){
		.chunked = req->chunked,
		.left = req->chunked ? 0 : req->length,
	};
}

/* Returns false for what cannot stand there. */
static bool chunk_byte(struct http_body *body, char c)
{
	switch (body->state) {
	case HTTP_CHUNK_SIZE:
		if (hex(c) >= 0) {
			body->digits = true;
			body->left = body->left << 4 | hex(c);
			/* The rest of it does not come any more. */
			return body->left <= INT64_MAX >> 8;
		}
		if (!body->digits)
			return false;
		body->digits = false;
		body->state = c == '\r' ? HTTP_CHUNK_SIZE_LF :
					  HTTP_CHUNK_EXTENSION;
		return c == '\r' || c == ';' || c == ' ' || c == '\t';
	case HTTP_CHUNK_EXTENSION:
		if (c == '\r')
			body->state = HTTP_CHUNK_SIZE_LF;
		return c == '\r' || is_text(c);
	case HTTP_CHUNK_SIZE_LF:
		body->state = body->left ? HTTP_CHUNK_DATA : HTTP_TRAILER_START;
		return c == '\n';
	case HTTP_CHUNK_DATA:
		if (!--body->left)
			body->state = HTTP_CHUNK_DATA_CR;
		return true;
	case HTTP_CHUNK_DATA_CR:
		body->state = HTTP_CHUNK_DATA_LF;
		return c == '\r';
	case HTTP_CHUNK_DATA_LF:
		body->state = HTTP_CHUNK_SIZE;
		return c == '\n';
	case HTTP_TRAILER_START:
		body->state = c == '\r' ? HTTP_TRAILER_END : HTTP_TRAILER_LINE;
		return c == '\r' || is_token(c);
	case HTTP_TRAILER_LINE:
		if (c == '\r')
			body->state = HTTP_TRAILER_LF;
		return c == '\r' || is_text(c);
	case HTTP_TRAILER_LF:
		body->state = HTTP_TRAILER_START;
		return c == '\n';
	case HTTP_TRAILER_END:
		return c == '\n';
	}
	return false;
}

int http_body(struct http_body *body, const char *data, size_t len,
	      size_t *used)
{
	bool last;
	size_t i;

	if (!body->chunked) {
		*used = (long long)len < body->left ? len : (size_t)body->left;
		body->left -= *used;
		return !body->left;
	}
	for (i = 0; i < len; i++) {
		*used = i + 1;
		last = body->state == HTTP_TRAILER_END;
		if (!chunk_byte(body, data[i]))
			return -400;
		if (last)
			return 1;
		if (++body->total > HTTP_BODY)
			return -413;
	}
	return 0;
}

int http_slice(const struct http_request *req, long long size, long long *at,
	       long long *end)
{
	*at = 0;
	*end = size;
	switch (req->range) {
	case HTTP_RANGE_NONE:
		return 200;
	case HTTP_RANGE_FROM:
		if (req->first >= size)
			return 416;
		*at = req->first;
		if (req->last < size - 1)
			*end = req->last + 1;
		return 206;
	case HTTP_RANGE_SUFFIX:
		if (!req->last || !size)
			return 416;
		if (req->last < size)
			*at = size - req->last;
		return 206;
	}
	return 200;
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 206, "Partial Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}
