// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kinds of events: their numbers, and registration by name. */
#include <errno.h>

#include "internal.h"

static int pexit_nr = -1;
static int example_nr = -1;

/* Registers, and looks the number up first if nobody has. */
static int aem_register(int *nr, const char *module, struct aem_args *args)
{
	int eid, number = __atomic_load_n(nr, __ATOMIC_RELAXED);

	if (number < 0)
		number = aem_lookup(nr, module);
	if (number < 0)
		return -1;
	eid = aem_entry(number, args);
	if (eid > 0 && args->flags & EVF_KEEPALIVE)
		aem_keepalive_at_exit();
	return eid;
}

AEM_PUBLIC int aemPEXIT_init(void)
{
	return aem_lookup(&pexit_nr, "pexit") < 0 ? -1 : 0;
}

AEM_PUBLIC int aemPEXIT_notify_register_flags(int pid, void *handler,
					      unsigned int flags)
{
	struct aem_pexit_args args = {
		.head = {
			.size = sizeof(args),
			.flags = flags,
			.handler = (unsigned long)handler,
		},
		.pid = pid,
	};

	return aem_register(&pexit_nr, "pexit", &args.head);
}

AEM_PUBLIC int aemPEXIT_notify_register(int pid, void *handler)
{
	return aemPEXIT_notify_register_flags(pid, handler, 0);
}

AEM_PUBLIC int aemEXAMPLE_init(void)
{
	return aem_lookup(&example_nr, "example") < 0 ? -1 : 0;
}

AEM_PUBLIC int aemEXAMPLE_register(void *handler, unsigned long cookie,
				   unsigned int flags)
{
	struct aem_example_args args = {
		.head = {
			.size = sizeof(args),
			.flags = flags,
			.handler = (unsigned long)handler,
		},
		.cookie = cookie,
	};

	return aem_register(&example_nr, "example", &args.head);
}
