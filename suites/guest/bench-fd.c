// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-fd [-b BATCHES] [-u]
 *
 * What it costs that files can be watched: nanoseconds of an operation, the
 * median of so many batches of them, so that what else the kernel does now and
 * then does not count. By a clock that counts instructions these are
 * instructions.
 *
 *   unpatched  -u: on a kernel without AEM
 *   absent     without aem-fd
 *   loaded     aem-fd is there, and nobody watches
 *   beside     AEM watches another file
 *   aem        AEM watches this file, and the handler of each event runs in it
 *   inotify    inotify watches this file, and each event is read
 *
 * The operations: open and close, read a byte, write a byte, lock and unlock,
 * change the mode. Each event has to be told, once. Lines of the output are as
 * those of bench.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aem.h>

#include "bench.h"

#define PATH	"/tmp/bench-fd"
#define OTHER	"/tmp/bench-fd-other"
#define MODULE	"/lib/aem/aem-fd.ko"

/* Operations, of which one has few interrupts. */
#define BATCH	50

static unsigned int batches = 60;
static unsigned int told;
static int file, notify = -1;

static void do_open(unsigned int i)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);

	(void)i;
	if (fd < 0)
		die(PATH);
	close(fd);
}

static void do_read(unsigned int i)
{
	char byte;

	(void)i;
	if (pread(file, &byte, 1, 0) != 1)
		die("pread");
}

static void do_write(unsigned int i)
{
	(void)i;
	if (pwrite(file, "x", 1, 0) != 1)
		die("pwrite");
}

static void do_lock(unsigned int i)
{
	(void)i;
	if (flock(file, LOCK_EX) < 0 || flock(file, LOCK_UN) < 0)
		die("flock");
}

static void do_chmod(unsigned int i)
{
	if (fchmod(file, i & 1 ? 0644 : 0600) < 0)
		die("fchmod");
}

static const struct operation {
	const char *name;
	void (*run)(unsigned int i);
	unsigned int flags;	/* the band that tells of it ... */
	unsigned int events;	/* ... so often */
	uint32_t mask;	/* of inotify; 0: it does not tell */
} operations[] = {
	{ "open", do_open, F_BOPEN, 1, IN_OPEN },
	{ "read", do_read, F_BIN, 1, IN_ACCESS },
	{ "write", do_write, F_BOUT, 1, IN_MODIFY },
	{ "lock", do_lock, F_BLOCK, 2, 0 },
	{ "mode", do_chmod, F_BMODE, 1, IN_ATTRIB },
};

#define OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

static void on_event(int eid, char *name, int len, int pid, int band)
{
	(void)eid;
	(void)name;
	(void)len;
	(void)pid;
	(void)band;
	told++;
}

static void watch(char *name, unsigned int flags)
{
	int ids[NR_BAND], band;

	aemFD_clear_idset(ids);
	if (aemFD_notify_register(name, flags, on_event, ids) < 0)
		die("aemFD_notify_register");
	for (band = 0; band < NR_BAND; band++)
		if (ids[band] >= 0 && aemCORE_event_start(ids[band]) < 0)
			die("aemCORE_event_start");
}

static void read_notices(void)
{
	const struct inotify_event *event = NULL;
	char buf[4096], *at = buf;
	ssize_t len = read(notify, buf, sizeof(buf));

	if (len < 0)
		die("inotify");
	for (; at < buf + len; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)at;
		told++;
	}
}

/* What an operation takes; the first batch is not counted. */
static void measure(const struct operation *op, unsigned int expected)
{
	long long *took = table(batches + 1, sizeof(*took)), began;
	unsigned int batch, i;

	told = 0;
	for (batch = 0; batch <= batches; batch++) {
		began = now_ns();
		for (i = 0; i < BATCH; i++) {
			op->run(i);
			if (notify >= 0)
				read_notices();
		}
		took[batch] = now_ns() - began;
	}
	printf(",\"%s\":%.0f", op->name, median(took + 1, batches) / BATCH);
	if (told != expected * (batches + 1) * BATCH)
		mismatch("events that were told: %u", told);
}

static void watched_by_aem(const struct operation *op)
{
	if (!aemCORE_vmtable_init(TBL_VZONE, 0))
		die("aemCORE_vmtable_init");
	watch(PATH, op->flags);
	measure(op, op->events);
}

static void watched_by_inotify(const struct operation *op)
{
	if (!op->mask)
		return;
	notify = inotify_init1(IN_CLOEXEC);
	if (notify < 0 || inotify_add_watch(notify, PATH, op->mask) < 0)
		die("inotify");
	measure(op, 1);
}

static void watched_beside(const struct operation *op)
{
	if (!aemCORE_vmtable_init(TBL_VZONE, 0))
		die("aemCORE_vmtable_init");
	watch(OTHER, F_BALL);
	measure(op, 0);
}

static void not_watched(const struct operation *op)
{
	measure(op, 0);
}

/* A new file, that has never been locked, say. Returns it open. */
static int make(const char *name)
{
	int fd;

	unlink(name);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "x", 1) != 1)
		die(name);
	return fd;
}

/* Each operation in a process and on a file of its own. */
static void run(const char *how, void (*with)(const struct operation *op))
{
	int status;
	size_t i;

	printf("{\"begin\":{\"how\":\"%s\"}}\n{\"result\":{\"how\":\"%s\"", how, how);
	for (i = 0; i < OPERATIONS; i++) {
		fflush(stdout);
		if (!fork()) {
			file = make(PATH);
			with(&operations[i]);
			fflush(stdout);
			_exit(0);
		}
		if (wait(&status) < 0 || status)
			die("a measurement failed");
	}
	puts("}}");
	fflush(stdout);
}

static void load(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
		die(MODULE);
	close(fd);
}

int main(int argc, char *argv[])
{
	bool patched = true;
	int option;

	while ((option = getopt(argc, argv, "b:u")) >= 0) {
		if (option == 'b')
			batches = strtoul(optarg, NULL, 10);
		else if (option == 'u')
			patched = false;
		else
			return 2;
	}
	close(make(OTHER));
	printf("{\"start\":{\"plan\":%d,\"nops\":%d,\"nopsNs\":%lld}}\n", patched ? 5 : 1, NOPS,
	       time_nops());
	if (patched) {
		if (syscall(SYS_delete_module, "aem_fd", O_NONBLOCK) < 0)
			die("aem_fd");
		run("absent", not_watched);
		load();
		run("loaded", not_watched);
		run("beside", watched_beside);
		run("aem", watched_by_aem);
		run("inotify", watched_by_inotify);
	} else {
		run("unpatched", not_watched);
	}
	puts("{\"end\":{}}");
	return 0;
}
