// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The dispatcher: where the kernel enters the program when an event is due.
 *
 * The kernel pushed a signal frame, so all of the interrupted state but errno
 * is in it and comes back when the return into aem_restorer() drops it. The
 * dispatcher makes the calls that stand in the thread's ring, batch after
 * batch, until the kernel has no more. An event of a higher priority may
 * interrupt it anywhere with a dispatcher of its own, on top of this one,
 * whose batch has another part of the ring.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <aem.h>

#include "lib.h"

/*
 * On x86-64 and arm64 a function of fewer and of narrower arguments is called
 * right by this type too: each is in the low part of its own register.
 */
typedef void (*aem_handler_t)(unsigned long a0, unsigned long a1,
			      unsigned long a2, unsigned long a3,
			      unsigned long a4, unsigned long a5);

static void aem_call_handler(const struct aem_call *call)
{
	const __u64 *args = call->args;
	aem_handler_t handler = (aem_handler_t)(uintptr_t)call->handler;

	handler(args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* Makes the call its own, unless the kernel has taken it back: its wishes. */
static bool aem_take(struct aem_call *call, __u32 *wish)
{
	__u32 state = __atomic_load_n(&call->state, __ATOMIC_ACQUIRE);

	*wish = state & ~AEM_CALL_STATE;
	return (state & AEM_CALL_STATE) == AEM_CALL_READY &&
	       __atomic_compare_exchange_n(&call->state, &state, AEM_CALL_TAKEN,
					   false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/*
 * In the handler process. Of its parent's it has everything but the zone and
 * the ring. What cannot be called is told by the exit status: 127.
 */
static void __attribute__((noreturn))
aem_run_process(const struct aem_call *call, bool data)
{
	int fd = aem_core_inherited();

	if (data && ioctl(fd, AEM_IOC_ADOPT) < 0)
		_exit(127);
	aem_forget();
	aem_call_handler(call);
	_exit(0);
}

static void __attribute__((noreturn)) aem_run_capsule(void)
{
	int fd = aem_core_inherited();
	struct aem_call call;

	if (ioctl(fd, AEM_IOC_CAPSULE, &call) < 0)
		_exit(errno == ESRCH ? 0 : 127);
	aem_forget();
	aem_call_handler(&call);
	_exit(0);
}

/*
 * The child that the kernel is told of. No signal handler may come between
 * the announcement and the fork: a child of its own would be taken for it.
 */
static pid_t aem_fork(unsigned long index)
{
	int fd = aem_core_attached();
	sigset_t all, mask;
	pid_t pid = -1;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	if (!ioctl(fd, AEM_IOC_FORK, index)) {
		pid = _Fork();
		if (pid < 0)
			ioctl(fd, AEM_IOC_UNFORK);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

static void aem_fork_handler(const struct aem_call *shared, unsigned int index,
			     bool data)
{
	/* The child has no ring. */
	struct aem_call call = *shared;

	if (!aem_fork(index))
		aem_run_process(&call, data);
}

void aem_refill(void)
{
	struct aem_ring *ring = aem_ring;
	pid_t pid;

	/* Each one that is made is counted by the kernel. */
	while (__atomic_load_n(&ring->refill, __ATOMIC_RELAXED)) {
		pid = aem_fork(AEM_FORK_CAPSULE);
		if (!pid)
			aem_run_capsule();
		if (pid < 0)
			return;
	}
}

/* Makes a call. False: this is a child of the handler, and has no ring. */
static bool aem_make(struct aem_ring *ring, unsigned int index)
{
	struct aem_call *call = &ring->calls[index];
	__u32 wish;

	if (!aem_take(call, &wish))
		return true;
	if (wish & AEM_CALL_FORK) {
		aem_fork_handler(call, index, wish & AEM_CALL_DATA);
		return true;
	}
	aem_call_handler(call);
	if (!aem_ring)
		return false;
	__atomic_store_n(&call->state, AEM_CALL_DONE, __ATOMIC_RELEASE);
	if (wish & AEM_CALL_SETTLE ||
	    __atomic_load_n(&ring->attention, __ATOMIC_RELAXED))
		ioctl(aem_core_attached(), AEM_IOC_SETTLE);
	return true;
}

bool aem_make_batch(unsigned int batch)
{
	unsigned int index = AEM_BATCH_FIRST(batch);
	unsigned int end = index + AEM_BATCH_COUNT(batch);
	struct aem_ring *ring = aem_ring;
	int saved = errno;
	bool more = true;

	while (more && index < end)
		more = aem_make(ring, index++);
	if (more && __atomic_load_n(&ring->refill, __ATOMIC_RELAXED))
		aem_refill();
	errno = saved;
	return more;
}

void aem_dispatcher(int sig, void *info, void *context)
{
	int batch = ((siginfo_t *)info)->si_int;
	int saved = errno;

	(void)sig;
	(void)context;
	while (batch > 0 && aem_make_batch(batch)) {
		batch = ioctl(aem_core_attached(), AEM_IOC_NEXT);
		/* The program closed what was not its own: another one does. */
		if (batch < 0 && errno == EBADF && aem_reopen() >= 0)
			batch = ioctl(aem_core_attached(), AEM_IOC_NEXT);
	}
	errno = saved;
}

int aem_dispatching(void)
{
	return aem_core_attached() >= 0 ? aem_ring->depth : 0;
}
