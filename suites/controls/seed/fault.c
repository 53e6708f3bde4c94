// SPDX-License-Identifier: GPL-2.0-only
/* Part of aem-core where faults are seeded: see aem-fault.h. */
#include <linux/export.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

struct aem_fault_keep {
	struct list_head node;
	aem_fault_undo_t undo;
	void *what;
};

static DEFINE_MUTEX(keep_lock);
static LIST_HEAD(kept);
static char fault[32];

bool aem_faulty(const char *requirement)
{
	return sysfs_streq(fault, requirement);
}
EXPORT_SYMBOL_GPL(aem_faulty);

void aem_fault_keep(aem_fault_undo_t undo, void *what)
{
	struct aem_fault_keep *keep = kmalloc(sizeof(*keep), GFP_KERNEL | __GFP_NOFAIL);

	keep->undo = undo;
	keep->what = what;
	mutex_lock(&keep_lock);
	list_add(&keep->node, &kept);
	mutex_unlock(&keep_lock);
}
EXPORT_SYMBOL_GPL(aem_fault_keep);

/* The fault is over, or another one. */
static int fault_set(const char *value, const struct kernel_param *kp)
{
	struct aem_fault_keep *keep, *next;

	mutex_lock(&keep_lock);
	list_for_each_entry_safe(keep, next, &kept, node) {
		keep->undo(keep->what);
		list_del(&keep->node);
		kfree(keep);
	}
	mutex_unlock(&keep_lock);
	return param_set_copystring(value, kp);
}

static const struct kernel_param_ops fault_ops = {
	.set = fault_set,
	.get = param_get_string,
};

static struct kparam_string fault_string = {
	.maxlen = sizeof(fault),
	.string = fault,
};

module_param_cb(fault, &fault_ops, &fault_string, 0644);
MODULE_PARM_DESC(fault, "the requirement to violate");
