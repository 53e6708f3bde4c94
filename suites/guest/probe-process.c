// SPDX-License-Identifier: GPL-2.0-only
/* Threads, processes and signals. */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

/* A further thread; `cpu=N` is where it has to run. */
static void do_thread(const struct command *c)
{
	int tid = start_thread(word(c, "name"));
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number(c, "cpu", 0), &set);
	if (tid > 0 && given(c, "cpu") && sched_setaffinity(tid, sizeof(set), &set) < 0)
		tid = -1;
	answer(c, tid);
}

static void do_getppid(const struct command *c)
{
	answer(c, getppid());
}

/*
 * The calling thread becomes `uid`, with the capability `cap` alone or none.
 * By the system calls: the C library's functions are for all threads.
 */
static void do_become(const struct command *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };
	long id = number(c, "uid", 0), cap = number(c, "cap", -1);

	if (cap >= 0) {
		caps[cap / 32].permitted = 1u << cap % 32;
		caps[cap / 32].effective = 1u << cap % 32;
	}
	answer(c, prctl(PR_SET_KEEPCAPS, 1) < 0 ||
	       syscall(SYS_setresgid, id, id, id) < 0 ||
	       syscall(SYS_setresuid, id, id, id) < 0 ||
	       syscall(SYS_capset, &head, caps) < 0 ? -1 : 0);
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

static atomic_long signals_caught;

static void on_signal(int signo)
{
	struct message m = { 0 };
	int saved = errno;

	atomic_fetch_add(&signals_caught, 1);
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

/* How many signals were caught so far. */
static void do_signals(const struct command *c)
{
	answer(c, atomic_load(&signals_caught));
}

static void do_kill(const struct command *c)
{
	answer(c, syscall(SYS_tgkill, getpid(), number(c, "tid", getpid()),
			  number(c, "signal", 0)));
}

/* Kills another process, and tells when. */
static void do_slay(const struct command *c)
{
	struct message m = { 0 };
	int ret;

	put_number(&m, "t", now_ns());
	ret = kill(number(c, "pid", 0), SIGKILL);
	answer_with(c, ret, ret ? errno : 0, &m);
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

/* The child is what it is to be when it has said `ready`, and waits. */
static bool is_ready(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1)
		if (byte == '\n')
			return true;
	return false;
}

/* Starts `probe target HOW ARG` as a child: ret is its pid. */
static void do_child(const struct command *c)
{
	char *how = (char *)word(c, "how"), *arg = (char *)word(c, "arg");
	char *argv[] = { "probe", "target", how, arg, NULL };
	int gate[2], said[2];
	pid_t pid;

	if (pipe(gate) < 0 || pipe(said) < 0) {
		answer(c, -1);
		return;
	}
	pid = fork();
	if (!pid) {
		dup2(gate[0], 0);
		close(gate[1]);
		/* Its words are not the probe's. */
		dup2(said[1], 1);
		close(said[0]);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(gate[0]);
	close(said[1]);
	if (pid > 0 && (!is_ready(said[0]) || dup2(gate[1], 200 + number(c, "slot", 0)) < 0))
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
	{ "getppid", do_getppid },
	{ "become", do_become },
	{ "return", do_return },
	{ "exit", do_exit },
	{ "fork", do_fork },
	{ "exec", do_exec },
	{ "catch", do_catch },
	{ "signals", do_signals },
	{ "kill", do_kill },
	{ "slay", do_slay },
	{ "waitable", do_waitable },
	{ "reap", do_reap },
	{ "child", do_child },
	{ "let", do_let },
	{ }
};
