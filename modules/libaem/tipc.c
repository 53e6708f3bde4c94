// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-tipc: events of TIPC sockets, and of names and nodes. */
#include <errno.h>
#include <linux/tipc.h>
#include <stdint.h>

#include <aem.h>

#include "lib.h"

static struct aem_kind sockets = { .module = "tipc" };

int aemTIPC_init(void)
{
	return aem_kind_init(&sockets);
}

static int aem_tipc_register(struct aem_tipc_args *args, void *handler,
			     unsigned int flags)
{
	args->head.size = sizeof(*args);
	args->head.flags = flags;
	args->head.handler = (uintptr_t)handler;
	return aem_kind_entry(&sockets, args);
}

static int aem_tipc_watch(int fd, uint32_t op, void *handler, unsigned int flags)
{
	struct aem_tipc_args args = { .fd = fd, .op = op };

	return aem_tipc_register(&args, handler, flags);
}

int aemTIPC_accept_flags(int fd, void *handler, unsigned int flags)
{
	return aem_tipc_watch(fd, AEMTIPC_ACCEPT, handler, flags);
}

int aemTIPC_accept(int fd, void *handler)
{
	return aemTIPC_accept_flags(fd, handler, 0);
}

int aemTIPC_receive_flags(int fd, void *handler, unsigned int flags)
{
	return aem_tipc_watch(fd, AEMTIPC_RECEIVE, handler, flags);
}

int aemTIPC_receive(int fd, void *handler)
{
	return aemTIPC_receive_flags(fd, handler, 0);
}

int aemTIPC_error_flags(int fd, void *handler, unsigned int flags)
{
	return aem_tipc_watch(fd, AEMTIPC_ERROR, handler, flags);
}

int aemTIPC_error(int fd, void *handler)
{
	return aemTIPC_error_flags(fd, handler, 0);
}

int aemTIPC_continue_flags(int fd, void *handler, unsigned int flags)
{
	return aem_tipc_watch(fd, AEMTIPC_CONTINUE, handler, flags);
}

int aemTIPC_continue(int fd, void *handler)
{
	return aemTIPC_continue_flags(fd, handler, 0);
}

int aemTIPC_subscribe_flags(const struct tipc_subscr *what, void *handler,
			    unsigned int flags)
{
	struct aem_tipc_args args = { .fd = -1, .op = AEMTIPC_SUBSCRIBE };

	if (!what) {
		errno = EINVAL;
		return -1;
	}
	args.type = what->seq.type;
	args.lower = what->seq.lower;
	args.upper = what->seq.upper;
	args.timeout = what->timeout;
	args.filter = what->filter;
	return aem_tipc_register(&args, handler, flags);
}

int aemTIPC_subscribe(const struct tipc_subscr *what, void *handler)
{
	return aemTIPC_subscribe_flags(what, handler, 0);
}
