// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * exit-watch: watches a process that knows nothing of it, and says how it
 * ended: by itself, by a fault of its own, or by somebody's signal.
 *
 *	cc exit-watch.c $(pkg-config --cflags --libs aem) -o exit-watch
 *	./exit-watch PID
 *
 * Exit status: 0 when the process returned 0, 1 when it ended otherwise, 2
 * when it could not be watched.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <aem.h>

#define FAILED	2

static atomic_bool ended;
static atomic_int status;

/*
 * Interrupts main() anywhere, as a signal handler would, so it may use what
 * a signal handler may. It notes what happened, and main() goes on with it.
 */
static void on_exit_of(int event_id, int process_id, int exit_code)
{
	(void)event_id;
	(void)process_id;
	status = exit_code;
	ended = true;
}

static int fail(const char *what)
{
	fprintf(stderr, "exit-watch: %s: %s\n", what, strerror(errno));
	return FAILED;
}

/* The signals that the kernel sends for what a process itself does wrong. */
static bool is_fault(int sig)
{
	switch (sig) {
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

static int report(int pid, int how)
{
	if (WIFEXITED(how)) {
		printf("process %d returned %d\n", pid, WEXITSTATUS(how));
		return WEXITSTATUS(how) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	printf("process %d ended by %s %d: %s%s\n", pid,
	       is_fault(WTERMSIG(how)) ? "a fault, signal" : "signal",
	       WTERMSIG(how), strsignal(WTERMSIG(how)),
	       WCOREDUMP(how) ? ", core dumped" : "");
	return EXIT_FAILURE;
}

static int parse_pid(const char *text)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	return errno || end == text || *end || pid < 1 || pid > INT_MAX ?
		-1 : pid;
}

int main(int argc, char **argv)
{
	int pid = argc == 2 ? parse_pid(argv[1]) : -1;
	int id;

	if (pid < 0) {
		fputs("usage: exit-watch PID\n", stderr);
		return FAILED;
	}
	if (aemPEXIT_init() < 0)
		return fail("/dev/aem-pexit");
	id = aemPEXIT_notify_register(pid, on_exit_of);
	if (id < 0)
		return fail("cannot watch the process");
	if (aemCORE_event_start(id) < 0)
		return fail("cannot start the event");

	printf("watching process %d\n", pid);
	if (fflush(stdout))
		return fail("standard output");
	while (!ended) {
		/* EINTR: a signal, which does not concern us. */
		if (aem_evwait(NULL) < 0 && errno != EINTR)
			return fail("cannot wait for the event");
	}
	return report(pid, status);
}
