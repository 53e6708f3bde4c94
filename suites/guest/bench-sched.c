// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-sched [-b BUSY,...] [-s SAMPLES]
 *
 * How long after its event a thread's handler runs, beside so many processes
 * that compute all the time, with whatever decides there. The event is a
 * timer's, and another thread, which only sleeps and sets it, has it expire
 * on each CPU in turn.
 *
 *   late          from the time that the timer was set to until its handler
 *                 runs: nanoseconds
 *   there         of the samples, how many handlers ran on the CPU where the
 *                 timer had expired
 *   migrations    of the thread, by the kernel's own count
 *   steered, preferred   what aem-sched says that it did, where it is loaded
 *
 * Each expiration has to be delivered, once, and not early. Each number of
 * competitors is a process of its own. Lines of the output are as those of
 * bench.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <aem.h>

#include "bench.h"

#define MAX_COUNTS	16
#define NSEC_PER_SEC	1000000000LL
#define STEERED		"/sys/module/aem_sched/parameters/steered"
#define PREFERRED	"/sys/module/aem_sched/parameters/preferred"

static unsigned int busy, samples = 500, cpus;
static int timer;
static long long *lates;
static volatile long long due;
static volatile int raised_on;
static volatile unsigned int ran;
static unsigned int there;
static sem_t told;

static void on_timer(int id, void *arg)
{
	long long late = now_ns() - due;

	(void)id;
	(void)arg;
	if (late < 0)
		mismatch("a handler was early by ns: %lld", -late);
	if (ran == samples)
		mismatch("a handler too many: %u", ran);
	there += sched_getcpu() == raised_on;
	lates[ran++] = late;
	sem_post(&told);
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

/* Has the timer expire so often. Realtime, so that only the handlers are late. */
static void *set_timers(void *arg)
{
	struct itimerspec spec = { 0 };
	unsigned int i;

	run_fifo(1);
	for (i = 0; i < samples; i++) {
		raised_on = i % cpus;
		run_on(raised_on);
		/* Some slices, never the same part of one. */
		due = now_ns() + 7000000 + i * 7919LL % 4001 * 1000;
		spec.it_value.tv_sec = due / NSEC_PER_SEC;
		spec.it_value.tv_nsec = due % NSEC_PER_SEC;
		if (aemPOSIX_timer_settime(timer, TIMER_ABSTIME, &spec, NULL) < 0)
			die("aemPOSIX_timer_settime");
		while (sem_wait(&told) < 0 && errno == EINTR)
			;
	}
	return arg;
}

static void compete(void)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < busy; i++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* What an emulator has next to nothing to do for. */
		for (;;)
			__asm__ volatile(".rept 400\nnop\n.endr");
	}
}

/* Of the calling thread. */
static long count_migrations(void)
{
	static const char key[] = "se.nr_migrations";
	char line[256], *at;
	long count = -1;
	FILE *f = fopen("/proc/thread-self/sched", "re");

	if (!f)
		die("/proc/thread-self/sched");
	while (fgets(line, sizeof(line), f)) {
		at = strchr(line, ':');
		if (at && !strncmp(line, key, strlen(key)))
			count = strtol(at + 1, NULL, 10);
	}
	fclose(f);
	if (count < 0)
		die(key);
	return count;
}

static void report(long migrations, long steered, long preferred)
{
	sort_figures(lates, samples);
	printf("{\"result\":{\"busy\":%u,\"there\":%u,\"migrations\":%ld", busy, there, migrations);
	if (steered >= 0)
		printf(",\"steered\":%ld,\"preferred\":%ld", steered, preferred);
	printf(",\"late\":{\"samples\":%u,\"min\":%lld,\"p50\":%lld", samples, lates[0],
	       lates[samples / 2]);
	printf(",\"p90\":%lld,\"p99\":%lld,\"max\":%lld}}}\n", lates[samples * 9L / 10],
	       lates[samples * 99L / 100], lates[samples - 1]);
	fflush(stdout);
}

static void measure(void)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_AEM,
		.sigev_notify_function = (void *)on_timer,
	};
	long migrations, steered, preferred;
	pthread_t thread;

	lates = table(samples, sizeof(*lates));
	sem_init(&told, 0, 0);
	if (aemTimer_init() < 0)
		die("/dev/aem-timer");
	if (aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, &timer) < 0)
		die("aemPOSIX_timer_create");
	compete();
	migrations = count_migrations();
	steered = read_number(STEERED);
	preferred = read_number(PREFERRED);
	if (pthread_create(&thread, NULL, set_timers, NULL))
		die("pthread_create");
	while (ran < samples)
		aem_evwait(NULL);
	migrations = count_migrations() - migrations;
	if (steered >= 0) {
		steered = read_number(STEERED) - steered;
		preferred = read_number(PREFERRED) - preferred;
	}
	pthread_join(thread, NULL);
	report(migrations, steered, preferred);
}

int main(int argc, char *argv[])
{
	unsigned int counts[MAX_COUNTS] = { 0, 1, 2, 4, 8 }, plan = 5, i;
	char *rest = NULL;
	int option;

	while ((option = getopt(argc, argv, "b:s:")) >= 0) {
		if (option == 's')
			samples = strtoul(optarg, NULL, 10) ?: 1;
		else if (option == 'b')
			rest = optarg;
		else
			return 2;
	}
	if (rest)
		plan = read_counts(rest, counts, MAX_COUNTS);
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	printf("{\"start\":{\"plan\":%u,\"nops\":%d,\"nopsNs\":%lld}}\n", plan, NOPS, time_nops());
	for (i = 0; i < plan; i++) {
		busy = counts[i];
		printf("{\"begin\":{\"busy\":%u}}\n", busy);
		measure_apart(measure);
	}
	puts("{\"end\":{}}");
	return 0;
}
