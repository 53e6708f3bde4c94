// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: aem/events tells every event and its books, a line each, in the
 * order of their ids; aem/event_size what an event takes, without its kind's
 * part. For root only, as all of debugfs.
 */
#include <linux/debugfs.h>
#include <linux/pid.h>
#include <linux/seq_file.h>

#include "core.h"

static struct dentry *aem_debugfs;
static size_t aem_event_size = sizeof(struct aem_event);

/* The position is the id of the event before. Holds the event. */
static void *aem_events_start(struct seq_file *m, loff_t *pos)
{
	unsigned long id = *pos;
	struct aem_event *ev;

	if (!*pos)
		return SEQ_START_TOKEN;
	ev = aem_event_after(&id);
	*pos = id;
	return ev;
}

static void *aem_events_next(struct seq_file *m, void *v, loff_t *pos)
{
	unsigned long id = *pos;
	struct aem_event *ev;

	if (v != SEQ_START_TOKEN) {
		aem_event_put(v);
		id++;
	}
	ev = aem_event_after(&id);
	*pos = ev ? id : *pos + 1;
	return ev;
}

static void aem_events_stop(struct seq_file *m, void *v)
{
	if (v && v != SEQ_START_TOKEN)
		aem_event_put(v);
}

static const char *aem_event_where(struct aem_event *ev)
{
	if (ev->state & AEM_EV_RUNNING)
		return "running";
	if (ev->state & AEM_EV_STARVED)
		return "starved";
	if (ev->state & AEM_EV_POSTPONED)
		return "postponed";
	if (!(ev->state & AEM_EV_ENABLED))
		return "disabled";
	return ev->state & AEM_EV_QUEUED ? "waiting" : "idle";
}

static int aem_events_show(struct seq_file *m, void *v)
{
	struct aem_event *ev = v;
	struct aem_task *t;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "id kind pid prio flags state pending raised delivered coalesced refused\n");
		return 0;
	}
	t = ev->task;
	spin_lock_irq(&t->lock);
	seq_printf(m, "%u %s %d %u %#x %s %u %llu %llu %llu %u\n", ev->id,
		   ev->kind->name, pid_vnr(t->pid), ev->prio, ev->flags,
		   aem_event_where(ev), ev->pending, ev->raised,
		   ev->delivered, ev->coalesced, ev->refused);
	spin_unlock_irq(&t->lock);
	return 0;
}

static const struct seq_operations aem_events_sops = {
	.start = aem_events_start,
	.next = aem_events_next,
	.stop = aem_events_stop,
	.show = aem_events_show,
};
DEFINE_SEQ_ATTRIBUTE(aem_events);

void aem_debugfs_init(void)
{
	aem_debugfs = debugfs_create_dir("aem", NULL);
	debugfs_create_file("events", 0400, aem_debugfs, NULL,
			    &aem_events_fops);
	debugfs_create_size_t("event_size", 0400, aem_debugfs, &aem_event_size);
}

void aem_debugfs_exit(void)
{
	debugfs_remove(aem_debugfs);
}
