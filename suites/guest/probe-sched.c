// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where threads run, and who of them runs first. Masks are numbers, a bit a
 * CPU; times are of a thread's CPU time, which passes only while it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

/* Of sched_setattr(2): the kernel's header does not go together with <sched.h>. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* Who is busy is so until the next turn. */
static atomic_int turn;
static atomic_long steps;	/* of all who are busy */
static int doze_pipe[2] = { -1, -1 };

/* As pthread_getcpuclockid(), by the thread's id. */
static clockid_t clock_of_thread(int tid)
{
	return ~(clockid_t)tid << 3 | 6;
}

void spend(long us)
{
	long until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + us * 1000;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
		;
}

static int allow(int tid, unsigned long mask)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	for (cpu = 0; mask; cpu++, mask >>= 1)
		if (mask & 1)
			CPU_SET(cpu, &set);
	return sched_setaffinity(tid, sizeof(set), &set);
}

/* `pin cpus=MASK`: the calling thread may run there. */
static void do_pin(const struct command *c)
{
	answer(c, allow(0, number(c, "cpus", 1)));
}

static int move(const struct command *c)
{
	return allow(0, 1UL << number(c, "home", 0)) ?: allow(0, number(c, "cpus", 1));
}

/*
 * `rest home=CPU cpus=MASK`: the calling thread waits for its next command on
 * one CPU, and may run on others. Moved again when it has answered, which may
 * have taken it elsewhere; also that may fail to keep it there.
 */
static void do_rest(const struct command *c)
{
	answer(c, move(c));
	move(c);
}

static const struct {
	const char *name;
	unsigned int policy;
} policies[] = {
	{ "other", SCHED_OTHER },
	{ "batch", SCHED_BATCH },
	{ "fifo", SCHED_FIFO },
	{ "rr", SCHED_RR },
	{ "deadline", SCHED_DEADLINE },
};

/*
 * Bandwidth of SCHED_DEADLINE that a thread had comes back up to a period after
 * its end: EBUSY until then.
 */
static int set_policy(const struct attr *attr)
{
	const struct timespec shortly = { .tv_nsec = 10 * 1000 * 1000 };
	long long until = now_ns() + 5 * (long long)attr->period;
	int ret;

	for (;;) {
		ret = syscall(SYS_sched_setattr, 0, attr, 0);
		if (!ret || errno != EBUSY || now_ns() > until)
			return ret;
		nanosleep(&shortly, NULL);
	}
}

/* `policy name= [nice=]`: of the calling thread. */
static void do_policy(const struct command *c)
{
	struct attr attr = { .size = sizeof(attr), .nice = number(c, "nice", 0) };
	const char *name = word(c, "name");
	size_t i;

	for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (!strcmp(policies[i].name, name))
			attr.policy = policies[i].policy;
	if (attr.policy == SCHED_FIFO || attr.policy == SCHED_RR) {
		attr.priority = 10;
	} else if (attr.policy == SCHED_DEADLINE) {
		/* More than it uses on the slowest machine: it is not to be throttled. */
		attr.runtime = 3600000000;
		attr.deadline = 4000000000;
		attr.period = 4000000000;
	}
	answer(c, set_policy(&attr));
}

/* `busy`: computes until `relax`; ret is in how many steps. */
static void do_busy(const struct command *c)
{
	int mine = atomic_load(&turn);
	long done = 0;

	tell("busy", 0, 0);
	while (atomic_load(&turn) == mine) {
		atomic_fetch_add(&steps, 1);
		done++;
	}
	answer(c, done);
}

static void do_relax(const struct command *c)
{
	answer(c, atomic_fetch_add(&turn, 1));
}

/*
 * `storm eid= [ahead=N]`: raises it again and again until `relax`; so many times
 * ahead of the handlers of its process at most.
 */
