// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-process [-m MIB,...] [-r ROUNDS] [MECHANISM...]
 *
 * As bench, see there: a producer, the owner of the events and a starter take
 * turns on one CPU, and processes that handle events are as urgent as their
 * owner. Of each burst is told when its last handler ran, counted from the
 * last raise (`deliver`); and what it cost in all (`whole`), from the first
 * raise until every process that it took has ended, every one that replaces
 * it waits, and so does the owner. Figures are nanoseconds an event.
 *
 * The owner has touched so many MiB of memory: a fork copies their page
 * tables. 0: no more than it needs.
 *
 * After each burst the starter looks whether each event was handled once, and
 * by another process than the owner.
 *
 * Each mechanism runs with each size in a process group of its own, which is
 * ended with it. The lines of the output are those of bench.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "bench-process.h"

#define WARM_UP		5
#define MAX_SIZES	8
#define MIB		(1024UL * 1024)

static const struct process_mechanism *const mechanisms[] = {
	&process_aem_fork, &process_aem_capsule,
	&process_fork, &process_pool_once, &process_pool,
};

#define MECHANISMS	(sizeof(mechanisms) / sizeof(mechanisms[0]))

/* One burst. In memory that all processes share. */
static struct burst {
	unsigned int size, first;
	unsigned int got, strays;
	unsigned int times[EVENTS];
	long long t0, t1, t2;
} *burst;

static const struct process_mechanism *mechanism;
static pid_t owner;
static sem_t ready, go;

void handled(unsigned int source)
{
	if (source >= EVENTS || getpid() == owner)
		__atomic_add_fetch(&burst->strays, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&burst->times[source], 1, __ATOMIC_RELAXED);
	if (__atomic_add_fetch(&burst->got, 1, __ATOMIC_RELAXED) == burst->size)
		burst->t2 = now_ns();
}

static void *own(void *arg)
{
	(void)arg;
	run_fifo(2);
	if (mechanism->open() < 0)
		die(mechanism->name);
	sem_post(&ready);
	for (;;)
		if (mechanism->take() < 0)
			die(mechanism->name);
}

static void *produce(void *arg)
{
	unsigned int i;

	(void)arg;
	run_fifo(3);
	sem_post(&ready);
	for (;;) {
		while (sem_wait(&go) < 0)
			;
		burst->t0 = now_ns();
		for (i = 0; i < burst->size; i++)
			if (mechanism->raise((burst->first + i) % EVENTS) < 0)
				die(mechanism->name);
		burst->t1 = now_ns();
	}
}

static void check_burst(void)
{
	unsigned int i, once = 0;

	for (i = 0; i < burst->size; i++)
		once += burst->times[(burst->first + i) % EVENTS] == 1;
	if (burst->got == burst->size && once == burst->size && !burst->strays)
		return;
	mismatch("%s: of a burst of %u %u were handled, %u once, %u strangely",
		 mechanism->name, burst->size, burst->got, once, burst->strays);
}

/* Returns when nobody more urgent has anything to do: it is over. */
static void run_burst(unsigned int size, unsigned int first)
{
	memset(burst, 0, sizeof(*burst));
	burst->size = size;
	burst->first = first;
	sem_post(&go);
}

static void print_figure(FILE *line, const char *name, long long *values, unsigned int count,
			 unsigned int size)
{
	double middle = median(values, count);

	fprintf(line, ",\"%s\":{\"median\":%.1f,\"min\":%.1f}", name, middle / size,
		(double)values[0] / size);
}

static void measure(FILE *line, unsigned int size, unsigned int rounds)
{
	long long *deliver = table(rounds, sizeof(*deliver));
	long long *whole = table(rounds, sizeof(*whole));
	unsigned int i;

	for (i = 0; i < WARM_UP; i++) {
		run_burst(size, i);
		check_burst();
	}
	for (i = 0; i < rounds; i++) {
		run_burst(size, i);
		whole[i] = now_ns() - burst->t0;
		check_burst();
		deliver[i] = burst->t2 - burst->t1;
	}
	fprintf(line, "{\"size\":%u,\"rounds\":%u", size, rounds);
	print_figure(line, "deliver", deliver, rounds, size);
	print_figure(line, "whole", whole, rounds, size);
	fprintf(line, "}");
}

