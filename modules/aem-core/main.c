// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-core: multiplexes and manages the event modules. It has no event of its
 * own. This file is its device, through which libaem speaks, and its sysctl.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sysctl.h>
#include <linux/uaccess.h>

#include "core.h"

static int aem_open(struct inode *inode, struct file *file)
{
	struct aem_space *space;

	if (!current->mm)
		return -EINVAL;
	space = aem_space_get(current->mm);
	if (!space)
		return -ENOMEM;
	file->private_data = space;
	return nonseekable_open(inode, file);
}

static int aem_release_file(struct inode *inode, struct file *file)
{
	aem_space_put(file->private_data);
	return 0;
}

static int aem_mmap(struct file *file, struct vm_area_struct *vma)
{
	return aem_space_mmap(file->private_data, vma);
}

static long aem_ioc_attach(struct aem_space *space, void __user *arg)
{
	struct aem_attach how;

	if (copy_from_user(&how, arg, sizeof(how)))
		return -EFAULT;
	return aem_task_attach(space, &how);
}

static long aem_ioc_entry(struct aem_space *space, void __user *arg)
{
	struct aem_entry entry;

	if (copy_from_user(&entry, arg, sizeof(entry)))
		return -EFAULT;
	if (entry.pad)
		return -EINVAL;
	return aem_event_register(space, entry.sys_nr,
				  u64_to_user_ptr(entry.args));
}

static long aem_ioc_evctl(struct aem_space *space, void __user *arg)
{
	struct aem_evctl ctl;

	if (copy_from_user(&ctl, arg, sizeof(ctl)))
		return -EFAULT;
	if (ctl.pad)
		return -EINVAL;
	return aem_event_control(space, ctl.eid, ctl.opt, ctl.arg);
}

static long aem_ioc_vmtable(struct aem_space *space, struct file *file,
			    void __user *arg)
{
	struct aem_vmtable table;
	int ret;

	if (copy_from_user(&table, arg, sizeof(table)))
		return -EFAULT;
	ret = aem_space_init_zone(space, file, &table);
	if (ret)
		return ret;
	/* The zone is there; a bad pointer only keeps its caller from it. */
	return copy_to_user(arg, &table, sizeof(table)) ? -EFAULT : 0;
}

static long aem_ioc_wait(struct aem_task *t, void __user *arg)
{
	struct aem_wait wait;

	if (copy_from_user(&wait, arg, sizeof(wait)))
		return -EFAULT;
	return aem_wait_handler(t, wait.deadline);
}

/* What only a thread with a context can ask for. */
static long aem_task_ioctl(struct aem_task *t, unsigned int cmd,
			   void __user *arg)
{
	switch (cmd) {
	case AEM_IOC_NEXT:
		return aem_task_next(t, arg);
	case AEM_IOC_KEEPALIVE:
		return aem_wait_signal();
	case AEM_IOC_WAIT:
		return aem_ioc_wait(t, arg);
	case AEM_IOC_LIVE:
		return min_t(unsigned int, READ_ONCE(t->keepalive), INT_MAX);
	default:
		return -ENOTTY;
	}
}

static long aem_ioctl(struct file *file, unsigned int cmd, unsigned long addr)
{
	struct aem_space *space = file->private_data;
	void __user *arg = (void __user *)addr;

	/* Inherited or passed on: what it stands for is another process's. */
	if (space->mm != current->mm)
		return -EPERM;
	switch (cmd) {
	case AEM_IOC_ATTACH:
		return aem_ioc_attach(space, arg);
	case AEM_IOC_ENTRY:
		return aem_ioc_entry(space, arg);
	case AEM_IOC_EVCTL:
		return aem_ioc_evctl(space, arg);
	case AEM_IOC_VMTABLE:
		return aem_ioc_vmtable(space, file, arg);
	}
	if (!current->aem)
		return -EINVAL;
	return aem_task_ioctl(current->aem, cmd, arg);
}

static const struct file_operations aem_fops = {
	.owner = THIS_MODULE,
	.open = aem_open,
	.release = aem_release_file,
	.mmap = aem_mmap,
	.unlocked_ioctl = aem_ioctl,
};

static struct miscdevice aem_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "aem-core",
	.fops = &aem_fops,
	.mode = 0666,
};

static struct ctl_table aem_sysctls[] = {
	{
		.procname = "max_user_events",
		.data = &aem_max_user_events,
		.maxlen = sizeof(aem_max_user_events),
		.mode = 0644,
		.proc_handler = proc_douintvec,
	},
};

static struct ctl_table_header *aem_sysctl_header;

static int __init aem_core_init(void)
{
	int ret;

	aem_sysctl_header = register_sysctl("aem", aem_sysctls);
	if (!aem_sysctl_header)
		return -ENOMEM;
	ret = aem_task_hook();
	if (ret)
		goto unregister_sysctl;
	ret = misc_register(&aem_device);
	if (ret)
		goto unhook;
	return 0;
unhook:
	aem_task_unhook();
unregister_sysctl:
	unregister_sysctl_table(aem_sysctl_header);
	return ret;
}

static void __exit aem_core_exit(void)
{
	misc_deregister(&aem_device);
	aem_task_unhook();
	unregister_sysctl_table(aem_sysctl_header);
	/* Events freed by RCU callbacks in this module's text. */
	rcu_barrier();
}

module_init(aem_core_init);
module_exit(aem_core_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: the core");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
