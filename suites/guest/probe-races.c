// SPDX-License-Identifier: GPL-2.0-only
/* What meets at a bad time, made to meet each time or often enough. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static __thread sigjmp_buf surface;
static __thread sigjmp_buf below;
static int raised_by_signal[2];

void back_to_surface(void)
{
	siglongjmp(surface, 1);
}

void back_below(void)
{
	siglongjmp(below, 1);
}

/* Far down the stack: whatever the thread does next is above. */
static __attribute__((noinline)) int dive(int eid)
{
	volatile char deep[32768];
	int ret;

	deep[0] = 0;
	ret = fire_event(eid, 0, 1, NULL, 0);
	deep[sizeof(deep) - 1] = deep[0];
	return ret;
}

static int signal_self(int signo)
{
	return syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signo);
}

/*
 * `dive eid= [signal=]`: raises it; its handler comes back by `surface`. Then
 * a signal: `ran` is how many handlers have by the time that it was handled.
 */
static void do_dive(const struct command *c)
{
	static __thread long before;
	struct message m = { 0 };

	before = atomic_load(&calls);
	if (!sigsetjmp(surface, 1)) {
		dive(number(c, "eid", 0));
		fail(c, ETIME);
		return;
	}
	handler_depth = 0;
	if (given(c, "signal") && signal_self(number(c, "signal", 0)) < 0) {
		answer(c, -1);
		return;
	}
	put_number(&m, "ran", atomic_load(&calls) - before);
	answer_with(c, 0, 0, &m);
}

/*
 * `both eid= signal=`: an event and a signal for the calling thread, while it
 * waits for its child to be gone: it finds both where it goes on. `ran` is how
 * many handlers have run then.
 */
static void do_both(const struct command *c)
{
	int tid = syscall(SYS_gettid), eid = number(c, "eid", 0);
	long ran, before = atomic_load(&calls);
	int signo = number(c, "signal", 0);
	struct message m = { 0 };
	pid_t pid = vfork();

	if (!pid) {
		if (fire_event(eid, 0, 1, NULL, 0) < 0)
			_exit(1);
		_exit(syscall(SYS_tgkill, getppid(), tid, signo) < 0);
	}
	ran = atomic_load(&calls) - before;
	if (pid < 0 || waitpid(pid, NULL, 0) < 0) {
		answer(c, -1);
		return;
	}
	put_number(&m, "ran", ran);
	answer_with(c, 0, 0, &m);
}

static void on_signal_stack(int signo)
{
	long before;

	(void)signo;
	if (sigsetjmp(below, 1))
		handler_depth = 0;
	else
		fire_event(raised_by_signal[0], 0, 1, NULL, 0);
	if (raised_by_signal[1]) {
		before = atomic_load(&calls);
		fire_event(raised_by_signal[1], 0, 1, NULL, 0);
		tell("handled", raised_by_signal[1], atomic_load(&calls) - before);
	}
}

static void leave_from_signal(int signo)
{
	(void)signo;
	leave_handlers();
}

/*
 * On the first of `stacks` SIGUSR1 raises `eid` and, when that has been left
 * by `below`, `then`. Without `eid` it leaves all handlers.
 */
static void do_on_signal(const struct command *c)
{
	struct sigaction sa = {
		.sa_handler = given(c, "eid") ? on_signal_stack : leave_from_signal,
		.sa_flags = SA_ONSTACK,
	};

	raised_by_signal[0] = number(c, "eid", 0);
	raised_by_signal[1] = number(c, "then", 0);
	answer(c, use_signal_stack() < 0 || sigaction(SIGUSR1, &sa, NULL) < 0 ? -1 : 0);
}

static atomic_long round_begun;
static int round_event;

static void round_handler(int eid, char *data, int len, unsigned long cookie)
{
	(void)eid;
	(void)data;
	(void)len;
	(void)cookie;
}

/* Raises the event once a round, a little later each time. */
static void *raise_each_round(void *arg)
{
	long i, rounds = (long)arg;
	volatile long wait;

	for (i = 1; i <= rounds; i++) {
		while (atomic_load(&round_begun) < i)
			sched_yield();
		for (wait = i * 61 % 4096; wait; wait--)
			;
		fire_event(round_event, 0, 1, NULL, 0);
	}
	return NULL;
}

/*
 * `rounds count=N ms=M`: that often the calling thread waits for a handler,
 * while another raises its event. In how many rounds one had run.
 */
static void do_rounds(const struct command *c)
{
	long i, count = number(c, "count", 1), ms = number(c, "ms", 0), ran = 0;
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	pthread_t raiser;

	round_event = aemEXAMPLE_register(round_handler, 0, 0);
	if (round_event < 0 || aemCORE_event_start(round_event) < 0 ||
	    pthread_create(&raiser, NULL, raise_each_round, (void *)count)) {
		answer(c, -1);
		return;
	}
	for (i = 1; i <= count; i++) {
		atomic_store(&round_begun, i);
		ran += aem_evwait(&t) == 1;
	}
	pthread_join(raiser, NULL);
	answer(c, ran);
}

const struct verb race_verbs[] = {
	{ "dive", do_dive },
	{ "both", do_both },
	{ "on-signal", do_on_signal },
	{ "rounds", do_rounds },
	{ }
};