static void start_thread(void *(*what)(void *))
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, what, NULL);
	if (errno)
		die("pthread_create");
	while (sem_wait(&ready) < 0)
		;
}

/* In a process of its own, which its workers do not outlive. */
static void __attribute__((noreturn)) run_one(unsigned int mib, unsigned int rounds)
{
	char *text = NULL;
	size_t len = 0;
	FILE *line;

	owner = getpid();
	line = open_memstream(&text, &len);
	if (!line)
		die("open_memstream");
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	/* In pages of the usual size. */
	if (mib)
		memset(table(mib, MIB), 1, mib * MIB);
	start_thread(own);
	start_thread(produce);
	run_fifo(1);
	fprintf(line, "{\"result\":{\"mechanism\":\"%s\",\"ownerMiB\":%u,\"bursts\":[",
		mechanism->name, mib);
	measure(line, 1, rounds);
	fprintf(line, ",");
	measure(line, EVENTS, rounds);
	fprintf(line, "]}}");
	fclose(line);
	puts(text);
	fflush(stdout);
	_exit(0);
}

static void run(unsigned int mib, unsigned int rounds)
{
	pid_t child;
	int status;

	printf("{\"begin\":{\"mechanism\":\"%s\",\"ownerMiB\":%u}}\n", mechanism->name, mib);
	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_one(mib, rounds);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	/* Workers that wait for what does not come any more. */
	kill(-child, SIGKILL);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return;
	if (WIFSIGNALED(status))
		printf("{\"error\":\"%s: killed by signal %d\"}\n", mechanism->name,
		       WTERMSIG(status));
	exit(1);
}

static bool named(const char *name, int argc, char *argv[])
{
	int i;

	for (i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return !argc;
}

static int misused(void)
{
	fprintf(stderr, "usage: bench-process [-m MIB,...] [-r ROUNDS] [MECHANISM...]\n");
	return 2;
}

/* Numbers with commas between; returns how many, 0 for too many. */
static int parse_sizes(char *text, unsigned int *sizes)
{
	char *piece;
	int count = 0;

	while ((piece = strsep(&text, ",")) && count < MAX_SIZES)
		sizes[count++] = strtoul(piece, NULL, 10);
	return piece ? 0 : count;
}

int main(int argc, char *argv[])
{
	unsigned int sizes[MAX_SIZES] = { 0, 64 }, rounds = 40;
	int size_count = 2, plan = 0, opt, i;
	size_t m;

	while ((opt = getopt(argc, argv, "m:r:")) > 0) {
		if (opt == 'm')
			size_count = parse_sizes(optarg, sizes);
		else if (opt == 'r')
			rounds = strtoul(optarg, NULL, 10);
		else
			return misused();
	}
	argc -= optind;
	argv += optind;
	for (m = 0; m < MECHANISMS; m++)
		if (named(mechanisms[m]->name, argc, argv))
			plan += size_count;
	if (!plan || !rounds)
		return misused();

	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_limits();
	burst = mmap(NULL, sizeof(*burst), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (burst == MAP_FAILED)
		die("mmap");
	printf("{\"start\":{\"plan\":%d,\"nops\":%d,\"nopsNs\":%lld,\"clockNs\":%.1f}}\n", plan,
	       NOPS, time_nops(), time_clock());
	for (m = 0; m < MECHANISMS; m++) {
		mechanism = mechanisms[m];
		for (i = 0; i < size_count && named(mechanism->name, argc, argv); i++)
			run(sizes[i], rounds);
	}
	printf("{\"end\":{\"results\":%d}}\n", plan);
	return 0;
}
