// SPDX-License-Identifier: GPL-2.0-only
/* Part of aem-core where faults are seeded: see aem-fault.h. */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/string.h>

static char fault[32];
module_param_string(fault, fault, sizeof(fault), 0644);
MODULE_PARM_DESC(fault, "the requirement to violate");

bool aem_faulty(const char *requirement)
{
	return sysfs_streq(fault, requirement);
}
EXPORT_SYMBOL_GPL(aem_faulty);
