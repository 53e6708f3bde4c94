// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-timer [-i IDLE,...] [-s SAMPLES]
 *
 * What timers of aem-timer cost, and how late their handlers are, beside so
 * many that are armed and do not expire. By a clock that counts instructions
 * the figures are the same each time; by the host's they are the host's.
 *
 *   create, arm, disarm, delete   nanoseconds a timer, of all the idle ones
 *   bytes                         of kernel memory a timer
 *   rearm                         of one more timer beside them, the median
 *   late                          from the time that a timer was set to until
 *                                 its handler runs, the thread waiting
 *   expire                        all of them at once: nanoseconds a timer,
 *                                 its handler included
 *
 * Each that expires has to do so once, and not early. Each number of idle
 * timers is a process of its own. Lines of the output are as those of bench.c.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <aem.h>

#include "bench.h"

#define MAX_COUNTS	16
#define NSEC_PER_SEC	1000000000LL
#define HOUR		(3600 * NSEC_PER_SEC)
/* Eight bins an octave. */
#define BINS		512
/* With fewer the memory figure would be noise. */
#define LEAST_FOR_BYTES	50000

static unsigned int idle, samples = 2000;
static int *timers;
static unsigned char *ran;
static volatile unsigned int ran_count;
static long long due;
static volatile long long late;
static volatile bool told;

static struct itimerspec at(long long ns)
{
	struct itimerspec spec = { 0 };

	spec.it_value.tv_sec = ns / NSEC_PER_SEC;
	spec.it_value.tv_nsec = ns % NSEC_PER_SEC;
	return spec;
}

static int create(void (*handler)(int, void *), unsigned long index)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_AEM,
		.sigev_notify_function = (void *)handler,
		.sigev_value.sival_ptr = (void *)index,
	};
	int id;

	if (aemPOSIX_timer_create(CLOCK_AEMEVENT, &ev, &id) < 0)
		die("aemPOSIX_timer_create");
	return id;
}

static void set_at(int id, long long ns)
{
	struct itimerspec spec = at(ns);

	if (aemPOSIX_timer_settime(id, TIMER_ABSTIME, &spec, NULL) < 0)
		die("aemPOSIX_timer_settime");
}

static void on_idle(int id, void *arg)
{
	(void)id;
	if (now_ns() < due)
		mismatch("an idle timer was early by ns: %lld", due - now_ns());
	ran[(unsigned long)arg]++;
	ran_count++;
}

static void on_sample(int id, void *arg)
{
	(void)id;
	(void)arg;
	late = now_ns() - due;
	told = true;
}

/* What the first and the last quarter of them took, a timer. */
static void print_quarters(const char *name, long long first, long long last)
{
	unsigned int quarter = idle / 4 ?: 1;

	printf(",\"%s\":{\"first\":%lld,\"last\":%lld}", name, first / quarter, last / quarter);
}

static void for_each(const char *name, void (*what)(unsigned int i))
{
	long long began = now_ns(), first = 0, last = 0;
	unsigned int i, quarter = idle / 4 ?: 1;

	for (i = 0; i < idle; i++) {
		if (i == idle - quarter)
			last = now_ns();
		what(i);
		if (i == quarter - 1)
			first = now_ns() - began;
	}
	print_quarters(name, first, now_ns() - last);
}

static void create_one(unsigned int i)
{
	timers[i] = create(on_idle, i);
}

/* In no order: nothing is to be gained by coming as the last. */
static void arm_one(unsigned int i)
{
	set_at(timers[i], now_ns() + HOUR + (i * 7919LL % idle) * 1000);
}

static void due_one(unsigned int i)
{
	set_at(timers[i], due);
}

static void delete_one(unsigned int i)
{
	if (aemPOSIX_timer_delete(timers[i]) < 0)
		die("aemPOSIX_timer_delete");
}

/* Where it is in the histogram, and the least that is there. */
static unsigned int bin_of(long long value, long long *from)
{
	unsigned int octave = 3;

	if (value < 8) {
		*from = value;
		return value;
	}
	while (value >> (octave + 1))
		octave++;
	*from = value >> (octave - 3) << (octave - 3);
	return 8 * (octave - 2) + (value >> (octave - 3) & 7);
}

