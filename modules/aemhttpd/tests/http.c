// SPDX-License-Identifier: GPL-2.0-only
/* What http.c makes of heads and bodies, whole and in pieces. TAP on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define HOST		"Host: h\r\n"
#define GET(fields)	"GET / HTTP/1.1\r\n" HOST fields "\r\n"

/* Each in memory of its own, which ends where it ends. */
static int parse(const char *text, size_t len, struct http_request *req,
		 char **memory)
{
	struct http_scan scan = { 0 };
	int head;

	*memory = malloc(len);
	memcpy(*memory, text, len);
	head = http_scan(*memory, len, &scan);
	if (head <= 0)
		return head ? -head : -1;
	return http_parse(*memory, head, req);
}

static const struct {
	const char *head;
	int status;
} statuses[] = {
	{ GET(""), 0 },
	{ "HEAD / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "\r\n" GET(""), 0 },
	{ "\r\n\r\n" GET(""), 400 },
	{ "GET / HTTP/1.0\r\n\r\n", 0 },
	{ "GET / HTTP/1.9\r\n" HOST "\r\n", 0 },
	{ "GET http://h:80/a HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "GET http://h HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ GET("Content-Length: 5\r\n"), 0 },
	{ GET("Transfer-Encoding: chunked\r\n"), 0 },
	{ GET("Range: bytes=a-b\r\n"), 0 },
	{ GET("X: \xe9\t \r\n"), 0 },
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
	{ "GET /\r\n\r\n", 400 },
	{ "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1\n" HOST "\r\n", 400 },
	{ "GET / http/1.1\r\n" HOST "\r\n", 400 },
	{ "G(T / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET a HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET * HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /%2 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /%00 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ GET(" folded\r\n"), 400 },
	{ GET("A : b\r\n"), 400 },
	{ GET(": b\r\n"), 400 },
	{ GET("no colon\r\n"), 400 },
	{ GET("A: \x01\r\n"), 400 },
	{ GET("A: b\rc\r\n"), 400 },
	{ GET("Content-Length: \r\n"), 400 },
	{ GET("Content-Length: -1\r\n"), 400 },
	{ GET("Content-Length: 1, 1\r\n"), 400 },
	{ GET("Content-Length: 1\r\nContent-Length: 1\r\n"), 400 },
	{ GET("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400 },
	{ GET("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400 },
	{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "\r\n", 405 },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405 },
	{ "CONNECT h:80 HTTP/1.1\r\n" HOST "\r\n", 405 },
	{ GET("Content-Length: 65537\r\n"), 413 },
	{ GET("Content-Length: 99999999999999999999999\r\n"), 413 },
	{ GET("Expect: something\r\n"), 417 },
	{ GET("Transfer-Encoding: gzip, chunked\r\n"), 501 },
	{ "get / HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "BREW / HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	{ "GET / HTTP/0.9\r\n" HOST "\r\n", 505 },
};

static bool statuses_are_right(void)
{
	struct http_request req;
	bool well = true;
	char *memory;
	size_t i;
	int status;

	for (i = 0; i < ARRAY_SIZE(statuses); i++) {
		status = parse(statuses[i].head, strlen(statuses[i].head), &req, &memory);
		if (status != statuses[i].status) {
			printf("# %d, not %d: %s\n", status, statuses[i].status,
			       statuses[i].head);
			well = false;
		}
		free(memory);
	}
	return well;
}

static const struct {
	const char *target, *path;
} paths[] = {
	{ "/", "" },
	{ "/a/b.txt", "a/b.txt" },
	{ "//a", "a" },
	{ "/a%20b%2Fc%41", "a b/cA" },
	{ "/a?b=%zz", "a" },
	{ "/../a", "../a" },
	{ "http://h:80/a?b", "a" },
	{ "HTTP://h", "" },
	{ "http://h?a", "" },
};

static bool paths_are_decoded(void)
{
	struct http_request req;
	char text[128], *memory;
	bool well = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i].target);
		if (parse(text, strlen(text), &req, &memory) ||
		    strcmp(req.path, paths[i].path)) {
			printf("# %s\n", paths[i].target);
			well = false;
		}
		free(memory);
	}
	return well;
}

static const struct {
	const char *range;
	long long size;
	int status;
	long long at, end;
} slices[] = {
	{ "bytes=0-0", 10, 206, 0, 1 },
	{ "bytes=2-5", 10, 206, 2, 6 },
	{ "bytes=2-", 10, 206, 2, 10 },
	{ "bytes=2-99", 10, 206, 2, 10 },
	{ "bytes=-3", 10, 206, 7, 10 },
	{ "bytes=-99", 10, 206, 0, 10 },
	{ "bytes=9-99999999999999999999999", 10, 206, 9, 10 },
	{ "bytes=10-", 10, 416, 0, 10 },
	{ "bytes=99999999999999999999999-", 10, 416, 0, 10 },
	{ "bytes=-0", 10, 416, 0, 10 },
	{ "bytes=0-", 0, 416, 0, 0 },
	{ "bytes=-1", 0, 416, 0, 0 },
	{ "bytes=5-2", 10, 200, 0, 10 },
	{ "bytes=0-1,3-4", 10, 200, 0, 10 },
	{ "bytes=-", 10, 200, 0, 10 },
	{ "bytes=1", 10, 200, 0, 10 },
	{ "lines=0-1", 10, 200, 0, 10 },
	{ "bytes=0-1\r\nIf-Range: \"x\"", 10, 200, 0, 10 },
};

static bool ranges_are_sliced(void)
{
	struct http_request req;
	char text[256], *memory;
	bool well = true;
	long long at, end;
	size_t i;
	int status;

	for (i = 0; i < ARRAY_SIZE(slices); i++) {
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "Range: %s\r\n\r\n",
			 slices[i].range);
		if (parse(text, strlen(text), &req, &memory))
			well = false;
		status = http_slice(&req, slices[i].size, &at, &end);
		if (status != slices[i].status || at != slices[i].at ||
		    end != slices[i].end) {
			printf("# %s: %d %lld %lld\n", slices[i].range, status, at, end);
			well = false;
		}
		free(memory);
	}
	return well;
}

static const struct {
	const char *head;
	bool keep, told;
} kept[] = {
	{ GET(""), true, false },
	{ GET("Connection: close\r\n"), false, false },
	{ GET("Connection: foo , CLOSE\r\n"), false, false },
	{ "GET / HTTP/1.0\r\n\r\n", false, false },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, true },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false, false },
};

static bool connections_are_kept(void)
{
	struct http_request req;
	bool well = true;
	char *memory;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		if (parse(kept[i].head, strlen(kept[i].head), &req, &memory) ||
		    req.keep != kept[i].keep || req.persistent_1_0 != kept[i].told) {
			printf("# %s\n", kept[i].head);
			well = false;
		}
		free(memory);
	}
	return well;
}

