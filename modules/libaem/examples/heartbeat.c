// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heartbeat: watches over those that promise to show a sign of life in time,
 * and says who does not.
 *
 *	cc heartbeat.c $(pkg-config --cflags --libs aem) -o heartbeat
 *	./heartbeat
 *
 * It takes commands from its standard input, a line each:
 *
 *	register NAME MS	NAME has to beat within each MS milliseconds
 *	beat NAME		it did
 *	unregister NAME		it need not any more
 *
 * and prints `NAME missed COUNT` when one is missed, with how many in a row
 * that are by now, and `NAME beats again` when there is one after that.
 *
 * main() knows nothing of time: it sleeps in read(), and the kernel calls
 * on_missed() when a timer has not been set anew in time.
 *
 * Exit status: 0 at the end of the input, 1 when a command was wrong, 2 when a
 * heartbeat could not be watched.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <aem.h>

#define FAILED		2
#define HEARTBEATS	64
#define NAME_SIZE	32

struct heartbeat {
	char name[NAME_SIZE];	/* empty: there is none */
	int timer;
	long ms;
	atomic_int missed;	/* in a row */
};

static struct heartbeat heartbeats[HEARTBEATS];

/* By write() alone: a handler may be told of something in the midst of it. */
static void say(const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(STDOUT_FILENO, text, len);
		if (n < 0 && errno != EINTR)
			_exit(FAILED);
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
}

static size_t put(char *line, size_t len, const char *text)
{
	memcpy(line + len, text, strlen(text));
	return len + strlen(text);
}

static size_t put_number(char *line, size_t len, unsigned int number)
{
	char digits[16];
	int i = 0;

	do {
		digits[i++] = '0' + number % 10;
		number /= 10;
	} while (number);
	while (i)
		line[len++] = digits[--i];
	return len;
}

/*
 * Interrupts main() anywhere, as a signal handler would, so it may use what a
 * signal handler may. Being late itself it has missed more than one.
 */
static void on_missed(int timer, void *arg)
{
	int saved = errno, overrun = aemPOSIX_timer_getoverrun(timer);
	struct heartbeat *one = arg;
	char line[NAME_SIZE + 32];
	size_t len;

	one->missed += 1 + (overrun > 0 ? overrun : 0);
	len = put(line, 0, one->name);
	len = put(line, len, " missed ");
	len = put_number(line, len, one->missed);
	len = put(line, len, "\n");
	say(line, len);
	errno = saved;
}

static struct heartbeat *find(const char *name)
{
	int i;

	for (i = 0; i < HEARTBEATS; i++)
		if (!strcmp(heartbeats[i].name, name))
			return &heartbeats[i];
	return NULL;
}

/* From now on. One that is missed counts from the one before it. */
static int expect(struct heartbeat *one)
{
	struct timespec period = {
		.tv_sec = one->ms / 1000,
		.tv_nsec = one->ms % 1000 * 1000000,
	};
	struct itimerspec each = { period, period };

	return aemPOSIX_timer_settime(one->timer, 0, &each, NULL);
}

static int start(const char *name, long ms)
{
	struct heartbeat *one = find("");
	struct sigevent ev = {
		.sigev_notify = SIGEV_AEM,
		.sigev_notify_function = (void *)on_missed,
		.sigev_value.sival_ptr = one,
	};

	if (!one) {
		errno = ENOSPC;
		return -1;
	}
	/* A service that is suspended with its machine has not failed. */
	if (aemPOSIX_timer_create(CLOCK_MONOTONIC, &ev, &one->timer) < 0)
		return -1;
	snprintf(one->name, sizeof(one->name), "%s", name);
	one->ms = ms;
	one->missed = 0;
	return expect(one);
}

static int beat(struct heartbeat *one)
{
	char line[NAME_SIZE + 32];
	size_t len;

	/* Set first: from then on nothing of the last period is told. */
	if (expect(one) < 0)
		return -1;
	if (!atomic_exchange(&one->missed, 0))
		return 0;
	len = put(line, 0, one->name);
	len = put(line, len, " beats again\n");
	say(line, len);
	return 0;
}

static int stop(struct heartbeat *one)
{
	int ret = aemPOSIX_timer_delete(one->timer);

	one->name[0] = '\0';
	return ret;
}

/* 1: not understood; -1: errno says why. */
static int obey(const char *line)
{
	char verb[16] = "", name[NAME_SIZE] = "";
	struct heartbeat *one;
	long ms = 0;
	int words;

	words = sscanf(line, "%15s %31s %ld", verb, name, &ms);
	one = words > 1 ? find(name) : NULL;
	if (words == 3 && !strcmp(verb, "register") && !one && ms > 0)
		return start(name, ms);
	if (words == 2 && !strcmp(verb, "beat") && one)
		return beat(one);
	if (words == 2 && !strcmp(verb, "unregister") && one)
		return stop(one);
	return 1;
}

int main(void)
{
	int status = EXIT_SUCCESS, ret;
	char line[128];

	if (aemTimer_init() < 0) {
		fprintf(stderr, "heartbeat: /dev/aem-timer: %s\n", strerror(errno));
		return FAILED;
	}
	/* The handlers interrupt fgets(), and it goes on as if they had not. */
	while (fgets(line, sizeof(line), stdin)) {
		ret = obey(line);
		if (ret < 0) {
			fprintf(stderr, "heartbeat: %s", line);
			fprintf(stderr, "heartbeat: %s\n", strerror(errno));
			return FAILED;
		}
		if (ret) {
			fprintf(stderr, "heartbeat: not understood: %s", line);
			status = EXIT_FAILURE;
		}
	}
	return status;
}
