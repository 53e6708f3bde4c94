// SPDX-License-Identifier: GPL-2.0-only
/*
 * `probe target HOW [ARG]`: a process that ends in the way it is told, for
 * those that watch it. It says `ready`, waits for a line on stdin, and ends.
 * It does not use libaem.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static long arg;
static const char *text;

static void wait_for_line(void)
{
	char byte;
	ssize_t n;

	do {
		n = read(0, &byte, 1);
	} while ((n < 0 && errno == EINTR) || (n == 1 && byte != '\n'));
}

/* Waits until the other side of a pipe is written to or closed. */
static void wait_for(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

static void say(const char *what, long value)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s %ld\n", what, value);

	if (write(1, line, len) < 0)
		_exit(99);
}

static void ready(void)
{
	say("ready", getpid());
	wait_for_line();
}

static int end_return(void)
{
	ready();
	return arg;
}

static int end_exit(void)
{
	ready();
	exit(arg);
}

/*
 * A child for each status of a range, `FROM-TO`: `child PID` each, in that
 * order. They end all at once, and `reaped COUNT` is said afterwards.
 */
static int crowd(bool by_exit)
{
	long from = arg, to = strchr(text, '-') ? atol(strchr(text, '-') + 1) : arg;
	int gate[2];
	long status;
	pid_t pid;

	if (pipe(gate) < 0)
		return 98;
	for (status = from; status <= to; status++) {
		pid = fork();
		if (!pid) {
			close(gate[1]);
			wait_for(gate[0]);
			if (by_exit)
				exit(status);
			return status;
		}
		say("child", pid);
	}
	close(gate[0]);
	ready();
	close(gate[1]);
	while (wait(NULL) > 0)
		;
	say("reaped", to - from + 1);
	wait_for_line();
	return 0;
}

static int end_returns(void)
{
	return crowd(false);
}

static int end_exits(void)
{
	return crowd(true);
}

static int end_signal(void)
{
	struct rlimit none = { 0 };

	setrlimit(RLIMIT_CORE, &none);
	ready();
	kill(getpid(), arg);
	return 99;
}

/* By a signal that dumps core, with room for it and a place to put it. */
static int end_core(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &all);
	if (chdir("/tmp") < 0)
		return 98;
	ready();
	abort();
}

static int end_segv(void)
{
	struct rlimit none = { 0 };

	setrlimit(RLIMIT_CORE, &none);
	ready();
	*(volatile int *)arg = 1;
	return 99;
}

static int end_ill(void)
{
	struct rlimit none = { 0 };

	setrlimit(RLIMIT_CORE, &none);
	ready();
	__asm__ volatile("ud2");
	return 99;
}

static int end_fpe(void)
{
	struct rlimit none = { 0 };
	/* Both: what divides a constant may come without a division. */
	volatile int zero = 0, one = 1;

	setrlimit(RLIMIT_CORE, &none);
	ready();
	return one / zero;
}

static int end_bus(void)
{
	struct rlimit none = { 0 };
	int fd = memfd_create("bus", MFD_CLOEXEC);
	volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	setrlimit(RLIMIT_CORE, &none);
	ready();
	*page = 1;
	return 99;
}

static void *exit_from_thread(void *unused)
{
	(void)unused;
	ready();
	syscall(SYS_exit_group, arg);
	return NULL;
}

/* exit_group() from a thread that is not the first. */
static int end_thread_exit(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_from_thread, NULL);
	for (;;)
		pause();
	return 0;
}

static pthread_barrier_t both;
/* No thread ends the process: each ends itself. */
static bool each_alone;

static void *last_thread(void *unused)
{
	char path[64], state = 0;
	FILE *f;

	(void)unused;
	ready();
	pthread_barrier_wait(&both);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'Z') {
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		sched_yield();
	}
	say("alone", syscall(SYS_gettid));
	wait_for_line();
	if (each_alone)
		syscall(SYS_exit, arg);
	exit(arg);
}

/* The first thread ends at the first line, `alone TID`, the last at the next. */
static int end_leader_first(void)
{
	pthread_t thread;

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&thread, NULL, last_thread, NULL);
	pthread_barrier_wait(&both);
	syscall(SYS_exit, 0);
	return 99;
}

/* As before, each by the system call that ends one thread: the last one's status counts. */
static int end_one_by_one(void)
{
	each_alone = true;
	return end_leader_first();
}

/* Becomes another program, which waits in the same way. */
static int end_exec(void)
{
	ready();
	execl("/proc/self/exe", "probe", "target", "return", text, NULL);
	return 99;
}

static void *exec_from_thread(void *unused)
{
	(void)unused;
	end_exec();
	return NULL;
}

static int end_thread_exec(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exec_from_thread, NULL);
	for (;;)
		pause();
	return 0;
}

/* Fills its control group; the test set a limit to that. */
static int end_oom(void)
{
	size_t step = 1 << 20;
	char *block;

	ready();
	for (;;) {
		block = mmap(NULL, step, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (block == MAP_FAILED)
			return 98;
		memset(block, 1, step);
	}
}

static int end_undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	return end_return();
}

static void *idle_thread(void *unused)
{
	(void)unused;
	say("thread", syscall(SYS_gettid));
	pthread_barrier_wait(&both);
	for (;;)
		pause();
	return NULL;
}

/* Has a second thread, whose id it tells. */
static int end_threaded(void)
{
	pthread_t thread;

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&thread, NULL, idle_thread, NULL);
	pthread_barrier_wait(&both);
	return end_return();
}

