// SPDX-License-Identifier: LGPL-2.1-or-later
/* aem-example: an event when somebody writes its id to /dev/aem-example. */
#include <stdint.h>

#include <aem.h>

#include "lib.h"

static struct aem_kind example = { .module = "example" };

int aemEXAMPLE_init(void)
{
	return aem_kind_init(&example);
}

int aemEXAMPLE_register(void *handler, unsigned long cookie, unsigned int flags)
{
	struct aem_example_args args = {
		.head.size = sizeof(args),
		.head.flags = flags,
		.head.handler = (uintptr_t)handler,
		.cookie = cookie,
	};

	return aem_kind_entry(&example, &args);
}