static void do_storm(const struct command *c)
{
	int mine = atomic_load(&turn), eid = number(c, "eid", 0);
	long raised = 0, ret = 0, ahead = number(c, "ahead", 0);
	struct message m = { 0 };

	tell("storm", 0, 0);
	while (atomic_load(&turn) == mine && !ret) {
		if (ahead && raised - atomic_load(&calls) >= ahead) {
			sched_yield();
			continue;
		}
		ret = fire_event(eid, 0, 1, NULL, 0);
		raised++;
	}
	put_number(&m, "raised", raised);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

static bool make_doze_pipe(void)
{
	return doze_pipe[0] >= 0 || !pipe2(doze_pipe, O_CLOEXEC);
}

/* `doze`: sleeps, but for each byte that `provoke wake=1` writes, until `wake`. */
static void do_doze(const struct command *c)
{
	char byte = 0;
	long woken = 0;

	if (!make_doze_pipe()) {
		answer(c, -1);
		return;
	}
	tell("doze", 0, 0);
	while (read(doze_pipe[0], &byte, 1) == 1 && byte == 'x')
		woken++;
	answer(c, woken);
}

static void do_wake(const struct command *c)
{
	answer(c, write(doze_pipe[1], "", 1));
}

/* One of SCHED_BATCH preempts nobody when it is woken up: what wakes it goes on, and it waits. */
static bool wake_to_wait(int tid)
{
	const struct sched_param none = { 0 };

	return !sched_setscheduler(tid, SCHED_BATCH, &none) && write(doze_pipe[1], "x", 1) == 1 &&
	       !sched_setscheduler(tid, SCHED_OTHER, &none);
}

static char state_of(int tid)
{
	char path[64], text[512], *at;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return '?';
	text[len] = '\0';
	/* Behind the name, which may have anything in it. */
	at = strrchr(text, ')');
	return at ? at[2] : '?';
}

static void await_sleep(int tid)
{
	static const struct timespec pause = { 0, 1000000 };

	/* Asleep meanwhile: the one that is waited for may be less urgent. */
	while (state_of(tid) != 'S')
		nanosleep(&pause, NULL);
}

/*
 * From here on the caller has the CPU for a slice, by what the scheduler does
 * with equals: another one that is busy there has just run.
 */
static void await_turn(void)
{
	long before = atomic_load(&steps);

	while (atomic_load(&steps) == before)
		;
}

/* Raises two in one system call: on its way out the caller would see to its own. */
static int fire_both(int own, int eid)
{
	struct aem_example_fire fires[] = {
		{ .eid = own, .count = 1 },
		{ .eid = eid, .count = 1 },
	};
	const struct iovec parts[] = {
		{ &fires[0], sizeof(fires[0]) },
		{ &fires[1], sizeof(fires[1]) },
	};
	int fd = open("/dev/aem-example", O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = writev(fd, parts, 2);
	close(fd);
	return written == sizeof(fires) ? 0 : -1;
}

/*
 * Did the thread run before the system call that raised its event returned? Not
 * whether its handler has ended: on a slow machine its slice may be over first.
 * Negative: it was to wait for its turn when its event is raised, and has run as
 * soon as it was woken up.
 */
static int provoke(const struct command *c, int tid, long *ran)
{
	clockid_t clock = clock_of_thread(tid);
	long before;

	await_sleep(tid);
	/* Longer than it has run since the last time: it is owed its turn. */
	before = *ran;
	*ran = clock_ns(clock);
	spend(number(c, "spend", 2000) + 2 * (*ran - before) / 1000);
	if (number(c, "turn", 1))
		await_turn();
	/* To the CPU on which the caller has woken up, and sleeps no more. */
	if (number(c, "fetch", 0) && allow(tid, 1UL << sched_getcpu()))
		return 0;
	before = clock_ns(clock);
	if (number(c, "wake", 0) && !wake_to_wait(tid))
		return 0;
	if (clock_ns(clock) != before)
		return -1;
	if (number(c, "own", 0))
		fire_both(number(c, "own", 0), number(c, "eid", 0));
	else
		fire_event(number(c, "eid", 0), 0, 1, NULL, 0);
	return clock_ns(clock) != before;
}

/*
 * `provoke eid= tid= rounds=N [wake=1] [turn=0] [fetch=1] [own=EID]`: raises
 * another thread's event while that sleeps, or has just been woken up by
 * something else and waits for its turn; right before it one of the caller's own.
 * In how many rounds it was `first`: it ran before the caller went on. A round in
 * which it does not wait is made again: `tries`.
 */
static void do_provoke(const struct command *c)
{
	long i = 0, tries = 0, first = 0, ran = 0, rounds = number(c, "rounds", 1);
	int tid = number(c, "tid", 0), ret = 0, was;
	struct message m = { 0 };

	if (number(c, "wake", 0) && !make_doze_pipe())
		ret = -1;
	for (; i < rounds && tries < 5 * rounds && !ret; tries++) {
		was = provoke(c, tid, &ran);
		if (was >= 0) {
			first += was;
			i++;
		}
	}
	/* What it has raised last has run, too. */
	await_sleep(tid);
	put_number(&m, "first", first);
	put_number(&m, "tries", tries);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

/*
 * `cpu-times first=TID second=TID`: what both have taken by now, in
 * microseconds; read at one time, however slow the machine is.
 */
static void do_cpu_times(const struct command *c)
{
	clockid_t one = clock_of_thread(number(c, "first", 0));
	clockid_t other = clock_of_thread(number(c, "second", 0));
	long first, second;
	struct message m = { 0 };

	do {
		first = clock_ns(one);
		second = clock_ns(other);
	} while (clock_ns(one) - first + clock_ns(other) - second > 1000000);
	put_number(&m, "first", first / 1000);
	put_number(&m, "second", second / 1000);
	answer_with(c, 0, 0, &m);
}

const struct verb sched_verbs[] = {
	{ "pin", do_pin },
	{ "rest", do_rest },
	{ "policy", do_policy },
	{ "busy", do_busy },
	{ "relax", do_relax },
	{ "storm", do_storm },
	{ "doze", do_doze },
	{ "wake", do_wake },
	{ "provoke", do_provoke },
	{ "cpu-times", do_cpu_times },
	{ }
};