/* Every head, a byte at a time: the same as whole. */
static bool pieces_are_as_the_whole(void)
{
	struct http_scan whole, scan;
	size_t i, len, size;
	int expected, seen;
	char *memory;

	for (i = 0; i < ARRAY_SIZE(statuses); i++) {
		size = strlen(statuses[i].head);
		whole = (struct http_scan){ 0 };
		scan = whole;
		expected = http_scan(statuses[i].head, size, &whole);
		for (len = 1, seen = 0; len <= size && !seen; len++) {
			memory = malloc(len);
			memcpy(memory, statuses[i].head, len);
			seen = http_scan(memory, len, &scan);
			free(memory);
		}
		if (seen != expected)
			return false;
	}
	return true;
}

/* Of so many bytes of one character, with the end of a head behind. */
static int scan_of(const char *begin, size_t count, const char *end, bool whole)
{
	size_t at = strlen(begin), len = at + count + strlen(end), i;
	struct http_scan scan = { 0 };
	char *memory = malloc(len + 1);
	int ret = 0;

	memcpy(memory, begin, at);
	memset(memory + at, 'a', count);
	memcpy(memory + at + count, end, strlen(end) + 1);
	for (i = whole ? len : 1; i <= len && !ret; i++)
		ret = http_scan(memory, i, &scan);
	free(memory);
	return ret;
}

static bool lengths_are_limited(void)
{
	static const char line[] = "GET /", end[] = " HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char field[] = GET("A: ");
	size_t most = HTTP_LINE - strlen("GET / HTTP/1.1");
	static const char filled[] = "GET / HTTP/1.1\r\nHost: h\r\nA: ";
	size_t room = HTTP_HEAD - strlen(field) - 2;
	bool whole;
	int i;

	for (i = 0; i < 2; i++) {
		whole = i;
		if (scan_of(line, most, end, whole) <= 0 ||
		    scan_of(line, most + 1, end, whole) != -414 ||
		    scan_of(line, HTTP_HEAD, "", whole) != -414 ||
		    scan_of(filled, room - 16, "\r\n\r\n", whole) <= 0 ||
		    scan_of(filled, HTTP_HEAD, "\r\n\r\n", whole) != -431)
			return false;
	}
	return true;
}