/* Sorted. */
static void print_histogram(const long long *values)
{
	long long from = 0, next;
	unsigned int i, count = 0, bin = BINS;

	printf(",\"bins\":[");
	for (i = 0; i < samples; i++, count++) {
		if (bin_of(values[i], &next) == bin)
			continue;
		if (count)
			printf("{\"from\":%lld,\"count\":%u},", from, count);
		bin = bin_of(values[i], &from);
		count = 0;
	}
	printf("{\"from\":%lld,\"count\":%u}]", from, count);
}

/* How late one more timer's handlers are, and what it takes to arm it. */
static void measure_late(void)
{
	long long *lates = table(samples, sizeof(*lates)), *arms = table(samples, sizeof(*arms));
	int id = create(on_sample, 0);
	long long began;
	unsigned int i;

	for (i = 0; i < samples; i++) {
		told = false;
		/* Some 100 us, never the same. */
		began = now_ns();
		due = began + 100000 + i * 37 % 9973;
		set_at(id, due);
		arms[i] = now_ns() - began;
		while (!told)
			aem_evwait(NULL);
		if (late < 0)
			mismatch("a handler was early by ns: %lld", -late);
		lates[i] = late;
	}
	sort_figures(lates, samples);
	printf(",\"rearm\":%.0f,\"late\":{\"samples\":%u", median(arms, samples), samples);
	printf(",\"min\":%lld,\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld",
	       lates[0], lates[samples / 2], lates[samples * 9L / 10], lates[samples * 99L / 100],
	       lates[samples * 999L / 1000], lates[samples - 1]);
	print_histogram(lates);
	putchar('}');
	if (aemPOSIX_timer_delete(id) < 0)
		die("aemPOSIX_timer_delete");
}

/* All of them at once, when the last has been set. */
static void measure_expiry(void)
{
	unsigned int i;

	due = now_ns() + NSEC_PER_SEC + idle * 20000LL;
	for_each("rearmAll", due_one);
	if (now_ns() >= due)
		mismatch("setting the timers took too long, by ns: %lld", now_ns() - due);
	while (ran_count < idle)
		aem_evwait(NULL);
	printf(",\"expire\":%lld", (now_ns() - due) / idle);
	for (i = 0; i < idle; i++)
		if (ran[i] != 1)
			mismatch("expirations of a timer: %u", ran[i]);
}

static void measure(void)
{
	long before;

	timers = table(idle, sizeof(*timers));
	ran = table(idle, sizeof(*ran));
	if (aemTimer_init() < 0)
		die("/dev/aem-timer");
	before = free_kb();
	printf("{\"result\":{\"idle\":%u", idle);
	for_each("create", create_one);
	if (idle >= LEAST_FOR_BYTES)
		printf(",\"bytes\":%ld", (before - free_kb()) * 1024 / idle);
	for_each("arm", arm_one);
	measure_late();
	measure_expiry();
	for_each("delete", delete_one);
	puts("}}");
	fflush(stdout);
}

int main(int argc, char *argv[])
{
	unsigned int counts[MAX_COUNTS] = { 1, 1000, 100000, 1000000 }, plan = 4, i;
	char *rest = NULL;
	int option;

	while ((option = getopt(argc, argv, "i:s:")) >= 0) {
		if (option == 's')
			samples = strtoul(optarg, NULL, 10);
		else if (option == 'i')
			rest = optarg;
		else
			return 2;
	}
	if (rest)
		plan = read_counts(rest, counts, MAX_COUNTS);
	raise_limits();
	printf("{\"start\":{\"plan\":%u,\"nops\":%d,\"nopsNs\":%lld}}\n", plan, NOPS, time_nops());
	for (i = 0; i < plan; i++) {
		idle = counts[i] ?: 1;
		printf("{\"begin\":{\"idle\":%u}}\n", idle);
		measure_apart(measure);
	}
	puts("{\"end\":{}}");
	return 0;
}
