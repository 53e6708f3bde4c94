// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-ip: events of TCP and UDP sockets. */
#include <errno.h>
#include <stdint.h>

#include <aem.h>

#include "lib.h"

static struct aem_kind sockets = { .module = "ip" };

int aemIP_init(void)
{
	return aem_kind_init(&sockets);
}

static int aem_ip_register(struct aem_ip_args *args, void *handler,
			   unsigned int flags)
{
	args->head.size = sizeof(*args);
	args->head.flags = flags;
	args->head.handler = (uintptr_t)handler;
	return aem_kind_entry(&sockets, args);
}

/* Of an operation that is of the descriptor alone. */
static int aem_ip_watch(int fd, uint32_t op, void *handler, unsigned int flags)
{
	struct aem_ip_args args = { .fd = fd, .op = op };

	return aem_ip_register(&args, handler, flags);
}

int aemIP_accept_flags(int fd, struct sockaddr *addr, int *addrlen,
		       void *handler, unsigned int flags)
{
	struct aem_ip_args args = { .fd = fd, .op = AEMIP_ACCEPT };

	if (addr) {
		if (!addrlen || *addrlen <= 0) {
			errno = EINVAL;
			return -1;
		}
		args.addr = (uintptr_t)addr;
		args.addrlen = *addrlen;
	}
	return aem_ip_register(&args, handler, flags);
}

int aemIP_accept(int fd, struct sockaddr *addr, int *addrlen, void *handler)
{
	return aemIP_accept_flags(fd, addr, addrlen, handler, 0);
}

int aemIP_read_flags(int fd, void *handler, unsigned int flags)
{
	return aem_ip_watch(fd, AEMIP_READ, handler, flags);
}

int aemIP_read(int fd, void *handler)
{
	return aemIP_read_flags(fd, handler, 0);
}

int aemIP_close_flags(int fd, void *handler, unsigned int flags)
{
	return aem_ip_watch(fd, AEMIP_CLOSE, handler, flags);
}

int aemIP_close(int fd, void *handler)
{
	return aemIP_close_flags(fd, handler, 0);
}

int aemIP_connect_flags(int fd, void *handler, unsigned int flags)
{
	return aem_ip_watch(fd, AEMIP_CONNECT, handler, flags);
}

int aemIP_connect(int fd, void *handler)
{
	return aemIP_connect_flags(fd, handler, 0);
}

int aemIP_write_flags(int fd, void *handler, unsigned int flags)
{
	return aem_ip_watch(fd, AEMIP_WRITE, handler, flags);
}

int aemIP_write(int fd, void *handler)
{
	return aemIP_write_flags(fd, handler, 0);
}

int aemIP_take(unsigned int eid, void *buf, int len)
{
	struct aem_ip_take take = { .addr = (uintptr_t)buf, .len = len };

	if (len < 0) {
		errno = EINVAL;
		return -1;
	}
	return aem_evctl(eid, EVIP_TAKE, (uintptr_t)&take);
}
