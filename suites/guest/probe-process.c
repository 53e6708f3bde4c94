// SPDX-License-Identifier: GPL-2.0-only
/* Threads, processes and signals. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static void do_thread(const struct command *c)
{
	int tid = start_thread(word(c, "name"));

	answer(c, tid);
}

static void do_thread_exit(const struct command *c)
{
	end_thread();
	answer(c, 0);
}

static void do_gettid(const struct command *c)
{
	answer(c, syscall(SYS_gettid));
}

/* Main returns: what follows is the C library's exit. */
static void do_return(const struct command *c)
{
	exit_status = number(c, "status", 0);
	end_thread();
	answer(c, 0);
}

static void do_exit(const struct command *c)
{
	answer(c, 0);
	if (given(c, "now"))
		_exit(number(c, "status", 0));
	exit(number(c, "status", 0));
}

/*
 * Forks a child that tries an operation on an event of its parent's and then
 * fires it, if told to: `control` and `fired` are what came of it. With
 * `stay` the child lives on, and `pid` is its.
 */
static void do_fork(const struct command *c)
{
	int eid = number(c, "eid", 0), result[3] = { 0 }, fds[2];
	struct message m = { 0 };
	pid_t pid;

	if (pipe(fds) < 0) {
		answer(c, -1);
		return;
	}
	pid = fork();
	if (!pid) {
		long before = atomic_load(&calls);

		result[0] = aem_evctl(eid, number(c, "opt", EVJOBSTOP), 0) < 0 ? errno : 0;
		result[1] = fire_event(eid, 0, 1, NULL, 0) < 0 ? errno : 0;
		/* It has passed the kernel, so a handler would have run. */
		result[2] = atomic_load(&calls) - before;
		if (write(fds[1], result, sizeof(result)) < 0)
			_exit(1);
		if (given(c, "stay"))
			pause();
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], result, sizeof(result)) != sizeof(result)) {
		answer(c, -1);
		return;
	}
	close(fds[0]);
	if (!given(c, "stay"))
		waitpid(pid, NULL, 0);
	put_number(&m, "pid", pid);
	put_string(&m, "control", result[0] ? strerrorname_np(result[0]) : "");
	put_string(&m, "fired", result[1] ? strerrorname_np(result[1]) : "");
	put_number(&m, "ran", result[2]);
	answer_with(c, 0, 0, &m);
}

/* Becomes a fresh probe, or another program. */
static void do_exec(const struct command *c)
{
	const char *path = word(c, "path") ?: "/proc/self/exe";
	char *argv[] = { (char *)path, (char *)word(c, "arg"), NULL };

	if (!given(c, "path"))
		argv[0] = "probe";
	execvp(path, argv);
	answer(c, -1);
}

static void on_signal(int signo)
{
	struct message m = { 0 };
	int saved = errno;

	put_text(&m, "{");
	put_number(&m, "signal", signo);
	put_number(&m, "tid", syscall(SYS_gettid));
	send_message(&m);
	errno = saved;
}

/* `catch signal=N [restart=1] [ignore=1]` */
static void do_catch(const struct command *c)
{
	struct sigaction sa = {
		.sa_handler = given(c, "ignore") ? SIG_IGN : on_signal,
		.sa_flags = given(c, "restart") ? SA_RESTART : 0,
	};

	answer(c, sigaction(number(c, "signal", 0), &sa, NULL));
}

static void do_kill(const struct command *c)
{
	answer(c, syscall(SYS_tgkill, getpid(), number(c, "tid", getpid()),
			  number(c, "signal", 0)));
}

/* Is the child waitable, and with which status? It stays waitable. */
static void do_waitable(const struct command *c)
{
	struct message m = { 0 };
	siginfo_t info = { 0 };
	int ret;

	ret = waitid(P_PID, number(c, "pid", 0), &info, WEXITED | WNOHANG | WNOWAIT);
	put_number(&m, "pid", info.si_pid);
	put_number(&m, "code", info.si_code);
	put_number(&m, "status", info.si_status);
	answer_with(c, ret, ret < 0 ? errno : 0, &m);
}

static void do_reap(const struct command *c)
{
	int status = 0;
	pid_t pid = waitpid(number(c, "pid", -1), &status, 0);

	answer(c, pid < 0 ? -1 : status);
}

/* Starts `probe target HOW ARG` as a child: ret is its pid. */
static void do_child(const struct command *c)
{
	char *how = (char *)word(c, "how"), *arg = (char *)word(c, "arg");
	char *argv[] = { "probe", "target", how, arg, NULL };
	int gate[2];
	pid_t pid;

	if (pipe(gate) < 0) {
		answer(c, -1);
		return;
	}
	pid = given(c, "vfork") ? vfork() : fork();
	if (!pid) {
		dup2(gate[0], 0);
		close(gate[1]);
		/* Its words are not the probe's. */
		dup2(2, 1);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(gate[0]);
	if (pid > 0 && dup2(gate[1], 200 + number(c, "slot", 0)) < 0)
		pid = -1;
	close(gate[1]);
	answer(c, pid);
}

/* Lets the child of a slot end. */
static void do_let(const struct command *c)
{
	answer(c, write(200 + number(c, "slot", 0), "\n", 1) == 1 ? 0 : -1);
}

const struct verb process_verbs[] = {
	{ "thread", do_thread },
	{ "thread-exit", do_thread_exit },
	{ "gettid", do_gettid },
	{ "return", do_return },
	{ "exit", do_exit },
	{ "fork", do_fork },
	{ "exec", do_exec },
	{ "catch", do_catch },
	{ "kill", do_kill },
	{ "waitable", do_waitable },
	{ "reap", do_reap },
	{ "child", do_child },
	{ "let", do_let },
	{ }
};
