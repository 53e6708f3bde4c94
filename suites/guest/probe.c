// SPDX-License-Identifier: GPL-2.0-only
/* The probe's threads and the way of a command; see probe.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

#define MAX_THREADS	64

struct worker {
	char name[16];
	int commands[2];
	pthread_t thread;
	atomic_int tid;
};

static struct worker workers[MAX_THREADS];
static atomic_int worker_count;
static __thread bool leaving;
static __thread sigjmp_buf command_loop;

int exit_status;
char *own_stack;

static const struct verb *const tables[] = {
	event_verbs, delivery_verbs, call_verbs, state_verbs, process_verbs,
	handler_verbs, seccomp_verbs, thread_verbs, fault_verbs, race_verbs,
	timer_verbs, fd_verbs, sched_verbs, ip_verbs, flood_verbs, mail_verbs,
	tipc_verbs, net_verbs,
	native_verbs, uring_verbs, native_timer_verbs, native_process_verbs, native_file_verbs,
	native_limit_verbs, native_tipc_verbs, native_socket_verbs,
};

const char *word(const struct command *c, const char *key)
{
	size_t len = strlen(key);
	int i;

	for (i = 0; i < c->count; i++)
		if (!strncmp(c->words[i], key, len) && c->words[i][len] == '=')
			return c->words[i] + len + 1;
	return NULL;
}

bool given(const struct command *c, const char *key)
{
	return !!word(c, key);
}

long number(const struct command *c, const char *key, long otherwise)
{
	const char *text = word(c, key);

	return text ? strtol(text, NULL, 0) : otherwise;
}

static void run(struct command *c)
{
	const struct verb *v;
	size_t i;

	for (i = 0; c->count && i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (v = tables[i]; v->name; v++) {
			if (strcmp(v->name, c->words[0]))
				continue;
			if (begin_fault(c))
				v->run(c);
			else
				fail(c, EOPNOTSUPP);
			return;
		}
	}
	/* No kernel says this of a facility. */
	fail(c, EBADRQC);
}

static void split(struct command *c)
{
	char *rest = c->line, *piece;

	c->count = 0;
	c->id = strtol(strsep(&rest, " ") ?: "0", NULL, 10);
	while ((piece = strsep(&rest, " ")) && c->count < MAX_WORDS)
		if (*piece)
			c->words[c->count++] = piece;
}

/* What there is, of which there is some, or 0 at the end. */
static size_t read_some(int fd, char *text, size_t size)
{
	ssize_t n;

	/* A line is longer than any. */
	if (!size)
		_exit(94);
	do {
		n = read(fd, text, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		_exit(94);
	return n;
}

/* The pipe keeps lines apart: a read takes no more than one. */
static bool read_command(int fd, char *line, size_t size)
{
	size_t n, len = 0;

	while ((n = read_some(fd, line + len, size - len))) {
		len += n;
		/* A long one comes in pieces. */
		if (line[len - 1] == '\n') {
			line[len - 1] = '\0';
			return true;
		}
	}
	return false;
}

static void work(struct worker *w)
{
	static __thread struct command c;

	atomic_store(&w->tid, syscall(SYS_gettid));
	/* Whoever comes here again has left its handlers. */
	if (sigsetjmp(command_loop, 1))
		handler_depth = 0;
	while (!leaving && read_command(w->commands[0], c.line, sizeof(c.line))) {
		split(&c);
		/* The thread's name: it is here. */
		memmove(c.words, c.words + 1, --c.count * sizeof(c.words[0]));
		run(&c);
	}
}

void leave_handlers(void)
{
	siglongjmp(command_loop, 1);
}

static void *work_thread(void *arg)
{
	work(arg);
	return NULL;
}

static struct worker *add_worker(const char *name)
{
	struct worker *w = &workers[atomic_load(&worker_count)];

	snprintf(w->name, sizeof(w->name), "%s", name);
	if (pipe2(w->commands, O_DIRECT) < 0)
		return NULL;
	atomic_fetch_add(&worker_count, 1);
	return w;
}

/* Returns the new thread's id, or -1 with errno. */
int start_thread(const char *name)
{
	struct worker *w = add_worker(name);
	int error;

	if (!w)
		return -1;
	error = pthread_create(&w->thread, NULL, work_thread, w);
	if (error) {
		errno = error;
		return -1;
	}
	while (!atomic_load(&w->tid))
		sched_yield();
	return atomic_load(&w->tid);
}

/* The calling thread ends after the command that it runs. */
void end_thread(void)
{
	leaving = true;
}

static struct worker *find_worker(const char *name)
{
	int i;

	/* The last of its name: an earlier one may have ended. */
	for (i = atomic_load(&worker_count) - 1; i >= 0; i--)
		if (!strcmp(workers[i].name, name))
			return &workers[i];
	return NULL;
}

static void hand_out(const char *line, struct command *c)
{
	char copy[sizeof(c->line)];
	struct worker *w;
	int len;

	snprintf(c->line, sizeof(c->line), "%s", line);
	split(c);
	if (!c->count) {
		fail(c, EBADMSG);
		return;
	}
	if (!strcmp(c->words[0], "@io")) {
		memmove(c->words, c->words + 1, --c->count * sizeof(c->words[0]));
		run(c);
		return;
	}
	if (*c->words[0] == '@') {
		w = find_worker(c->words[0] + 1);
		len = snprintf(copy, sizeof(copy), "%s\n", line);
	} else {
		w = &workers[0];
		len = snprintf(copy, sizeof(copy), "%ld @main %s\n", c->id,
			       strchr(line, ' ') + 1);
	}
	if (!w)
		fail(c, ESRCH);
	else if (write(w->commands[1], copy, len) < 0)
		answer(c, -1);
}

/* Hands out what is whole of @text, and returns what is left of it. */
static size_t hand_out_lines(char *text, size_t len)
{
	static struct command c;
	char *line = text, *end;

	while ((end = memchr(line, '\n', text + len - line))) {
		*end = '\0';
		hand_out(line, &c);
		line = end + 1;
	}
	len -= line - text;
	memmove(text, line, len);
	return len;
}

/* Signals are for the other threads. */
static void *serve_stdin(void *arg)
{
	static char text[MAX_LINE];
	size_t n, len = 0;

	(void)arg;
	while ((n = read_some(0, text + len, sizeof(text) - len)))
		len = hand_out_lines(text, len + n);
	/* The test has gone. */
	_exit(0);
}

static void start_io(void)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, serve_stdin, NULL))
		_exit(98);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The stack that is needed from here on is there, whatever limit is set later. */
static __attribute__((noinline)) void grow_stack(void)
{
	volatile char stack[128 * 1024], *lowest = stack;

	*lowest = 0;
}

static const struct {
	const char *name;
	int (*main)(int argc, char *argv[]);
} roles[] = {
	{ "target", target_main },
	{ "tracer", tracer_main },
	{ "debugger", debugger_main },
	{ "inside", inside_main },
	{ "beside", beside_main },
	{ "clocks", clocks_main },
};

int main(int argc, char *argv[])
{
	struct message m = { 0 };
	char stack[STACK_SIZE];
	struct worker *w;
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (!strcmp(argv[1], roles[i].name))
			return roles[i].main(argc - 2, argv + 2);
	w = add_worker("main");
	if (!w)
		return 97;
	w->thread = pthread_self();
	start_io();
	put_text(&m, "{");
	put_number(&m, "ready", getpid());
	send_message(&m);
	own_stack = stack;
	grow_stack();
	work(w);
	own_stack = NULL;
	return exit_status;
}
