// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast events are delivered by several threads at the same time: each has
 * a pipe and an epoll set of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "probe.h"
#include "probe-native.h"

#define THREADS	16

static struct worker {
	pthread_t thread;
	int set, pipe[2];
	long rounds, wrong;
} workers[THREADS];

static pthread_barrier_t start;

/* One event is raised, told and read in each round. */
static void *deliver(void *arg)
{
	struct worker *w = arg;
	struct epoll_event event;
	char byte;
	long i;

	pthread_barrier_wait(&start);
	for (i = 0; i < w->rounds; i++) {
		if (write(w->pipe[1], "x", 1) != 1 || epoll_wait(w->set, &event, 1, -1) != 1 ||
		    event.data.fd != w->pipe[0] || read(w->pipe[0], &byte, 1) != 1)
			w->wrong++;
	}
	return NULL;
}

static int open_worker(struct worker *w, long rounds)
{
	struct epoll_event event = { .events = EPOLLIN };

	w->rounds = rounds;
	w->wrong = 0;
	if (pipe(w->pipe) < 0)
		return -1;
	w->set = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = w->pipe[0];
	return w->set < 0 ? -1 : epoll_ctl(w->set, EPOLL_CTL_ADD, w->pipe[0], &event);
}

static void close_worker(struct worker *w)
{
	close(w->set);
	close(w->pipe[0]);
	close(w->pipe[1]);
}

/*
 * `native-scale threads=N rounds=N`: how many nanoseconds all of them take for
 * so many rounds in all. EPROTO when an event was not the thread's own.
 */
static void do_scale(const struct command *c)
{
	int i, count = number(c, "threads", 1);
	long rounds = number(c, "rounds", 1000) / count, wrong = 0;
	long long begun, took;

	if (count < 1 || count > THREADS) {
		fail(c, EINVAL);
		return;
	}
	pthread_barrier_init(&start, NULL, count + 1);
	for (i = 0; i < count; i++) {
		if (open_worker(&workers[i], rounds) < 0 ||
		    pthread_create(&workers[i].thread, NULL, deliver, &workers[i]))
			_exit(92);
	}
	/* Before: who waits here may be the last that is woken up. */
	begun = now_ns();
	pthread_barrier_wait(&start);
	for (i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	took = now_ns() - begun;
	for (i = 0; i < count; i++) {
		wrong += workers[i].wrong;
		close_worker(&workers[i]);
	}
	pthread_barrier_destroy(&start);
	if (wrong)
		fail(c, EPROTO);
	else
		answer(c, took);
}

const struct verb native_scale_verbs[] = {
	{ "native-scale", do_scale },
	{ }
};
