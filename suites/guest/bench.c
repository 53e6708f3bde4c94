// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench [-i IDLE,...] [-r ROUNDS,ROUNDS] [MECHANISM...]
 *
 * Three threads on one CPU, which therefore take turns: the producer, the
 * most urgent, raises a burst and sleeps; the consumer is told of all of it
 * and waits for more; the starter, the least urgent, runs when both wait, so
 * each burst finds the consumer waiting. Of each burst the clock is read when
 * the producer begins (t0), when it has raised all (t1), when the consumer
 * has been told of all (t2), and by the starter around it all. Figures are
 * nanoseconds an event. With some mechanisms the consumer computes instead of
 * waiting, and the producer interrupts it there.
 *
 * After each burst the starter looks whether each event came, once, and no
 * other: if not, it ends with status 1.
 *
 * Each mechanism runs with each number of idle sources in a process of its
 * own. Lines of the output: {"start":...}, with how many results are to come;
 * {"begin":...} and {"result":...} of each; {"end":...}. Or {"wrong":...} when
 * events were lost or came twice, {"error":...} when it could not tell.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define WARM_UP		5
/* Bursts whose entries into the kernel are counted. */
#define COUNTED		10
#define MAX_COUNTS	16
/* Sources that are added between two looks at what memory is left. */
#define CHUNK		4096
/* Left to the machine, in kB. */
#define RESERVE		(32 * 1024)
/* With fewer the figure would be noise. */
#define LEAST_FOR_BYTES	50000

static const struct mechanism *const mechanisms[] = {
	&bench_aem, &bench_aem_upcall,
	&bench_epoll, &bench_epoll_edge, &bench_epoll_edge_unread,
	&bench_uring_poll, &bench_uring_read,
	&bench_signal, &bench_signalfd,
	&bench_poll,
	&bench_aem_computing, &bench_signal_computing,
};

#define MECHANISMS	(sizeof(mechanisms) / sizeof(mechanisms[0]))

/* One burst. Threads on one CPU that hand over by semaphores share it. */
static struct {
	unsigned int size, first;	/* sources, relative to the active ones */
	bool stop;
	long long t0, t1, t2;
} burst;

static volatile unsigned int got, strays;
static volatile unsigned char times[ACTIVE];
static unsigned int active;	/* the first of them */

static const struct mechanism *mechanism;
static FILE *line;	/* of the result */
static sem_t ready, go, work;
static volatile bool computing;
static pid_t consumer_thread;

static struct {
	bool fits;
	unsigned int sources;
	double add_ns, drop_ns;
	long kb, available_kb;
} filled;

/* What the parent remembers of a mechanism: kB by source, 0 when unknown. */
static double *kb_each;
/* Free memory at first, in kB. */
static long free_at_first;

void __attribute__((noinline)) deliver(unsigned int source)
{
	if (source - active < ACTIVE)
		times[source - active]++;
	else
		strays++;
	got++;
}

/* No memory or no descriptors: an answer. Anything else: a failure. */
static bool add(unsigned int source)
{
	if (mechanism->add(source) >= 0)
		return true;
	if (errno != ENOMEM && errno != ENFILE && errno != EMFILE && errno != ENOSPC)
		die(mechanism->name);
	return false;
}

/* Adds all sources, or as many as there is memory for. */
static void fill(unsigned int sources)
{
	unsigned int source = 0, end;
	long long began, took = 0;

	do {
		end = source + CHUNK < sources ? source + CHUNK : sources;
		began = now_ns();
		while (source < end && add(source))
			source++;
		if (source == end && mechanism->flush && mechanism->flush() < 0)
			die(mechanism->name);
		took += now_ns() - began;
	} while (source == end && source < sources && free_kb() >= RESERVE);
	filled.sources = source;
	filled.fits = source == sources;
	filled.add_ns = (double)took / sources;
}

static void fill_and_weigh(unsigned int sources)
{
	long before = free_kb();

	if (mechanism->descriptors)
		reserve_descriptors(sources);
	fill(sources);
	filled.kb = before - free_kb();
	filled.available_kb = before - RESERVE;
}

static void drop_all(unsigned int sources)
{
	long long began = now_ns();
	unsigned int source;

	for (source = 0; source < sources; source++)
		if (mechanism->drop(source) < 0)
			die(mechanism->name);
	filled.drop_ns = (double)(now_ns() - began) / sources;
}

/* In user mode, with nothing to wait for, until all of a burst has come. */
static int compute(void)
{
	while (sem_wait(&work) < 0)
		;
	computing = true;
	while (got < burst.size)
		;
	computing = false;
	return 0;
}

