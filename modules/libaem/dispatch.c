// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The dispatcher: where the kernel enters the program when an event is due.
 *
 * The kernel pushed a signal frame, so all of the interrupted state but errno
 * is in it and comes back when the return into aem_restorer() drops it. The
 * dispatcher runs handler after handler until the kernel has no more for it.
 * An event of a higher priority may interrupt a handler with a dispatcher of
 * its own, on top of this one.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <aem.h>

#include "lib.h"

/*
 * On x86-64 and arm64 a function of fewer and of narrower arguments is called
 * right by this type too: each is in the low part of its own register.
 */
typedef void (*aem_handler_t)(unsigned long a0, unsigned long a1,
			      unsigned long a2, unsigned long a3,
			      unsigned long a4, unsigned long a5);

__thread int aem_dispatchers;

static void aem_call_handler(const struct aem_call *call)
{
	const __u64 *args = call->args;
	aem_handler_t handler = (aem_handler_t)(uintptr_t)call->handler;

	handler(args[0], args[1], args[2], args[3], args[4], args[5]);
}

void aem_dispatcher(int sig, void *info, void *context)
{
	struct aem_call call;
	int saved = errno;

	(void)sig;
	(void)info;
	(void)context;
	aem_dispatchers++;
	/*
	 * An error ends it as well: in the child of a handler that forked
	 * there is nobody to ask, and the handler's return goes on from here.
	 */
	while (ioctl(aem_core_attached(), AEM_IOC_NEXT, &call) == 1)
		aem_call_handler(&call);
	aem_dispatchers--;
	errno = saved;
}
