// SPDX-License-Identifier: GPL-2.0-only
/* Events of many threads at once, and of threads that end meanwhile. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

#include "probe.h"

struct party {
	pthread_t thread;
	long index, events;
	int *ids;
	struct party *next;	/* whose events it raises */
	long ran;
	int error;
};

static pthread_barrier_t barrier;
static __thread struct party *mine;
static atomic_long strays;	/* handlers in a thread that is not theirs */

static void party_handler(int eid, char *data, int len, unsigned long index)
{
	(void)eid;
	(void)data;
	(void)len;
	if (mine && mine->index == (long)index)
		mine->ran++;
	else
		atomic_fetch_add(&strays, 1);
}

static void party_register(struct party *p)
{
	long i;

	for (i = 0; i < p->events && !p->error; i++) {
		p->ids[i] = aemEXAMPLE_register(party_handler, p->index, 0);
		if (p->ids[i] < 0 || aemCORE_event_start(p->ids[i]) < 0)
			p->error = errno;
	}
}

static void party_raise(const struct party *p)
{
	long i;

	for (i = 0; i < p->events; i++)
		fire_event(p->ids[i], 0, 1, NULL, 0);
}

/* All of them do each step at once; the last is over when all handlers ran. */
static void *party(void *arg)
{
	struct party *p = arg;

	mine = p;
	pthread_barrier_wait(&barrier);
	party_register(p);
	pthread_barrier_wait(&barrier);
	if (!p->next->error)
		party_raise(p->next);
	while (!p->error && p->ran < p->events)
		aem_evwait(NULL);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static long count_unique(int *ids, long count)
{
	long i, unique = 0;

	qsort(ids, count, sizeof(*ids), by_id);
	for (i = 0; i < count; i++)
		unique += ids[i] > 0 && (!i || ids[i] != ids[i - 1]);
	return unique;
}

/*
 * `party threads=N events=M`: N threads register M events each, all at once,
 * and raise those of the next one. How many ids there were, how many handlers
 * ran in their own thread and elsewhere, and what failed.
 */
static void do_party(const struct command *c)
{
	long threads = number(c, "threads", 1), events = number(c, "events", 1);
	struct party *all = calloc(threads, sizeof(*all));
	int *ids = calloc(threads * events, sizeof(*ids)), error = 0;
	struct message m = { 0 };
	long i, ran = 0;

	pthread_barrier_init(&barrier, NULL, threads);
	for (i = 0; i < threads; i++) {
		all[i].index = i;
		all[i].events = events;
		all[i].ids = ids + i * events;
		all[i].next = &all[(i + 1) % threads];
		/* What is missing would leave the others waiting. */
		if (pthread_create(&all[i].thread, NULL, party, &all[i]))
			_exit(95);
	}
	for (i = 0; i < threads; i++) {
		pthread_join(all[i].thread, NULL);
		ran += all[i].ran;
		error = error ?: all[i].error;
	}
	put_number(&m, "unique", count_unique(ids, threads * events));
	put_number(&m, "ran", ran);
	put_number(&m, "strays", atomic_load(&strays));
	answer_with(c, error ? -1 : 0, error, &m);
	free(ids);
	free(all);
}

static atomic_int leaver_tid, leaver_event;
static atomic_long leaver_ran;

static void leaver_handler(int eid, char *data, int len, unsigned long cookie)
{
	(void)eid;
	(void)data;
	(void)len;
	(void)cookie;
	atomic_fetch_add(&leaver_ran, 1);
}

/* Ends while its event is being raised. */
static void *leaver(void *arg)
{
	int eid = aemEXAMPLE_register(leaver_handler, 0, AEM_EXAMPLE_EACH);

	(void)arg;
	aemCORE_event_start(eid);
	atomic_store(&leaver_tid, syscall(SYS_gettid));
	atomic_store(&leaver_event, eid);
	while (atomic_load(&leaver_ran) < 3)
		;
	return NULL;
}

static void run_on(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

/* Raises it until it is gone: errno then, or 0 when it outlives its thread. */
static int raise_to_the_end(int tid, int eid, long *raised)
{
	bool ended;

	for (;;) {
		ended = syscall(SYS_tgkill, getpid(), tid, 0) < 0 && errno == ESRCH;
		if (fire_event(eid, 0, 1, NULL, 0) < 0)
			return errno;
		if (ended)
			return 0;
		++*raised;
	}
}

/*
 * `leavers rounds=N`: that often a thread on another CPU ends while its event
 * is being raised. In how many rounds the event went with it.
 */
static void do_leavers(const struct command *c)
{
	long i, rounds = number(c, "rounds", 1), gone = 0, raised = 0;
	struct message m = { 0 };
	cpu_set_t before;
	pthread_t thread;

	pthread_getaffinity_np(pthread_self(), sizeof(before), &before);
	run_on(pthread_self(), 0);
	for (i = 0; i < rounds; i++) {
		atomic_store(&leaver_event, 0);
		atomic_store(&leaver_ran, 0);
		if (pthread_create(&thread, NULL, leaver, NULL))
			break;
		run_on(thread, 1);
		while (!atomic_load(&leaver_event))
			sched_yield();
		gone += raise_to_the_end(leaver_tid, leaver_event, &raised) == EINVAL;
		pthread_join(thread, NULL);
	}
	pthread_setaffinity_np(pthread_self(), sizeof(before), &before);
	put_number(&m, "gone", gone);
	put_number(&m, "raised", raised);
	answer_with(c, i == rounds ? 0 : -1, i == rounds ? 0 : errno, &m);
}

const struct verb thread_verbs[] = {
	{ "party", do_party },
	{ "leavers", do_leavers },
	{ }
};