/* A child that has ended and is not waited for: `zombie PID`. */
static int end_zombie(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(arg);
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	say("zombie", pid);
	return end_return();
}

/*
 * Its child, `child PID`, is reaped by the kernel: `gone PID`. With the
 * argument's status the child ends.
 */
static int end_autoreap(void)
{
	int gate[2];
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	if (pipe(gate) < 0)
		return 98;
	pid = fork();
	if (!pid) {
		close(gate[1]);
		wait_for(gate[0]);
		_exit(arg);
	}
	close(gate[0]);
	say("child", pid);
	ready();
	close(gate[1]);
	/* ECHILD, but only when there is no child left. */
	waitpid(pid, NULL, 0);
	say("gone", pid);
	wait_for_line();
	return 0;
}

/* The parent of a child that ends when the gate is opened, and its reaper. */
static void __attribute__((noreturn)) mind_child(const int gate[2], int tell)
{
	pid_t pid = fork();

	if (!pid) {
		close(gate[1]);
		wait_for(gate[0]);
		_exit(arg);
	}
	close(gate[1]);
	if (write(tell, &pid, sizeof(pid)) < 0)
		_exit(97);
	waitpid(pid, NULL, 0);
	_exit(0);
}

/*
 * Another process's child, `child PID`, is attached to at the first line and
 * stopped: `stopped PID`. It ends at the next line; the tracer waits for it,
 * then its parent: `reaped PID`.
 */
static int end_traced(void)
{
	int gate[2], tell[2], status;
	pid_t pid, parent;

	if (pipe(gate) < 0 || pipe(tell) < 0)
		return 98;
	parent = fork();
	if (!parent)
		mind_child(gate, tell[1]);
	if (read(tell[0], &pid, sizeof(pid)) != sizeof(pid))
		return 97;
	say("child", pid);
	ready();
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 ||
	    waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
		return 96;
	say("stopped", pid);
	wait_for_line();
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	close(gate[0]);
	close(gate[1]);
	waitpid(pid, &status, __WALL);
	waitpid(parent, NULL, 0);
	say("reaped", pid);
	wait_for_line();
	return 0;
}

static int clone_body(void *unused)
{
	(void)unused;
	ready();
	/* Not exit(): the memory is the parent's. */
	syscall(SYS_exit_group, arg);
	return 0;
}

/* A child with its parent's memory and no exit signal: `ready PID`. */
static int end_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid;

	pid = clone(clone_body, stack + sizeof(stack), CLONE_VM, NULL);
	waitpid(pid, NULL, __WALL);
	say("reaped", pid);
	wait_for_line();
	return 0;
}

/* A child by vfork(), which does not exec: `ready PID`. */
static int end_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		ready();
		_exit(arg);
	}
	waitpid(pid, NULL, 0);
	say("reaped", pid);
	wait_for_line();
	return 0;
}

/* Runs a command in a new pid namespace: its status is this one's. */
static int end_namespace(void)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		return 98;
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "probe", text, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/* A child with a pid of the test's choice: `child PID`. It returns 77. */
static int end_pid(void)
{
	pid_t wanted = arg, pid;
	struct clone_args how = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&wanted,
		.set_tid_size = 1,
	};
	int gate[2];

	if (pipe(gate) < 0)
		return 98;
	pid = syscall(SYS_clone3, &how, sizeof(how));
	if (pid < 0) {
		perror("clone3");
		return 97;
	}
	if (!pid) {
		close(gate[1]);
		wait_for(gate[0]);
		_exit(77);
	}
	say("child", pid);
	ready();
	close(gate[1]);
	waitpid(pid, NULL, 0);
	say("reaped", pid);
	wait_for_line();
	return 0;
}

/*
 * A probe whose parent can be watched: that ends at SIGTERM, and the probe's
 * output says then `{"did":"reap"}`.
 */
static int end_parent(void)
{
	static const char did[] = "{\"did\":\"reap\"}\n";
	pid_t parent = fork();

	if (!parent) {
		if (!fork()) {
			execl("/proc/self/exe", "probe", NULL);
			_exit(127);
		}
		for (;;)
			pause();
	}
	waitpid(parent, NULL, 0);
	if (write(1, did, sizeof(did) - 1) < 0)
		return 98;
	for (;;)
		pause();
}

static const struct {
	const char *how;
	int (*end)(void);
} ends[] = {
	{ "return", end_return },
	{ "exit", end_exit },
	{ "returns", end_returns },
	{ "exits", end_exits },
	{ "signal", end_signal },
	{ "core", end_core },
	{ "segv", end_segv },
	{ "ill", end_ill },
	{ "fpe", end_fpe },
	{ "bus", end_bus },
	{ "thread-exit", end_thread_exit },
	{ "leader-first", end_leader_first },
	{ "one-by-one", end_one_by_one },
	{ "exec", end_exec },
	{ "thread-exec", end_thread_exec },
	{ "oom", end_oom },
	{ "undumpable", end_undumpable },
	{ "threaded", end_threaded },
	{ "zombie", end_zombie },
	{ "autoreap", end_autoreap },
	{ "traced", end_traced },
	{ "clone", end_clone },
	{ "vfork", end_vfork },
	{ "namespace", end_namespace },
	{ "pid", end_pid },
	{ "parent", end_parent },
};

int target_main(int argc, char *argv[])
{
	size_t i;

	text = argc > 1 ? argv[1] : NULL;
	arg = text ? strtol(text, NULL, 0) : 0;
	for (i = 0; argc > 0 && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(ends[i].how, argv[0]))
			return ends[i].end();
	fprintf(stderr, "probe target: how?\n");
	return 2;
}
