// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-pexit: an event when a process ends. */
#include <stdint.h>

#include <aem.h>

#include "lib.h"

static struct aem_kind pexit = { .module = "pexit" };

int aemPEXIT_init(void)
{
	return aem_kind_init(&pexit);
}

int aemPEXIT_notify_register_flags(int pid, void *handler, unsigned int flags)
{
	struct aem_pexit_args args = {
		.head.size = sizeof(args),
		.head.flags = flags,
		.head.handler = (uintptr_t)handler,
		.pid = pid,
	};

	return aem_kind_entry(&pexit, &args);
}

int aemPEXIT_notify_register(int pid, void *handler)
{
	return aemPEXIT_notify_register_flags(pid, handler, 0);
}