static void *consume(void *arg)
{
	unsigned int sources = *(unsigned int *)arg;

	consumer_thread = gettid();
	if (mechanism->open(mechanism->look ? sources + MORE : sources) < 0)
		die(mechanism->name);
	fill_and_weigh(sources);
	run_fifo(2);
	sem_post(&ready);
	while (filled.fits && !burst.stop) {
		if ((mechanism->computes ? compute() : mechanism->take()) < 0)
			die(mechanism->name);
		if (got >= burst.size && !burst.t2)
			burst.t2 = now_ns();
	}
	run_fifo(0);
	if (filled.fits && mechanism->look)
		measure_more(mechanism, sources);
	if (filled.fits && mechanism->drop)
		drop_all(sources);
	mechanism->close();
	return NULL;
}

/* A consumer that computes is interrupted amid it, by the timer. */
static void await_computing(void)
{
	struct timespec soon = { .tv_nsec = 100000 };

	sem_post(&work);
	while (!computing)
		nanosleep(&soon, NULL);
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
		if (!burst.size)
			return NULL;
		if (mechanism->computes)
			await_computing();
		burst.t0 = now_ns();
		for (i = 0; i < burst.size; i++)
			if (mechanism->raise(active + (burst.first + i) % ACTIVE) < 0)
				die(mechanism->name);
		burst.t1 = now_ns();
	}
}

static void check_burst(void)
{
	unsigned int i, once = 0;

	for (i = 0; i < burst.size; i++)
		once += times[(burst.first + i) % ACTIVE] == 1;
	if (got == burst.size && once == burst.size && !strays)
		return;
	mismatch("%s: of a burst of %u %u came, %u of them once, %u strange",
		 mechanism->name, burst.size, got, once, strays);
}

/* One burst; returns how long it took from here until all wait again. */
static long long run_burst(unsigned int size, unsigned int first)
{
	long long began;
	unsigned int i;

	for (i = 0; i < ACTIVE; i++)
		times[i] = 0;
	got = 0;
	strays = 0;
	burst.size = size;
	burst.first = first;
	burst.t2 = 0;
	began = now_ns();
	sem_post(&go);
	return now_ns() - began;
}

static void print_figure(const char *name, long long *values, unsigned int count, unsigned int size)
{
	double middle = median(values, count);

	fprintf(line, ",\"%s\":{\"median\":%.1f,\"min\":%.1f}", name, middle / size,
		(double)values[0] / size);
}

/* In bursts of their own: who counts them makes them dearer. */
static void print_entries(unsigned int size)
{
	int counter = count_entries(consumer_thread);
	long long entries;
	unsigned int i;

	if (counter < 0)
		return;
	for (i = 0; i < COUNTED; i++) {
		run_burst(size, i);
		check_burst();
	}
	entries = read_entries(counter);
	/* The call that waits for the burst to begin is ours. */
	if (mechanism->computes)
		entries -= COUNTED;
	fprintf(line, ",\"entries\":%.4f", (double)entries / COUNTED / size);
}

static void measure(unsigned int size, unsigned int rounds)
{
	long long *raise = table(rounds, sizeof(*raise));
	long long *tell = table(rounds, sizeof(*tell));
	long long *whole = table(rounds, sizeof(*whole));
	unsigned int i;

	for (i = 0; i < WARM_UP; i++) {
		run_burst(size, i);
		check_burst();
	}
	for (i = 0; i < rounds; i++) {
		whole[i] = run_burst(size, i);
		check_burst();
		/* Else the time for which it was to compute. */
		if (mechanism->computes)
			whole[i] = burst.t2 - burst.t0;
		raise[i] = burst.t1 - burst.t0;
		tell[i] = burst.t2 - burst.t1;
	}
	fprintf(line, "{\"size\":%u,\"rounds\":%u", size, rounds);
	print_figure("raise", raise, rounds, size);
	print_figure("deliver", tell, rounds, size);
	print_figure("whole", whole, rounds, size);
	print_entries(size);
	fprintf(line, "}");
}

static void print_fill(unsigned int idle, unsigned int sources)
{
	long own;

	fprintf(line, ",\"register\":%.1f", filled.add_ns);
	if (mechanism->drop)
		fprintf(line, ",\"shutdown\":%.1f", filled.drop_ns);
	if (mechanism->look)
		print_more(line);
	if (idle < LEAST_FOR_BYTES)
		return;
	fprintf(line, ",\"bytes\":%.1f", filled.kb * 1024.0 / sources);
	own = mechanism->own_bytes ? mechanism->own_bytes() : -1;
	if (own >= 0)
		fprintf(line, ",\"ownBytes\":%ld", own);
}

static void print_misfit(double needed_kb, long available)
{
	fprintf(line, ",\"fits\":false,\"neededKb\":%.0f,\"availableKb\":%ld}}", needed_kb,
		available);
}

/* A thread is there, and as urgent as it is to be. */
static void await_ready(void)
{
	while (sem_wait(&ready) < 0)
		;
}

