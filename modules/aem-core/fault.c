// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test builds only: which seeded fault is to show, by the id of the
 * requirement that it violates. Empty for none.
 */
#include <linux/module.h>
#include <linux/string.h>

#include "core.h"

static char fault[32];
module_param_string(fault, fault, sizeof(fault), 0644);
MODULE_PARM_DESC(fault, "the requirement to violate");

bool aem_faulty(const char *requirement)
{
	return sysfs_streq(fault, requirement);
}
EXPORT_SYMBOL_GPL(aem_faulty);
