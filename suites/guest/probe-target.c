// SPDX-License-Identifier: GPL-2.0-only
/*
 * `probe target HOW [ARG]`: a process that ends in the way it is told, for
 * those that watch it. It says `ready`, waits for a line on stdin, and ends.
 * It does not use libaem.
 */
#include <errno.h>
#include <fcntl.h>
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
	volatile int zero = 0;

	setrlimit(RLIMIT_CORE, &none);
	ready();
	return 1 / zero;
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

static void *last_thread(void *unused)
{
	char path[64], state = 0;
	FILE *f;

	(void)unused;
	/* The first thread is a zombie before this is told. */
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'Z') {
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		sched_yield();
	}
	ready();
	exit(arg);
}

/* The first thread ends before the last. */
static int end_leader_first(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, last_thread, NULL);
	syscall(SYS_exit, 0);
	return 99;
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
	for (;;)
		pause();
	return NULL;
}

/* Has a second thread, whose id it tells. */
static int end_threaded(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, idle_thread, NULL);
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

/* Its child is reaped by the kernel: `child PID`; it ends on the next line. */
static int end_autoreap(void)
{
	int gate[2];
	char byte;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	if (pipe(gate) < 0)
		return 98;
	pid = fork();
	if (!pid) {
		close(gate[1]);
		if (read(gate[0], &byte, 1) < 0)
			_exit(97);
		_exit(arg);
	}
	close(gate[0]);
	say("child", pid);
	ready();
	close(gate[1]);
	wait_for_line();
	return 0;
}

/* A child that is traced, stopped and let go on: `child PID`. */
static int end_traced(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(arg);
	}
	waitpid(pid, &status, 0);
	say("child", pid);
	ready();
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	say("ended", WEXITSTATUS(status));
	wait_for_line();
	return 0;
}

static int clone_body(void *unused)
{
	char byte;

	(void)unused;
	/* Waits for what the parent writes when it is told to. */
	while (read(201, &byte, 1) < 0 && errno == EINTR)
		;
	syscall(SYS_exit_group, arg);
	return 0;
}

/* A child with its parent's memory and no exit signal: `child PID`. */
static int end_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int gate[2];
	pid_t pid;

	if (pipe(gate) < 0 || dup2(gate[0], 201) < 0)
		return 98;
	pid = clone(clone_body, stack + sizeof(stack), CLONE_VM, NULL);
	say("child", pid);
	ready();
	if (write(gate[1], "x", 1) < 0)
		return 97;
	waitpid(pid, NULL, __WALL);
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

/* A child with a pid of the test's choice: `child PID`. */
static int end_pid(void)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
	int gate[2];
	char byte;
	pid_t pid;

	if (fd < 0 || pipe(gate) < 0)
		return 98;
	if (dprintf(fd, "%ld", arg - 1) < 0)
		return 97;
	pid = fork();
	if (!pid) {
		close(gate[1]);
		if (read(gate[0], &byte, 1) < 0)
			_exit(96);
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

static const struct {
	const char *how;
	int (*end)(void);
} ends[] = {
	{ "return", end_return },
	{ "exit", end_exit },
	{ "signal", end_signal },
	{ "core", end_core },
	{ "segv", end_segv },
	{ "ill", end_ill },
	{ "fpe", end_fpe },
	{ "bus", end_bus },
	{ "thread-exit", end_thread_exit },
	{ "leader-first", end_leader_first },
	{ "exec", end_exec },
	{ "thread-exec", end_thread_exec },
	{ "oom", end_oom },
	{ "undumpable", end_undumpable },
	{ "threaded", end_threaded },
	{ "zombie", end_zombie },
	{ "autoreap", end_autoreap },
	{ "traced", end_traced },
	{ "clone", end_clone },
	{ "namespace", end_namespace },
	{ "pid", end_pid },
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
