// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-core's calls: the way to the kernel, registering and control. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <aem.h>

#include "lib.h"

static int core_fd = -1;
static bool fork_handled;
/* In the static TLS block: nothing is allocated when a handler reads it. */
__thread struct aem_ring *aem_ring __attribute__((tls_model("initial-exec")));

void aem_close(int fd)
{
	int saved = errno;

	/* Nothing was written through it, so there is nothing to be lost. */
	(void)close(fd);
	errno = saved;
}

/*
 * In a fork child. What it inherited stands for its parent's address space,
 * and it has no context.
 */
void aem_forget(void)
{
	int fd = core_fd;

	core_fd = -1;
	aem_ring = NULL;
	if (fd >= 0)
		aem_close(fd);
}

/*
 * Twice does no harm, so threads need not agree who does it. No handler comes
 * here the first time: it would need the descriptor that is not open yet.
 */
static int aem_handle_fork(void)
{
	int err;

	if (__atomic_load_n(&fork_handled, __ATOMIC_ACQUIRE))
		return 0;
	err = pthread_atfork(NULL, NULL, aem_forget);
	if (err) {
		errno = err;
		return -1;
	}
	__atomic_store_n(&fork_handled, true, __ATOMIC_RELEASE);
	return 0;
}

/* Never one of the standard streams, which a program may have closed. */
static int aem_open(void)
{
	int fd, high;

	fd = open("/dev/aem-core", O_RDWR | O_CLOEXEC);
	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	aem_close(fd);
	return high;
}

int aem_core_fd(void)
{
	int fd = __atomic_load_n(&core_fd, __ATOMIC_ACQUIRE);
	int first = -1;

	if (fd >= 0)
		return fd;
	if (aem_handle_fork() < 0)
		return -1;
	fd = aem_open();
	if (fd < 0)
		return -1;
	if (__atomic_compare_exchange_n(&core_fd, &first, fd, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fd;
	/* Another thread was faster. */
	aem_close(fd);
	return first;
}

int aem_core_attach(void)
{
	struct aem_attach how = {
		.dispatcher = (uintptr_t)aem_dispatcher,
		.restorer = (uintptr_t)aem_restorer,
	};
	int fd;

	fd = aem_core_fd();
	if (fd < 0 || aem_ring)
		return fd;
	if (ioctl(fd, AEM_IOC_ATTACH, &how) < 0)
		return -1;
	aem_ring = (struct aem_ring *)(uintptr_t)how.ring;
	return fd;
}

int aem_core_attached(void)
{
	return aem_ring ? aem_core_fd() : -1;
}

int aem_reopen(void)
{
	__atomic_store_n(&core_fd, -1, __ATOMIC_RELEASE);
	return aem_core_fd();
}

int aem_core_inherited(void)
{
	return core_fd;
}

int aemCORE_init(void)
{
	return aem_core_fd() < 0 ? -1 : 0;
}

int aem_entry(int sys_nr, void *args)
{
	struct aem_entry entry = {
		.sys_nr = sys_nr,
		.args = (uintptr_t)args,
	};
	int fd, id, saved;

	fd = aem_core_attach();
	if (fd < 0 || aem_wait_at_exit() < 0)
		return -1;
	id = ioctl(fd, AEM_IOC_ENTRY, &entry);
	if (id > 0) {
		saved = errno;
		aem_refill();
		errno = saved;
	}
	return id;
}

int aem_evctl(unsigned int eid, unsigned long opt, unsigned long args)
{
	struct aem_evctl ctl = {
		.eid = eid,
		.opt = opt,
		.arg = args,
	};
	int fd;

	if (opt == EVTBLINIT)
		return aem_vmtable_create(args, 0) ? 0 : -1;
	fd = aem_core_fd();
	if (fd < 0)
		return -1;
	return ioctl(fd, AEM_IOC_EVCTL, &ctl);
}

int aemCORE_event_start(unsigned int eid)
{
	return aem_evctl(eid, EVJOBSTART, 0);
}

int aemCORE_event_stop(unsigned int eid)
{
	return aem_evctl(eid, EVJOBSTOP, 0);
}

int aemCORE_event_shutdown(unsigned int eid)
{
	return aem_evctl(eid, EVJOBSHTDN, 0);
}

int aemCORE_event_priority(unsigned int eid, int priority)
{
	/* A negative one becomes far too large, and the kernel says so. */
	return aem_evctl(eid, EVJOBPRIO, priority);
}

int aemCORE_event_books(unsigned int eid, struct aem_books *books)
{
	int fd = aem_core_fd();

	if (fd < 0)
		return -1;
	books->eid = eid;
	return ioctl(fd, AEM_IOC_BOOKS, books);
}