/* In a process of its own. */
static void run_one(unsigned int idle, const unsigned int *rounds, double *each)
{
	unsigned int sources = idle + ACTIVE;
	pthread_t consumer, producer;

	active = idle / 2;
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&work, 0, 0);
	if (pthread_create(&consumer, NULL, consume, &sources))
		die("pthread_create");
	await_ready();
	fprintf(line, "{\"result\":{\"mechanism\":\"%s\",\"idle\":%u", mechanism->name, idle);
	if (!filled.fits) {
		print_misfit((double)filled.kb * sources / filled.sources,
			     filled.available_kb);
		return;
	}
	if (idle >= LEAST_FOR_BYTES)
		*each = (double)filled.kb / sources;
	if (pthread_create(&producer, NULL, produce, NULL))
		die("pthread_create");
	await_ready();
	run_fifo(1);
	fprintf(line, ",\"fits\":true,\"bursts\":[");
	measure(1, rounds[0]);
	fprintf(line, ",");
	measure(ACTIVE, rounds[1]);
	fprintf(line, "]");
	burst.stop = true;
	run_burst(1, 0);
	run_burst(0, 0);
	run_fifo(0);
	pthread_join(consumer, NULL);
	pthread_join(producer, NULL);
	print_fill(idle, sources);
	fprintf(line, "}}");
}

static void run_child(unsigned int idle, const unsigned int *rounds, double *each)
{
	char *text = NULL;
	size_t len = 0;
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		line = open_memstream(&text, &len);
		if (!line)
			die("open_memstream");
		run_one(idle, rounds, each);
		fclose(line);
		puts(text);
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return;
	if (WIFSIGNALED(status))
		printf("{\"error\":\"%s: killed by signal %d\"}\n", mechanism->name,
		       WTERMSIG(status));
	exit(1);
}

static void run(size_t which, unsigned int idle, const unsigned int *rounds)
{
	double needed = kb_each[which] * (idle + ACTIVE);
	long available;

	mechanism = mechanisms[which];
	printf("{\"begin\":{\"mechanism\":\"%s\",\"idle\":%u}}\n", mechanism->name, idle);
	settle(free_at_first);
	available = free_kb() - RESERVE;
	/* What is near is tried. */
	if (needed > available * 1.25) {
		line = stdout;
		fprintf(line, "{\"result\":{\"mechanism\":\"%s\",\"idle\":%u", mechanism->name,
			idle);
		print_misfit(needed, available);
		fputs("\n", line);
		return;
	}
	run_child(idle, rounds, &kb_each[which]);
}

/* Numbers with commas between; returns how many. */
static int parse_list(char *text, unsigned int *values, int most)
{
	char *piece;
	int count = 0;

	while ((piece = strsep(&text, ",")) && count < most) {
		values[count] = strtoul(piece, NULL, 10);
		if (!values[count++])
			return 0;
	}
	return piece ? 0 : count;
}

static bool named(const char *name, int argc, char *argv[])
{
	int i;

	for (i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return !argc;
}

static bool wanted(size_t which, unsigned int idle, int argc, char *argv[])
{
	const struct mechanism *m = mechanisms[which];

	return named(m->name, argc, argv) && (!m->most || idle <= m->most);
}

static int misused(void)
{
	fprintf(stderr, "usage: bench [-i IDLE,...] [-r ROUNDS,ROUNDS] [MECHANISM...]\n");
	return 2;
}

int main(int argc, char *argv[])
{
	unsigned int idle[MAX_COUNTS] = { 1, 1000 }, rounds[2] = { 200, 40 };
	int idle_count = 2, plan = 0, opt, i;
	size_t m;

	while ((opt = getopt(argc, argv, "i:r:")) > 0) {
		if (opt == 'i')
			idle_count = parse_list(optarg, idle, MAX_COUNTS);
		else if (opt != 'r' || parse_list(optarg, rounds, 2) != 2)
			return misused();
		if (!idle_count)
			return misused();
	}
	argc -= optind;
	argv += optind;
	for (m = 0; m < MECHANISMS; m++)
		for (i = 0; i < idle_count; i++)
			plan += wanted(m, idle[i], argc, argv);
	if (!plan)
		return misused();

	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_limits();
	free_at_first = free_kb();
	kb_each = mmap(NULL, sizeof(*kb_each) * MECHANISMS, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (kb_each == MAP_FAILED)
		die("mmap");
	printf("{\"start\":{\"plan\":%d,\"nops\":%d,\"nopsNs\":%lld,\"clockNs\":%.1f}}\n", plan,
	       NOPS, time_nops(), time_clock());
	for (m = 0; m < MECHANISMS; m++)
		for (i = 0; i < idle_count; i++)
			if (wanted(m, idle[i], argc, argv))
				run(m, idle[i], rounds);
	printf("{\"end\":{\"results\":%d}}\n", plan);
	return 0;
}
