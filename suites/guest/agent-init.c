// SPDX-License-Identifier: GPL-2.0-only
/* The agent as the target's init: what a machine needs before tests run. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define PORT_NAME	"aemcert.agent"
#define MODULE_LIST	"/lib/aem/modules.load"

static const struct {
	const char *type, *path, *options;
	/* A kernel may have been built without: a test that needs it says so. */
	int optional;
} mounts[] = {
	{ "devtmpfs", "/dev", "mode=0755", 0 },
	{ "proc", "/proc", NULL, 0 },
	{ "sysfs", "/sys", NULL, 0 },
	{ "devpts", "/dev/pts", "ptmxmode=0666", 0 },
	{ "tmpfs", "/dev/shm", "mode=1777", 0 },
	{ "tmpfs", "/tmp", "mode=1777", 0 },
	{ "tmpfs", "/run", "mode=0755", 0 },
	{ "cgroup2", "/sys/fs/cgroup", NULL, 1 },
	{ "debugfs", "/sys/kernel/debug", NULL, 1 },
};

static void problem(struct setup *setup, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	json_array_append_new(setup->problems, json_string(text));
}

static void mount_all(struct setup *setup)
{
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].path, 0755);
		if (!mount(mounts[i].type, mounts[i].path, mounts[i].type, 0,
			   mounts[i].options))
			continue;
		if (mounts[i].optional && (errno == ENODEV || errno == ENOENT))
			continue;
		problem(setup, mounts[i].path);
	}
}

static void put_file(struct setup *setup, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		problem(setup, path);
	if (fd >= 0)
		close(fd);
}

static void load_module(struct setup *setup, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* A kernel without the sockets that a module is for has no use for it. */
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EAFNOSUPPORT))
		problem(setup, path);
	if (fd >= 0)
		close(fd);
}

static void load_modules(struct setup *setup)
{
	FILE *list = fopen(MODULE_LIST, "re");
	char path[256];

	if (!list)
		return;
	while (fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		if (*path)
			load_module(setup, path);
	}
	fclose(list);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* A kernel without IPv4 has no use for it. */
	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
}

/* The device of the virtio port with this name. */
static int find_virtio_port(const char *wanted)
{
	char path[300], name[64];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;
	FILE *f;

	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		return -1;
	while (fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f)) {
			name[strcspn(name, "\n")] = '\0';
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			if (!strcmp(name, wanted))
				fd = open(path, O_RDWR | O_CLOEXEC);
		}
		fclose(f);
	}
	closedir(dir);
	return fd;
}

int open_port(const char *name)
{
	if (*name == '/')
		return open(name, O_RDWR | O_CLOEXEC);
	return find_virtio_port(name);
}

/* A port's name comes a little after the driver, which may be a module. */
static int await_port(const char *name)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int tries, fd = open_port(name);

	for (tries = 0; fd < 0 && tries < 1000; tries++) {
		nanosleep(&pause, NULL);
		fd = open_port(name);
	}
	return fd;
}

/* ROWSxCOLUMNS of the user's terminal, when a shell is wanted. */
static const char *shell_wanted(void)
{
	return getenv("AEMCERT_SHELL");
}

static void set_size(int fd, const char *size)
{
	struct winsize ws = { 0 };

	if (sscanf(size, "%hux%hu", &ws.ws_row, &ws.ws_col) == 2)
		ioctl(fd, TIOCSWINSZ, &ws);
}

static void __attribute__((noreturn)) run_shell(const char *size)
{
	static char *const argv[] = { "sh", "-l", NULL };
	static char *const envp[] = {
		"HOME=/root", "TERM=linux", "USER=root",
		"PATH=/usr/aem/bin:/bin:/sbin:/usr/bin:/usr/sbin", NULL
	};
	pid_t shell = fork(), pid;
	int fd;

	if (!shell) {
		setsid();
		fd = open("/dev/ttyS0", O_RDWR);
		ioctl(fd, TIOCSCTTY, 1);
		set_size(fd, size);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (chdir("/root") < 0)
			perror("/root");
		execve("/bin/sh", argv, envp);
		_exit(127);
	}
	do {
		pid = wait(NULL);
	} while (pid != shell && (pid > 0 || errno == EINTR));
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1);
}

/* Does a CPU still do without high-resolution timers? */
static int coarse_timers(const char *path)
{
	FILE *list = fopen(path, "re");
	int active, coarse = 0;
	char line[256];

	/* A kernel that does not tell is left alone. */
	if (!list)
		return 0;
	while (fgets(line, sizeof(line), list))
		if (sscanf(line, " .hres_active : %d", &active) == 1 && !active)
			coarse = 1;
	fclose(list);
	return coarse;
}

/*
 * x86 runs on a provisional clock until it has measured the real one, and
 * has no high-resolution timers before. A test is not to see the change. On a
 * busy host the measurement of an emulated machine may fail for good: then
 * the host is told, and boots another.
 */
static void await_timers(struct setup *setup)
{
	static const char path[] = "/proc/timer_list";
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int tries;

	for (tries = 0; tries < 300; tries++) {
		setup->coarse = coarse_timers(path);
		if (!setup->coarse)
			return;
		nanosleep(&pause, NULL);
	}
}

int machine_setup(struct setup *setup)
{
	mount_all(setup);
	if (sethostname("aemcert", 7) < 0)
		problem(setup, "hostname");
	loopback_up();
	if (shell_wanted()) {
		load_modules(setup);
		run_shell(shell_wanted());
	}
	/* What the kernel says is evidence; during the boot it was kept short. */
	put_file(setup, "/proc/sys/kernel/printk", "8 4 1 7");
	load_modules(setup);
	await_timers(setup);
	return await_port(PORT_NAME);
}
