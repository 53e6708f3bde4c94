// SPDX-License-Identifier: LGPL-2.1-or-later
/* Test builds only: which seeded fault is to show. */
#include <stdlib.h>
#include <string.h>

#include "aem-fault.h"

/*
 * The environment is read once, and aem_core_fd() sees to it that this is not
 * in a handler. Two threads that read it at once find the same.
 */
bool aem_faulty(const char *requirement)
{
	static const char *fault;

	if (!fault) {
		fault = getenv("AEM_FAULT");
		if (!fault)
			fault = "";
	}
	return !strcmp(fault, requirement);
}