static bool fields_are_limited(void)
{
	char text[HTTP_HEAD];
	struct http_scan scan;
	int fields, i, ret;
	size_t len;

	for (fields = HTTP_FIELDS; fields <= HTTP_FIELDS + 1; fields++) {
		len = sprintf(text, "GET / HTTP/1.1\r\n");
		for (i = 0; i < fields; i++)
			len += sprintf(text + len, "A: b\r\n");
		len += sprintf(text + len, "\r\n");
		scan = (struct http_scan){ 0 };
		ret = http_scan(text, len, &scan);
		if (fields <= HTTP_FIELDS ? ret != (int)len : ret != -431)
			return false;
	}
	return true;
}

static const struct {
	const char *body;
	int ret;
	size_t used;
} chunked[] = {
	{ "0\r\n\r\nGET", 1, 5 },
	{ "5\r\nhello\r\n0\r\n\r\n", 1, 15 },
	{ "a;x=\"y\"\r\n0123456789\r\n0;z\r\nA: b\r\nC: d\r\n\r\nrest", 1, 40 },
	{ "5\r\nhel", 0, 6 },
	{ "\r\n", -400, 1 },
	{ "g\r\n", -400, 1 },
	{ "5\nhello", -400, 2 },
	{ "5\r\nhello0\r\n", -400, 9 },
	{ "0\r\n\rx", -400, 5 },
	{ "fffffffffffffffffffff\r\n", -400, 0 },
};

static bool chunks_are_passed_over(void)
{
	static const struct http_request req = { .chunked = true };
	struct http_body body;
	size_t i, at, len, used;
	bool well = true;
	int ret, each;

	for (i = 0; i < ARRAY_SIZE(chunked); i++) {
		len = strlen(chunked[i].body);
		http_body_begin(&body, &req);
		ret = http_body(&body, chunked[i].body, len, &used);
		http_body_begin(&body, &req);
		for (at = 0, each = 0; at < len && !each; at++)
			each = http_body(&body, chunked[i].body + at, 1, &(size_t){ 0 });
		if (ret != chunked[i].ret || each != ret || at != used ||
		    (chunked[i].used && used != chunked[i].used)) {
			printf("# %d %d %zu: %s\n", ret, each, used, chunked[i].body);
			well = false;
		}
	}
	return well;
}

static bool bodies_are_limited(void)
{
	static const struct http_request req = { .chunked = true };
	struct http_body body;
	size_t used = 0, total = 0;
	int ret = 0;

	http_body_begin(&body, &req);
	while (!ret && total <= 2 * HTTP_BODY) {
		ret = http_body(&body, "1\r\na\r\n", 6, &used);
		total += used;
	}
	return ret == -413 && total == HTTP_BODY + 1;
}

/* The same ones each time: bytes that mean something, in any order. */
static bool noise_does_no_harm(void)
{
	static const char bytes[] = "GET / HTTP/1.1\r\n\r\nHost: h\r\n%:-,;0\t\xff";
	struct http_request req;
	struct http_body body;
	char text[200], *memory;
	unsigned int seed = 1;
	size_t i, len, used;
	int round;

	for (round = 0; round < 200000; round++) {
		len = snprintf(text, 50, "GET / HTTP/1.1\r\nHost: h\r\n");
		for (i = rand_r(&seed) % 26; i < sizeof(text) - 4; i++)
			text[i] = i < len && rand_r(&seed) % 8 ? text[i] :
				  bytes[rand_r(&seed) % sizeof(bytes)];
		memcpy(text + sizeof(text) - 4, "\r\n\r\n", 4);
		if (!parse(text, sizeof(text), &req, &memory) && strlen(req.path) > sizeof(text))
			return false;
		free(memory);
		http_body_begin(&body, &(struct http_request){ .chunked = true });
		http_body(&body, text, sizeof(text), &used);
		if (used > sizeof(text))
			return false;
	}
	return true;
}

static const struct {
	bool (*passes)(void);
	const char *what;
} tests[] = {
	{ statuses_are_right, "each head has its status" },
	{ paths_are_decoded, "a target becomes a path" },
	{ ranges_are_sliced, "a range is a slice of the file, or is passed by" },
	{ connections_are_kept, "a connection is kept where both know it" },
	{ pieces_are_as_the_whole, "a head in pieces is as the whole" },
	{ lengths_are_limited, "a line and a head have a limit, whole and in pieces" },
	{ fields_are_limited, "there may be so many fields" },
	{ chunks_are_passed_over, "a chunked body ends where it ends" },
	{ bodies_are_limited, "a chunked body has a limit" },
	{ noise_does_no_harm, "noise does no harm" },
};

int main(void)
{
	unsigned int i, failed = 0;

	printf("1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		bool passed = tests[i].passes();

		printf("%sok %u - %s\n", passed ? "" : "not ", i + 1, tests[i].what);
		failed += !passed;
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
