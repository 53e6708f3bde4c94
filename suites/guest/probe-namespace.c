// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes in namespaces.
 *
 * `probe inside OWNER MAP UID [pid]`, started as root: a namespace that user
 * OWNER makes, with the ids that MAP says, INSIDE:OUTSIDE:COUNT[,...], and a
 * probe in it as user UID; with `pid` in a pid namespace of its own, too.
 * `probe beside PID UID`: a probe in the user namespace of process PID.
 * `probe clocks MONOTONIC BOOTTIME`: a probe in a time namespace whose clocks
 * are so many seconds ahead.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static bool become(unsigned int id)
{
	return !setresgid(id, id, id) && !setresuid(id, id, id);
}

static int run_probe(void)
{
	execl("/proc/self/exe", "probe", NULL);
	perror("probe: exec");
	return 127;
}

static bool write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];
	size_t len = strlen(text);
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, text, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return done;
}

/* INSIDE:OUTSIDE:COUNT[,...] as the kernel wants it. */
static void to_lines(char *map)
{
	for (; *map; map++) {
		if (*map == ':')
			*map = ' ';
		else if (*map == ',')
			*map = '\n';
	}
}

/* A child that is root still, and writes its parent's maps when that closes `gate`. */
static pid_t start_mapper(const char *map, int gate[2])
{
	pid_t owner = getpid(), pid;
	char byte;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid)
		return pid;
	close(gate[1]);
	while (read(gate[0], &byte, 1) > 0)
		;
	_exit(write_proc(owner, "gid_map", map) && write_proc(owner, "uid_map", map) ? 0 : 1);
}

/* What the parent of a pid namespace's first process has to do. */
static int mind(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

int inside_main(int argc, char *argv[])
{
	bool pids = argc > 3 && !strcmp(argv[3], "pid");
	int gate[2], status;
	pid_t mapper, pid;

	if (argc < 3)
		return 2;
	to_lines(argv[1]);
	mapper = start_mapper(argv[1], gate);
	if (mapper < 0 || !become(atoi(argv[0])) ||
	    unshare(CLONE_NEWUSER | (pids ? CLONE_NEWPID : 0)) < 0) {
		perror("probe: unshare");
		return 98;
	}
	close(gate[0]);
	close(gate[1]);
	if (waitpid(mapper, &status, 0) < 0 || status || !become(atoi(argv[2]))) {
		perror("probe: map");
		return 97;
	}
	if (!pids)
		return run_probe();
	pid = fork();
	return pid ? mind(pid) : run_probe();
}

static bool enter(const char *path, int type)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && !setns(fd, type))
		return true;
	perror("probe: setns");
	return false;
}

int beside_main(int argc, char *argv[])
{
	char path[64];

	if (argc < 2)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/ns/user", argv[0]);
	if (!enter(path, CLONE_NEWUSER))
		return 98;
	if (!become(atoi(argv[1]))) {
		perror("probe: become");
		return 97;
	}
	return run_probe();
}

int clocks_main(int argc, char *argv[])
{
	char offsets[96];

	if (argc < 2)
		return 2;
	snprintf(offsets, sizeof(offsets), "monotonic %s 0\nboottime %s 0\n", argv[0], argv[1]);
	if (unshare(CLONE_NEWTIME) < 0 || !write_proc(getpid(), "timens_offsets", offsets)) {
		perror("probe: unshare");
		return 98;
	}
	/* Its children would be in it; it has to go there. */
	return enter("/proc/self/ns/time_for_children", CLONE_NEWTIME) ? run_probe() : 97;
}
