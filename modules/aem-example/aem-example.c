// SPDX-License-Identifier: GPL-2.0-only
/*
 * aem-example: how a module adds a kind of event, in some 200 lines.
 *
 * The event happens when somebody writes its id to /dev/aem-example, and the
 * handler gets the bytes that were written behind it. As the writer chooses,
 * the event is raised from process context, from a softirq or from a
 * hardware interrupt's context.
 *
 * Locking: example_event.lock protects its data. It is taken in process
 * context only.
 */
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "aem-kernel.h"

/* Writes that an event keeps for its handler. */
/* Raises of one write(): they may be made with interrupts disabled. */
#define EXAMPLE_COUNT_MAX	1000
#define EXAMPLE_BACKLOG	256

struct example_data {
	struct list_head node;
	size_t len;
	char bytes[];
};

struct example_event {
	spinlock_t lock;	/* backlog, written, given */
	unsigned int backlog;
	struct list_head written;	/* not given to a handler yet */
	struct example_data *given;	/* to the handler that runs, or ran */
	u64 cookie;
};

static struct aem_kind example_kind;

static int example_init(struct aem_event *ev, const void *argp)
{
	struct example_event *ex = aem_event_priv(ev);
	const struct aem_example_args *args = argp;

	spin_lock_init(&ex->lock);
	INIT_LIST_HEAD(&ex->written);
	ex->cookie = args->cookie;
	ev->each = args->head.flags & AEM_EXAMPLE_EACH;
	return 0;
}

/* The oldest data that no handler was given, or NULL. */
static struct example_data *example_take(struct example_event *ex)
{
	struct example_data *data;

	/* Data comes before its activation, so what is not there is not due. */
	if (list_empty_careful(&ex->written))
		return NULL;
	spin_lock(&ex->lock);
	data = list_first_entry_or_null(&ex->written, struct example_data,
					node);
	if (data) {
		list_del(&data->node);
		ex->backlog--;
	}
	spin_unlock(&ex->lock);
	return data;
}

/* There was no room for it: it stays the oldest. */
static void example_untake(struct example_event *ex, struct example_data *data)
{
	spin_lock(&ex->lock);
	list_add(&data->node, &ex->written);
	ex->backlog++;
	spin_unlock(&ex->lock);
}

/* Right before the handler: its data goes into the zone of its process. */
static int example_construct(struct aem_event *ev, struct aem_delivery *d)
{
	struct example_event *ex = aem_event_priv(ev);
	struct example_data *data;
	void *room;

	d->call.args[3] = ex->cookie;

	data = example_take(ex);
	if (!data)
		return 0;
	room = aem_delivery_data(ev, d, data->len, &d->call.args[1]);
	if (!room) {
		example_untake(ex, data);
		return -ENOSPC;
	}
	memcpy(room, data->bytes, data->len);
	d->call.args[2] = data->len;

	spin_lock(&ex->lock);
	swap(ex->given, data);
	spin_unlock(&ex->lock);
	kfree(data);
	return 0;
}

/* Right after it: what the handler changed is read back. */
static void example_destruct(struct aem_event *ev, struct aem_delivery *d)
{
	struct example_event *ex = aem_event_priv(ev);

	if (!d->data)
		return;
	spin_lock(&ex->lock);
	memcpy(ex->given->bytes, d->data, min(ex->given->len, d->len));
	spin_unlock(&ex->lock);
}

/* It was not called: what it was given is the oldest again. */
static void example_undo(struct aem_event *ev, struct aem_delivery *d)
{
	struct example_event *ex = aem_event_priv(ev);
	struct example_data *data = NULL;

	if (!d->data)
		return;
	spin_lock(&ex->lock);
	if (ev->each || list_empty(&ex->written)) {
		list_add(&ex->given->node, &ex->written);
		ex->backlog++;
	} else {
		/* Merging keeps the latest, which came meanwhile. */
		data = ex->given;
	}
	ex->given = NULL;
	spin_unlock(&ex->lock);
	kfree(data);
}

static void example_shutdown(struct aem_event *ev)
{
	/* The source is example_write(), which holds a reference: nothing. */
}

static void example_release(struct aem_event *ev)
{
	struct example_event *ex = aem_event_priv(ev);
	struct example_data *data, *next;

	list_for_each_entry_safe(data, next, &ex->written, node)
		kfree(data);
	kfree(ex->given);
}

struct example_raise {
	struct aem_event *ev;
	u32 count;
	struct completion done;
	struct irq_work irq;
	struct tasklet_struct tasklet;
};

static void example_raise(struct aem_event *ev, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		aem_raise(ev);
}

static void example_hardirq(struct irq_work *irq)
{
	struct example_raise *raise;

	raise = container_of(irq, struct example_raise, irq);
	WARN_ON_ONCE(!in_hardirq());
	example_raise(raise->ev, raise->count);
	complete(&raise->done);
}

static void example_softirq(struct tasklet_struct *tasklet)
{
	struct example_raise *raise;

	raise = container_of(tasklet, struct example_raise, tasklet);
	WARN_ON_ONCE(!in_serving_softirq());
	example_raise(raise->ev, raise->count);
	complete(&raise->done);
}

static void example_raise_in_softirq(struct aem_event *ev, u32 count)
{
	struct example_raise raise = { .ev = ev, .count = count };

	init_completion(&raise.done);
	tasklet_setup(&raise.tasklet, example_softirq);
	tasklet_schedule(&raise.tasklet);
	wait_for_completion(&raise.done);
	tasklet_kill(&raise.tasklet);
}

