// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kinds of events: what event modules register, and their devices.
 *
 * /dev/aem-<name> answers GET_SYSNR. Its attribute `drain` in sysfs makes the
 * module ready to be unloaded while its events live: writing 1 closes the
 * kind, shuts its events down and waits until their last handlers have
 * returned. Writing 0 opens it again.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "core.h"

static DEFINE_MUTEX(kinds_lock);
static DEFINE_XARRAY_ALLOC1(kinds);
static u32 last_sys_nr;

/* The kind, with its module pinned, or NULL. */
struct aem_kind *aem_kind_get(u32 sys_nr)
{
	struct aem_kind *kind;

	mutex_lock(&kinds_lock);
	kind = xa_load(&kinds, sys_nr);
	if (kind && !try_module_get(kind->owner))
		kind = NULL;
	mutex_unlock(&kinds_lock);
	return kind;
}

void aem_kind_put(struct aem_kind *kind)
{
	module_put(kind->owner);
}

/* Called with the device kept registered, so the kind is there. */
static int aem_kind_open(struct inode *inode, struct file *file)
{
	struct miscdevice *misc = file->private_data;
	struct aem_kind *kind = container_of(misc, struct aem_kind, misc);

	if (!try_module_get(kind->owner))
		return -ENODEV;
	file->private_data = kind;
	return 0;
}

static int aem_kind_close(struct inode *inode, struct file *file)
{
	struct aem_kind *kind = file->private_data;

	aem_kind_put(kind);
	return 0;
}

static ssize_t aem_kind_read(struct file *file, char __user *buf, size_t len,
			     loff_t *pos)
{
	struct aem_kind *kind = file->private_data;

	return kind->read ? kind->read(file, buf, len, pos) : -EINVAL;
}

static ssize_t aem_kind_write(struct file *file, const char __user *buf,
			      size_t len, loff_t *pos)
{
	struct aem_kind *kind = file->private_data;

	return kind->write ? kind->write(file, buf, len, pos) : -EINVAL;
}

static long aem_kind_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct aem_kind *kind = file->private_data;

	if (cmd != GET_SYSNR)
		return -ENOTTY;
	return put_user(kind->sys_nr, (u32 __user *)arg);
}

static const struct file_operations aem_kind_fops = {
	.owner = THIS_MODULE,
	.open = aem_kind_open,
	.release = aem_kind_close,
	.read = aem_kind_read,
	.write = aem_kind_write,
	.unlocked_ioctl = aem_kind_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static ssize_t drain_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t len)
{
	struct miscdevice *misc = dev_get_drvdata(dev);
	struct aem_kind *kind = container_of(misc, struct aem_kind, misc);
	bool close;
	int ret;

	ret = kstrtobool(buf, &close);
	if (ret)
		return ret;

	/* Whoever is registering now is seen below, the next ones are not. */
	down_write(&kind->gate);
	kind->closed = close;
	up_write(&kind->gate);
	if (!close)
		return len;

	aem_events_close(kind);
	ret = wait_event_interruptible(kind->idle, !atomic_read(&kind->live));
	return ret ? ret : len;
}
static DEVICE_ATTR_WO(drain);

static struct attribute *aem_kind_attrs[] = {
	&dev_attr_drain.attr,
	NULL
};
ATTRIBUTE_GROUPS(aem_kind);

/**
 * aem_kind_register - make a kind of event known
 * @kind: filled in by the module; stays in use until aem_kind_unregister()
 *
 * Context: process, may sleep.
 * Return: 0; -EINVAL, -ENOMEM, or what registering the device says.
 */
int aem_kind_register(struct aem_kind *kind)
{
	int ret;

	if (!kind->init || !kind->construct || !kind->shutdown ||
	    kind->args_size < sizeof(struct aem_args) ||
	    kind->args_size > AEM_ARGS_MAX || kind->flags >> 17)
		return -EINVAL;

	snprintf(kind->dev_name, sizeof(kind->dev_name), "aem-%s", kind->name);
	init_rwsem(&kind->gate);
	init_waitqueue_head(&kind->idle);
	atomic_set(&kind->live, 0);
	kind->closed = false;
	kind->cache = kmem_cache_create(kind->dev_name,
					sizeof(struct aem_event) +
					kind->priv_size, 0, SLAB_ACCOUNT, NULL);
	if (!kind->cache)
		return -ENOMEM;

	mutex_lock(&kinds_lock);
	ret = xa_alloc_cyclic(&kinds, &kind->sys_nr, NULL,
			      XA_LIMIT(1, INT_MAX), &last_sys_nr, GFP_KERNEL);
	mutex_unlock(&kinds_lock);
	if (ret < 0)
		goto free_cache;

	kind->misc.minor = MISC_DYNAMIC_MINOR;
	kind->misc.name = kind->dev_name;
	kind->misc.fops = &aem_kind_fops;
	kind->misc.mode = 0666;
	kind->misc.groups = aem_kind_groups;
	ret = misc_register(&kind->misc);
	if (ret)
		goto release;
	/* Now that nothing can fail; the number is reserved, so neither this. */
	mutex_lock(&kinds_lock);
	xa_store(&kinds, kind->sys_nr, kind, GFP_KERNEL);
	mutex_unlock(&kinds_lock);
	return 0;
release:
	mutex_lock(&kinds_lock);
	xa_release(&kinds, kind->sys_nr);
	mutex_unlock(&kinds_lock);
free_cache:
	kmem_cache_destroy(kind->cache);
	return ret;
}
EXPORT_SYMBOL_GPL(aem_kind_register);

/**
 * aem_kind_unregister - forget a kind of event
 * @kind: of which no event is left, as events pin the module
 *
 * Context: process, may sleep.
 */
void aem_kind_unregister(struct aem_kind *kind)
{
	misc_deregister(&kind->misc);
	mutex_lock(&kinds_lock);
	xa_erase(&kinds, kind->sys_nr);
	mutex_unlock(&kinds_lock);
	/* The last events' memory is freed by RCU callbacks, from the cache. */
	rcu_barrier();
	kmem_cache_destroy(kind->cache);
}
EXPORT_SYMBOL_GPL(aem_kind_unregister);
