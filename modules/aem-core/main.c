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
#include <linux/workqueue.h>

#include "aem-compat.h"
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

static long aem_ioc_attach(struct aem_space *space, struct file *file,
			   void __user *arg)
{
	struct aem_attach how;
	int ret;

	if (copy_from_user(&how, arg, sizeof(how)))
		return -EFAULT;
	ret = aem_task_attach(space, file, &how);
	if (ret)
		return ret;
	/* Who cannot be told is attached, and told when asking again. */
	return copy_to_user(arg, &how, sizeof(how)) ? -EFAULT : 0;
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

	if (copy_from_user(&table, arg, sizeof(table)))
		return -EFAULT;
	return aem_space_init_zone(space, file, &table, arg);
}

static long aem_ioc_wait(struct aem_task *t, void __user *arg)
{
	struct aem_wait wait;
	long ret;

	if (copy_from_user(&wait, arg, sizeof(wait)))
		return -EFAULT;
	if (wait.pad)
		return -EINVAL;
	ret = aem_wait_handler(t, &wait);
	/* Also when it failed: a batch that was ended is not to be again. */
	if (!copy_to_user(arg, &wait, sizeof(wait)))
		return ret;
	aem_wait_untold(t, &wait, ret);
	return -EFAULT;
}

static long aem_ioc_books(struct aem_space *space, void __user *arg)
{
	struct aem_books books;
	int ret;

	if (copy_from_user(&books, arg, sizeof(books)))
		return -EFAULT;
	ret = aem_event_books(space, &books);
	if (ret)
		return ret;
	return copy_to_user(arg, &books, sizeof(books)) ? -EFAULT : 0;
}

/* After a handler: what has ended is settled, and its mask is its own. */
static long aem_ioc_settle(struct aem_task *t)
{
	if (!t->depth)
		return -EINVAL;
	aem_task_settle(t);
	aem_task_restore_mask(t);
	return 0;
}

/* What only a thread with a context can ask for. */
static long aem_task_ioctl(struct aem_task *t, unsigned int cmd,
			   unsigned long arg)
{
	switch (cmd) {
	case AEM_IOC_NEXT:
		return aem_task_next(t);
	case AEM_IOC_SETTLE:
		return aem_ioc_settle(t);
	case AEM_IOC_FORK:
		return aem_process_prepare(t, arg);
	case AEM_IOC_UNFORK:
		return aem_process_cancel(t);
	case AEM_IOC_KEEPALIVE:
		return aem_wait_signal();
	case AEM_IOC_WAIT:
		return aem_ioc_wait(t, (void __user *)arg);
	case AEM_IOC_LIVE:
		return min_t(unsigned int, READ_ONCE(t->keepalive), INT_MAX);
	default:
		return -ENOTTY;
	}
}

static long aem_space_ioctl(struct aem_space *space, struct file *file,
			    unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case AEM_IOC_ATTACH:
		return aem_ioc_attach(space, file, arg);
	case AEM_IOC_ENTRY:
		return aem_ioc_entry(space, arg);
	case AEM_IOC_EVCTL:
		return aem_ioc_evctl(space, arg);
	case AEM_IOC_VMTABLE:
		return aem_ioc_vmtable(space, file, arg);
	case AEM_IOC_BOOKS:
		return aem_ioc_books(space, arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static long aem_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct aem_space *space = file->private_data;
	struct aem_task *t = current->aem;
	long ret;

	/* Of its owner's, this is what a handler process can ask for. */
	if (cmd == AEM_IOC_ADOPT)
		return t ? aem_process_adopt(t, file) : -EINVAL;
	if (cmd == AEM_IOC_CAPSULE)
		return t ? aem_capsule_wait(t, file, (void __user *)arg) :
			   -EINVAL;
	/* Inherited or passed on: what it stands for is another process's. */
	if (space->mm != current->mm)
		return -EPERM;
	/* Whatever is asked, it is asked of what is so now. */
	if (t && t->depth) {
		aem_task_unwind(t);
		/* These two end the whole batch. */
		if (cmd != AEM_IOC_NEXT && cmd != AEM_IOC_WAIT)
			aem_task_settle(t);
	}
	ret = aem_space_ioctl(space, file, cmd, (void __user *)arg);
	/* A handler's own call may have revoked the next ones. */
	if (t && READ_ONCE(t->revoked))
		aem_task_settle(t);
	if (ret != -ENOIOCTLCMD)
		return ret;
	if (!t || !t->ring)
		return -EINVAL;
	return aem_task_ioctl(t, cmd, arg);
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

static unsigned int aem_capsules_max = 64;
static unsigned int aem_look_ms_max = 60000;

static struct ctl_table aem_sysctls[] = {
	{
		.procname = "max_user_events",
		.data = &aem_max_user_events,
		.maxlen = sizeof(aem_max_user_events),
		.mode = 0644,
		.proc_handler = proc_douintvec,
	},
	{
		.procname = "max_user_zone_kb",
		.data = &aem_max_user_zone_kb,
		.maxlen = sizeof(aem_max_user_zone_kb),
		.mode = 0644,
		.proc_handler = proc_douintvec,
	},
	{
		.procname = "capsules",
		.data = &aem_capsules,
		.maxlen = sizeof(aem_capsules),
		.mode = 0644,
		.proc_handler = proc_douintvec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &aem_capsules_max,
	},
	{
		.procname = "look_ms",
		.data = &aem_look_ms,
		.maxlen = sizeof(aem_look_ms),
		.mode = 0644,
		.proc_handler = proc_douintvec_minmax,
		.extra1 = SYSCTL_ONE,
		.extra2 = &aem_look_ms_max,
	},
	/* No entry, but the end: see register_sysctl_sz() of old kernels. */
	{ }
};

static struct ctl_table_header *aem_sysctl_header;

struct workqueue_struct *aem_wq;

static int __init aem_core_init(void)
{
	int ret;

	aem_user_init();
	aem_wq = alloc_workqueue("aem", WQ_UNBOUND, 0);
	if (!aem_wq)
		return -ENOMEM;
	ret = aem_watch_init();
	if (ret)
		goto destroy;
	ret = -ENOMEM;
	aem_sysctl_header = register_sysctl_sz("aem", aem_sysctls,
					       ARRAY_SIZE(aem_sysctls) - 1);
	if (!aem_sysctl_header)
		goto unwatch;
	ret = aem_task_hook();
	if (ret)
		goto unregister_sysctl;
	ret = misc_register(&aem_device);
	if (ret)
		goto unhook;
	aem_debugfs_init();
	return 0;
unhook:
	aem_task_unhook();
unregister_sysctl:
	unregister_sysctl_table(aem_sysctl_header);
unwatch:
	aem_watch_exit();
destroy:
	destroy_workqueue(aem_wq);
	return ret;
}

static void __exit aem_core_exit(void)
{
	aem_debugfs_exit();
	misc_deregister(&aem_device);
	aem_task_unhook();
	unregister_sysctl_table(aem_sysctl_header);
	aem_watch_exit();
	/* A retry that has put the last context may still be returning. */
	destroy_workqueue(aem_wq);
	/* Events freed by RCU callbacks in this module's text. */
	rcu_barrier();
}

module_init(aem_core_init);
module_exit(aem_core_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: the core");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
