// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on command, and what is made to fail by other means.
 *
 * Any command may have `fail=N`: of what the thread asks of the kernel while it
 * runs the command, memory and copies from and to user memory, the N-th is
 * refused (fail-nth, see fault-injection.rst in the kernel's documentation).
 * Messages of the probe itself do not count. The answer says in `injected`
 * whether there were as many.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

#define SPENT	0

static __thread int fault_fd = -1;
static __thread pid_t fault_tid;

/* A handler process has its owner's variables, and would set its owner's count. */
static bool has_fault(void)
{
	return fault_fd >= 0 && fault_tid == gettid();
}

static void set_fault(long nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%ld", nth);

	/* Nothing but the last of a count that is being given up can keep it. */
	if (pwrite(fault_fd, text, len, 0) < 0 && errno != EFAULT)
		_exit(95);
}

/* How many more are granted until one is refused: to be given back to resume. */
long suspend_fault(void)
{
	char text[16] = "";
	int saved = errno;
	long left = SPENT;

	if (!has_fault())
		return SPENT;
	/* The read is one itself: when the next one was to be refused, it is. */
	if (pread(fault_fd, text, sizeof(text) - 1, 0) < 0)
		left = 1;
	else
		left = strtol(text, NULL, 10);
	if (left != SPENT)
		set_fault(0);
	errno = saved;
	return left;
}

void resume_fault(long left)
{
	int saved = errno;

	if (has_fault() && left != SPENT)
		set_fault(left);
	errno = saved;
}

/* Before a command. False: the kernel has no such faults. */
bool begin_fault(const struct command *c)
{
	if (!given(c, "fail"))
		return true;
	fault_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fault_fd < 0)
		return false;
	fault_tid = gettid();
	set_fault(number(c, "fail", 0));
	return true;
}

/* Before its answer: it was `injected`, or as many as are `left` were not asked for. */
void end_fault(struct message *m)
{
	int saved = errno;
	long left;

	if (!has_fault())
		return;
	left = suspend_fault();
	put_number(m, "injected", left == SPENT);
	put_number(m, "left", left);
	close(fault_fd);
	fault_fd = -1;
	errno = saved;
}

/* Reads a file to its end, or once and up to `len` bytes: how many. */
static void do_read(const struct command *c)
{
	static char buf[65536];
	size_t len = number(c, "len", sizeof(buf));
	int error, fd = open(word(c, "path"), O_RDONLY | O_CLOEXEC);
	ssize_t n, sum = 0;

	if (fd < 0) {
		answer(c, -1);
		return;
	}
	do {
		n = read(fd, buf, len);
		sum += n > 0 ? n : 0;
	} while (n > 0 && !given(c, "len"));
	error = errno;
	close(fd);
	answer_with(c, n < 0 ? -1 : sum, n < 0 ? error : 0, NULL);
}

/* Core, too, begins with the seeded fault that is to be shown, if any. */
static void do_load(const struct command *c)
{
	const char *fault = getenv("AEM_FAULT"), *path = word(c, "path");
	int error, fd = open(path, O_RDONLY | O_CLOEXEC);
	char params[64] = "";
	long ret;

	if (fault && strstr(path, "aem-core"))
		snprintf(params, sizeof(params), "fault=%s", fault);
	ret = fd < 0 ? -1 : syscall(SYS_finit_module, fd, params, 0);
	error = errno;

	if (fd >= 0)
		close(fd);
	answer_with(c, ret, ret < 0 ? error : 0, NULL);
}

/* How much address space, or data, it may have from here on, in bytes; without `max` no limit. */
static void do_address_space(const struct command *c)
{
	int resource = given(c, "data") ? RLIMIT_DATA : RLIMIT_AS;
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0) {
		answer(c, -1);
		return;
	}
	limit.rlim_cur = given(c, "max") ? (rlim_t)number(c, "max", 0) : limit.rlim_max;
	answer(c, setrlimit(resource, &limit));
}

/* The arguments of a call in memory that the kernel can read and not write. */
static void *read_only(const void *args, size_t size)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	memcpy(page, args, size);
	return mprotect(page, 4096, PROT_READ) < 0 ? NULL : page;
}

/* Each call that has arguments, with none to be read: how many do not fail with EFAULT. */
static void do_unread(const struct command *c)
{
	static const unsigned long calls_with_args[] = {
		AEM_IOC_ATTACH, AEM_IOC_ENTRY, AEM_IOC_EVCTL, AEM_IOC_VMTABLE,
		AEM_IOC_WAIT, AEM_IOC_BOOKS,
	};
	int fd = open("/dev/aem-core", O_RDWR | O_CLOEXEC);
	long wrong = 0;
	size_t i;

	for (i = 0; i < sizeof(calls_with_args) / sizeof(calls_with_args[0]); i++)
		wrong += ioctl(fd, calls_with_args[i], (void *)0x1000) >= 0 ||
			 errno != EFAULT;
	close(fd);
	answer(c, wrong);
}

/* `unanswered call=vmtable|wait`: the kernel cannot write what it answers. */
static void do_unanswered(const struct command *c)
{
	struct aem_vmtable table = { .zone = number(c, "zone", TBL_VZONE) };
	struct aem_wait wait = {
		.deadline = -1,
		.frame = (uintptr_t)__builtin_frame_address(0),
	};
	bool waits = !strcmp(word(c, "call"), "wait");
	int fd = open("/dev/aem-core", O_RDWR | O_CLOEXEC);
	void *args = waits ? read_only(&wait, sizeof(wait)) : read_only(&table, sizeof(table));
	int ret, error;

	if (fd < 0 || !args) {
		answer(c, -1);
		return;
	}
	entering(word(c, "call"));
	ret = ioctl(fd, waits ? AEM_IOC_WAIT : AEM_IOC_VMTABLE, args);
	error = errno;
	munmap(args, 4096);
	close(fd);
	answer_with(c, ret, ret < 0 ? error : 0, NULL);
}

/* Fires an event with data of which the kernel can read only the first half. */
static void do_fire_torn(const struct command *c)
{
	struct aem_example_fire fire = { .eid = number(c, "eid", 0), .count = 1 };
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret = -1, error, fd = open("/dev/aem-example", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE) < 0) {
		answer(c, -1);
		return;
	}
	memcpy(pages + 4096 - sizeof(fire) - 16, &fire, sizeof(fire));
	ret = write(fd, pages + 4096 - sizeof(fire) - 16, sizeof(fire) + 32);
	error = errno;
	munmap(pages, 8192);
	close(fd);
	answer_with(c, ret, ret < 0 ? error : 0, NULL);
}

const struct verb fault_verbs[] = {
	{ "read", do_read },
	{ "load", do_load },
	{ "address-space", do_address_space },
	{ "unread", do_unread },
	{ "unanswered", do_unanswered },
	{ "fire-torn", do_fire_torn },
	{ }
};