static void example_raise_in_hardirq(struct aem_event *ev, u32 count)
{
	struct example_raise raise = { .ev = ev, .count = count };

	init_completion(&raise.done);
	raise.irq = IRQ_WORK_INIT_HARD(example_hardirq);
	irq_work_queue(&raise.irq);
	wait_for_completion(&raise.done);
	irq_work_sync(&raise.irq);
}

static void example_raise_from(struct aem_event *ev,
			       const struct aem_example_fire *fire)
{
	switch (fire->context) {
	case AEM_EXAMPLE_PROCESS:
		example_raise(ev, fire->count);
		return;
	case AEM_EXAMPLE_SOFTIRQ:
		example_raise_in_softirq(ev, fire->count);
		return;
	case AEM_EXAMPLE_HARDIRQ:
		example_raise_in_hardirq(ev, fire->count);
		return;
	}
}

/* Keeps what was written for the handler; merging keeps the latest. */
static int example_keep(struct aem_event *ev, struct example_data *data)
{
	struct example_event *ex = aem_event_priv(ev);
	struct example_data *old = NULL;
	int ret = 0;

	spin_lock(&ex->lock);
	if (!ev->each)
		old = list_first_entry_or_null(&ex->written,
					       struct example_data, node);
	if (old)
		list_del(&old->node);
	else if (ex->backlog == EXAMPLE_BACKLOG)
		ret = -ENOBUFS;
	else
		ex->backlog++;
	if (!ret)
		list_add_tail(&data->node, &ex->written);
	spin_unlock(&ex->lock);
	if (ret)
		aem_refuse(ev);
	kfree(old);
	return ret;
}

static int example_fire(struct aem_event *ev,
			const struct aem_example_fire *fire,
			const char __user *bytes, size_t len)
{
	struct example_data *data;
	int ret;

	if (!aem_event_may_signal(ev))
		return -EPERM;
	if (len) {
		if (!aem_event_zone_size(ev))
			return -ENXIO;
		if (len > aem_event_zone_size(ev))
			return -EMSGSIZE;
		data = kmalloc(struct_size(data, bytes, len),
			       GFP_KERNEL_ACCOUNT);
		if (!data)
			return -ENOMEM;
		data->len = len;
		ret = -EFAULT;
		if (!copy_from_user(data->bytes, bytes, len))
			ret = example_keep(ev, data);
		if (ret) {
			kfree(data);
			return ret;
		}
	}
	example_raise_from(ev, fire);
	return 0;
}

static ssize_t example_write(struct file *file, const char __user *buf,
			     size_t len, loff_t *pos)
{
	struct aem_example_fire fire;
	struct aem_event *ev;
	int ret;

	if (len < sizeof(fire) || len - sizeof(fire) > AEM_EXAMPLE_DATA_MAX)
		return -EINVAL;
	if (copy_from_user(&fire, buf, sizeof(fire)))
		return -EFAULT;
	len -= sizeof(fire);
	if (!fire.count || fire.count > EXAMPLE_COUNT_MAX ||
	    (len && fire.count > 1) || fire.context > AEM_EXAMPLE_HARDIRQ ||
	    fire.pad)
		return -EINVAL;
	ev = aem_event_get(&example_kind, fire.eid);
	if (!ev)
		return -EINVAL;
	ret = example_fire(ev, &fire, buf + sizeof(fire), len);
	aem_event_put(ev);
	return ret ? ret : sizeof(fire) + len;
}

static ssize_t example_read(struct file *file, char __user *buf, size_t len,
			    loff_t *pos)
{
	struct example_event *ex;
	struct aem_event *ev;
	ssize_t ret = -EPERM;
	char *bytes;

	if (*pos < 1 || *pos > INT_MAX)
		return -EINVAL;
	bytes = kmalloc(AEM_EXAMPLE_DATA_MAX, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	ev = aem_event_get(&example_kind, *pos);
	if (!ev) {
		ret = -EINVAL;
		goto out;
	}
	if (aem_event_is_mine(ev)) {
		ex = aem_event_priv(ev);
		spin_lock(&ex->lock);
		ret = ex->given ? min(ex->given->len, len) : 0;
		if (ret)
			memcpy(bytes, ex->given->bytes, ret);
		spin_unlock(&ex->lock);
	}
	aem_event_put(ev);
	if (ret > 0 && copy_to_user(buf, bytes, ret))
		ret = -EFAULT;
out:
	kfree(bytes);
	return ret;
}

static struct aem_kind example_kind = {
	.owner = THIS_MODULE,
	.name = "example",
	.args_size = sizeof(struct aem_example_args),
	.priv_size = sizeof(struct example_event),
	.flags = AEM_EXAMPLE_EACH,
	.init = example_init,
	.construct = example_construct,
	.destruct = example_destruct,
	.undo = example_undo,
	.shutdown = example_shutdown,
	.release = example_release,
	.read = example_read,
	.write = example_write,
};

static int __init example_module_init(void)
{
	return aem_kind_register(&example_kind);
}

static void __exit example_module_exit(void)
{
	aem_kind_unregister(&example_kind);
}

module_init(example_module_init);
module_exit(example_module_exit);

MODULE_DESCRIPTION("Asynchronous event mechanism: an example event module");
MODULE_AUTHOR("The aemcert authors");
MODULE_LICENSE("GPL");
